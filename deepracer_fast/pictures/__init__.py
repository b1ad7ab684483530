"""Pictures of what the package knows: tracks, rewards, actions, replays, and films."""
