# expect: compiled
def reward_function(params):
    prev, nxt = params['closest_waypoints']
    n = len(params['waypoints']) - 1
    half = n // 2
    back = (prev - 3) % n
    sector = nxt * 4 // n
    parity = -1 if nxt % 2 else 1
    steps = int(params['steps'])
    score = (steps // 7) - (-steps // 7) + divmod(steps, 5)[1]
    bits = (nxt & 3) | (1 << (prev % 3))
    rounded = round(params['speed']) + round(params['heading'] / 10, 1) + round(2.5) + round(params['x'], 2)
    power = 2 ** (steps % 4) + nxt ** 2 / 100
    clipped = min(max(sector, 1), 3)
    return score + bits + rounded + power + clipped + parity * (back > half) + abs(-half)
