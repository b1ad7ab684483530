# expect: compiled
milestones = {10: False, 25: False, 50: False, 75: False}
bonus = {10: 1.0, 25: 2.5, 50: 5, 75: 7.5}

def reward_function(params):
    reward = 0.01
    if params['steps'] <= 2:
        for m in milestones:
            milestones[m] = False
    for m, done in milestones.items():
        if not done and params['progress'] >= m:
            milestones[m] = True
            reward += bonus[m]
    return reward
