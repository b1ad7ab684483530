# expect: compiled
import math

class Scorer:
    def __init__(self, params):
        self.p = params
        self.reward = 1.0
        self.width = params['track_width']

    def direction(self):
        i, j = self.p['closest_waypoints']
        a, b = self.p['waypoints'][i], self.p['waypoints'][j]
        return math.degrees(math.atan2(b[1] - a[1], b[0] - a[0]))

    def apply_center(self):
        self.reward *= 1 - self.p['distance_from_center'] / self.width
        return self

    def apply_heading(self):
        diff = abs(self.direction() - self.p['heading'])
        diff = min(diff, 360 - diff)
        self.reward *= math.cos(math.radians(diff)) if diff < 90 else 0.01
        return self

    def evaluate(self):
        return max(self.reward, 1e-3)

def reward_function(params):
    return Scorer(params).apply_center().apply_heading().evaluate()
