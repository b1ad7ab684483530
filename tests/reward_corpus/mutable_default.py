# expect: compiled
def reward_function(params, memory={'last': 0.0, 'count': 0}, trail=[]):
    gained = params['progress'] - memory['last']
    memory['last'] = params['progress']
    memory['count'] += 1
    trail.append((params['x'], params['y']))
    if len(trail) > 3:
        del trail[0]
    moved = 0.0
    for (x1, y1), (x2, y2) in zip(trail, trail[1:]):
        moved += ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    return max(gained, 0) + moved + 1 / memory['count']
