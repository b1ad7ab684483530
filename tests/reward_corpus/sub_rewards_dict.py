# expect: compiled
import math

def reward_function(params):
    w = {'distance': 2.0, 'speed': 1.0, 'heading': 1.5}
    parts = {}
    half = params['track_width'] / 2
    parts['distance'] = max(0.0, 1 - (params['distance_from_center'] / half) ** 2)
    parts['speed'] = params['speed'] / 4
    i, j = params['closest_waypoints']
    (x1, y1), (x2, y2) = params['waypoints'][i], params['waypoints'][j]
    direction = math.degrees(math.atan2(y2 - y1, x2 - x1))
    diff = (direction - params['heading'] + 180) % 360 - 180
    parts['heading'] = math.cos(math.radians(diff))
    for name, value in parts.items():
        print(f'{name}: {value:.3f}')
    total = sum(w[k] * parts[k] for k in parts)
    return total / sum(w.values()) if params['all_wheels_on_track'] else 1e-3
