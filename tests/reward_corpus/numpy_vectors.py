# expect: compiled
import numpy as np

def reward_function(params):
    wp = params['waypoints']
    prev, nxt = params['closest_waypoints']
    a = np.array(wp[prev])
    b = np.array(wp[nxt])
    car = np.array([params['x'], params['y']])
    ab = b - a
    length = np.linalg.norm(ab)
    if length < 1e-9:
        return 1e-3
    unit = ab / length
    heading = np.radians(params['heading'])
    forward = np.array([np.cos(heading), np.sin(heading)])
    alignment = np.dot(unit, forward)
    cross = np.abs(np.cross(unit, car - a))
    reward = 0.5 + 0.5 * alignment - cross / params['track_width']
    return float(np.maximum(reward, 1e-3))
