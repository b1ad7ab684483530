# expect: compiled
import numpy as np

def reward_function(params):
    points = np.array(params['waypoints'])
    car = np.array([params['x'], params['y']])
    gaps = np.linalg.norm(points - car, axis=1)
    nearest = int(np.argmin(gaps))
    n = len(points)
    ahead = points[(nearest + 5) % n]
    vector = ahead - car
    want = np.degrees(np.arctan2(vector[1], vector[0]))
    error = np.abs((want - params['heading'] + 180) % 360 - 180)
    spread = np.std(gaps) + gaps.mean() + np.sum(gaps) / n
    return float(np.exp(-error / 30.0) + 1e-3 * spread + gaps.min())
