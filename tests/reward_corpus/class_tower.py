# expect: compiled
# Classes over classes that ask the one below, and points that are a tuple or a list.


class Part:
    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def score(self, params):
        return self.weight


class Pace(Part):
    def __init__(self, weight, top):
        super().__init__(weight)
        self.top = top

    def score(self, params):
        return super().score(params) * min(params["speed"] / self.top, 1)


class Clean(Pace):
    def score(self, params):
        return super().score(params) * (1 if params["all_wheels_on_track"] else 0.1)


KEPT = Clean(2.0, 4.0)


def aim(params):
    point = params["waypoints"][params["closest_waypoints"][1]]
    if params["is_left_of_center"]:
        point = [point[0] + 0.1, point[1]]
    return point


def reward_function(params):
    x, y = aim(params)
    xs, ys = zip(*params["waypoints"])
    nearest, second, *rest = sorted(abs(value - x) for value in xs)
    gap = ((x - params["x"]) ** 2 + (y - params["y"]) ** 2) ** 0.5
    bonus = Pace(1.0, 3.0).score(params) + second - nearest + 0.001 * len(rest) + max(ys) / 100
    return KEPT.score(params) + bonus - 0.1 * gap
