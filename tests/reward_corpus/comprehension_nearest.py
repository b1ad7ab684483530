# expect: compiled
def reward_function(params):
    x, y = params['x'], params['y']
    waypoints = params['waypoints']
    squares = [(wx - x) ** 2 + (wy - y) ** 2 for wx, wy in waypoints]
    best = min(squares)
    index = squares.index(best)
    second = sorted(squares)[1]
    near = [i for i, s in enumerate(squares) if s < 1.0]
    any_far = any(s > 16 for s in squares)
    all_near = all([s < 100 for s in squares])
    widest = max(range(len(squares)), key=lambda k: squares[k])
    return (best ** 0.5 + second ** 0.5 + len(near) / 10 + index / 100
            + any_far + 2 * all_near + widest / 1000)
