# expect: compiled
class Base:
    weight = 1.0

    def score(self, params):
        raise NotImplementedError

    def weighted(self, params):
        return self.weight * self.score(params)

class Center(Base):
    weight = 2.0

    def score(self, params):
        return 1 - min(1, 2 * params['distance_from_center'] / params['track_width'])

class Speed(Base):
    def __init__(self, top):
        self.top = top

    def score(self, params):
        return params['speed'] / self.top

PARTS = [Center(), Speed(4.0)]

def reward_function(params):
    total = 0
    for part in PARTS:
        total += part.weighted(params)
    return total
