# expect: compiled
import numpy as np

def reward_function(params):
    sigma = params['track_width'] / 4.0
    distance = params['distance_from_center']
    reward = np.exp(-0.5 * (distance / sigma) ** 2)
    speed_term = np.clip(params['speed'] / 4.0, 0, 1)
    return float(reward * (0.3 + 0.7 * speed_term))
