"""Learning as mathematics: PPO, imitation, descent, and the learner that holds the networks."""
