# expect: compiled
import numpy as np

LINE = np.array([[6.9, 2.5, 3.9], [6.3, 3.5, 3.5], [4.8, 4.2, 2.5], [3.0, 4.2, 1.9], [1.0, 4.0, 1.8],
                 [-0.3, 2.7, 2.6], [1.3, 0.8, 1.7], [3.2, 0.5, 2.0], [5.4, 0.5, 3.3]])

def reward_function(params):
    gaps = np.sqrt((LINE[:, 0] - params['x']) ** 2 + (LINE[:, 1] - params['y']) ** 2)
    k = np.argmin(gaps)
    target = LINE[k, 2]
    speed_term = 1 - np.clip(abs(params['speed'] - target) / 2, 0, 1)
    blend = np.interp(gaps[k], [0, 0.5, 1.0], [1.0, 0.4, 0.0])
    return float(speed_term + blend + np.mean([gaps[k], target]))
