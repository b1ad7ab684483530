# expect: compiled
# What people take from the library: bisect, reduce, a cached function, a logger.
import bisect
import logging
import operator
from functools import lru_cache, reduce
from math import exp

import numpy as np

logger = logging.getLogger("reward")
logger.setLevel(logging.INFO)
EDGES = [0.05, 0.12, 0.2, 0.35]
GRADES = [1.0, 0.8, 0.5, 0.2, 0.01]


@lru_cache(maxsize=1000)
def bell(value, width):
    return exp(-((value / width) ** 2))


def reward_function(params):
    off = params["distance_from_center"]
    grade = GRADES[bisect.bisect_right(EDGES, off)]
    pace = np.polyval([-0.1, 0.9, 0.2], params["speed"])
    logger.info("grade %s at step %d", grade, params["steps"])
    parts = [grade, pace, bell(params["steering_angle"], 20)]
    first = bisect.bisect(EDGES, 0.12) + bisect.bisect_left(EDGES, 0.12)
    return float(reduce(operator.mul, parts, 1.0) + reduce(lambda a, b: a + b, parts) + first)
