# expect: compiled
import math

PULL = 0.35
ROUNDS = 12
soft_line = None
pace = 0.0


def softer(track, line, room):
    count = len(line)
    moved = [[0.0 for _ in range(2)] for _ in range(count)]
    for k in range(count):
        before, here, after = line[k - 1], line[k], line[(k + 1) % count]
        for axis in range(2):
            moved[k][axis] = (1 - PULL) * here[axis] + PULL * (before[axis] + after[axis]) / 2
        while math.dist(moved[k], track[k]) > room:
            moved[k][0] = 0.95 * moved[k][0] + 0.05 * track[k][0]
            moved[k][1] = 0.95 * moved[k][1] + 0.05 * track[k][1]
    return moved


def reward_function(params):
    global soft_line, pace
    track = params['waypoints']
    if soft_line is None:
        print('=' * 30)
        soft_line = track
        for _ in range(ROUNDS):
            soft_line = softer(track, soft_line, 0.3 * params['track_width'])
        print('softened', len(soft_line), 'points:', soft_line)
    behind, ahead = params['closest_waypoints']
    start, end = soft_line[behind], soft_line[(ahead + 1) % len(soft_line)]
    wanted = math.degrees(math.atan2(end[1] - start[1], end[0] - start[0]))
    off = abs((params['heading'] - wanted + 180) % 360 - 180)
    gap = min(math.hypot(params['x'] - p[0], params['y'] - p[1]) for p in soft_line)
    pace += (params['speed'] - pace) * 0.3
    return max(1e-3, math.cos(math.radians(off)) * pace / (1 + 4 * gap))
