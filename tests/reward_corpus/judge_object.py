# expect: compiled
# A judge made afresh for each call, which drops what it need not print from its params.
import math
import traceback

TOP_SPEED = 4.0


class Judge:
    verdicts = ""

    def __init__(self, params):
        self.params = params
        self.read(params)

    def read(self, params):
        self.on_track = params["all_wheels_on_track"]
        self.speed = params["speed"]
        self.heading = params["heading"]
        self.waypoints = params["waypoints"]
        self.here, self.there = params["closest_waypoints"]

    def say(self, verdict):
        self.verdicts = self.verdicts + str(verdict) + ";"

    def report(self):
        said = self.params
        if "waypoints" in said:
            del said["waypoints"]
        said["verdicts"] = self.verdicts
        print(said)

    def bearing(self):
        a, b = self.waypoints[self.here], self.waypoints[self.there]
        return math.degrees(math.atan2(b[1] - a[1], b[0] - a[0]))

    def error(self):
        off = abs(self.bearing() - self.heading) % 360
        return min(off, 360 - off)

    def verdict(self):
        reward = 0.001
        try:
            if not self.on_track:
                self.say("off")
                self.report()
                return reward
            if self.error() < 15:
                self.say("straight")
                reward += 0.6
            if self.speed > 0.6 * TOP_SPEED and self.is_brave():
                reward += 0.4
        except Exception as problem:
            print(str(problem), traceback.format_exc())
        self.say(reward)
        return float(reward)


def reward_function(params):
    return Judge(params).verdict()
