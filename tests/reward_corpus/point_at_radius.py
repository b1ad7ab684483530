# expect: compiled
# Steers at the point where the line, refined and read in the driving direction, leaves a circle.
import math

EARLY = [*range(0, 30), *range(60, 75), 90]
REFINE = 6


def gap(a, b):
    return math.hypot(a[0] - b[0], a[1] - b[1])


def in_order(params):
    if params["is_left_of_center"]:
        return list(reversed(params["waypoints"]))
    return params["waypoints"]


def refined(points):
    n = len(points)
    return [
        [points[k][axis] + (points[(k + 1) % n][axis] - points[k][axis]) * j / REFINE for axis in (0, 1)]
        for k in range(n)
        for j in range(REFINE)
    ]


def target(params):
    points = refined(in_order(params))
    car = [params["x"], params["y"]]
    away = [gap(point, car) for point in points]
    first = away.index(min(away))
    turned = [points[(first + k) % len(points)] for k in range(len(points))]
    inside = [gap(point, car) < params["track_width"] for point in turned]
    return turned[inside.index(False)]


def reward_function(params):
    late = [*range(30, 60), *range(75, 90)]
    x, y = target(params)
    bearing = math.degrees(math.atan2(y - params["y"], x - params["x"]))
    error = (bearing - params["heading"] + 180) % 360 - 180 - params["steering_angle"]
    here = params["closest_waypoints"][1]
    bonus = 0.2 if here in EARLY else 0.1 if here in late else 0
    return max(1 - abs(error) / 60, 0.01) + bonus
