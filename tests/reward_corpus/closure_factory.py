# expect: compiled
def make_band(limit, value):
    def band(params):
        return value if params['distance_from_center'] <= limit * params['track_width'] else 0.0
    return band

BANDS = [make_band(0.1, 1.0), make_band(0.25, 0.5), make_band(0.5, 0.1)]

def reward_function(params):
    best = 1e-3
    for band in BANDS:
        got = band(params)
        if got > best:
            best = got
    return best
