# expect: interpreted
from shapely.geometry import LineString, Point

RACING_LINE = LineString([(6.9, 2.5), (6.3, 3.5), (4.8, 4.2), (3.0, 4.2), (1.0, 4.0), (-0.3, 2.7),
                          (1.3, 0.8), (3.2, 0.5), (5.4, 0.5), (6.9, 2.5)])

def reward_function(params):
    spot = Point(params['x'], params['y'])
    off = RACING_LINE.distance(spot)
    return max(1e-3, 1.0 - off / params['track_width'])
