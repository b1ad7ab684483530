# expect: compiled
import math

LOOK_AHEAD = 6

def get_waypoints_ahead(waypoints, start, count):
    n = len(waypoints)
    return [waypoints[(start + i) % n] for i in range(count)]

def angle_between(a, b, c):
    v1 = math.atan2(b[1] - a[1], b[0] - a[0])
    v2 = math.atan2(c[1] - b[1], c[0] - b[0])
    diff = v2 - v1
    while diff > math.pi:
        diff -= 2 * math.pi
    while diff < -math.pi:
        diff += 2 * math.pi
    return diff

def reward_function(params):
    wp = params['waypoints']
    nxt = params['closest_waypoints'][1]
    points = get_waypoints_ahead(wp, nxt, LOOK_AHEAD)
    total = 0.0
    for i in range(len(points) - 2):
        if points[i] == points[i + 1] or points[i + 1] == points[i + 2]:
            continue
        total += abs(angle_between(points[i], points[i + 1], points[i + 2]))
    curvature = math.degrees(total)
    speed = params['speed']
    if curvature < 10:
        return 1.0 + speed
    elif curvature < 40:
        return 1.0 + 0.5 * speed
    return max(0.1, 2.0 - 0.3 * speed)
