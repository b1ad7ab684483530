# expect: compiled
clamp = lambda v, lo=0.0, hi=1.0: max(lo, min(hi, v))
square = lambda v: v * v

def reward_function(params):
    terms = [
        lambda p: clamp(1 - p['distance_from_center'] / p['track_width']),
        lambda p: clamp(p['speed'] / 4),
    ]
    values = [term(params) for term in terms]
    total = sum(map(square, values))
    large = list(filter(lambda v: v > 0.5, [params['speed'], abs(params['x']), abs(params['y'])]))
    return total + 0.1 * len(large) + 0.01 * sum(large)
