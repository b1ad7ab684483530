# expect: compiled
class Memory:
    """The last few places in each third of the road."""

    def __init__(self, keep):
        self.keep = keep
        self.lanes = []
        self.last_lane = 1

    def note(self, lane, row):
        while len(self.lanes) < 3:
            self.lanes.append([])
        self.lanes[lane].append(row)
        if len(self.lanes[lane]) > self.keep:
            self.lanes[lane].pop(0)
        changed = lane != self.last_lane
        self.last_lane = lane
        return changed

    def steadiness(self):
        turns = [row[1] for lane in self.lanes for row in lane]
        if not turns:
            return 1.0
        mean = sum(turns) / len(turns)
        return 1 / (1 + sum((turn - mean) ** 2 for turn in turns) / len(turns) / 100)


memory = Memory(keep=4)


def reward_function(params):
    side = params['distance_from_center'] / params['track_width']
    lane = 1 if side < 1 / 6 else (0 if params['is_left_of_center'] else 2)
    changed = memory.note(lane, [params['speed'], params['steering_angle']])
    fastest = max((row[0] for lane in memory.lanes for row in lane), default=0.0)
    reward = memory.steadiness() * (1 + params['speed'] / max(fastest, 0.1))
    return reward * 0.7 if changed else reward
