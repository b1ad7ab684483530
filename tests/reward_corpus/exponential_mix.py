# expect: compiled
import math

def _sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x))

def reward_function(p):
    center = math.exp(-3.0 * p['distance_from_center'] / p['track_width'])
    fast = _sigmoid(2 * (p['speed'] - 1.5))
    smooth = math.pow(math.cos(math.radians(p['steering_angle'])), 2)
    penalty = 0.1 if not p['all_wheels_on_track'] else 1
    return max(1e-3, (center + fast + smooth) / 3 * penalty)
