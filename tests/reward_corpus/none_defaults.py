# expect: compiled
class Memory:
    def __init__(self):
        self.last_progress = None
        self.best = None
        self.laps = 0

memory = Memory()

def speed_bonus(speed, limit=None, scale=1.0):
    if limit is None:
        limit = 4.0
    return scale * min(speed, limit) / limit

def reward_function(params):
    m = memory
    if m.last_progress is None:
        m.last_progress = params['progress']
    gain = params['progress'] - m.last_progress
    m.last_progress = params['progress']
    if m.best is None or gain > m.best:
        m.best = gain
    if params['progress'] >= 100:
        m.laps += 1
    bonus = speed_bonus(params['speed']) + speed_bonus(params['speed'], limit=2, scale=0.5)
    return 1.0 + gain + (m.best or 0) * 0.1 + m.laps + bonus
