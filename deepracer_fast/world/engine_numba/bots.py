"""A bot car: it follows a lane at constant speed, and changes lanes now and then.

Kinematic, as the original's (markov agent_ctrl/bot_cars_agent_ctrl.py): nothing stops or moves it,
and its speed is that of its projection on the centre line. The twin of ``csrc/traffic/bots.h``.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from deepracer_fast import _core
from deepracer_fast.world.engine_numba.lanes import Lanes, drive_at
from deepracer_fast.world.engine_numba.records import Bot
from deepracer_fast.world.engine_numba.road import Road, wrap_arc

BOT = np.dtype(
    [
        # Summed up step by step, in float32 as the core does: round distances and times end on
        # a step or the next by their rounding.
        ("arc", np.float32),  # m along the centre line
        ("changed", np.float32),  # m of a lane change done; 0 while it keeps its lane
        ("until_change", np.float32),  # s to the next change
        ("lane", np.int64),  # where it drives, or whence it is changing
    ],
    align=True,
)

PERIOD = np.float32(_core.CONTROL_PERIOD)  # s


class BotRules(NamedTuple):
    """``RaceConfig`` as a bot reads it."""

    bot_car_speed: float  # m/s along the centre line
    is_lane_change: bool
    lower_lane_change_time: float  # s
    upper_lane_change_time: float  # s
    lane_change_distance: float  # m along the centre line


def bot_rules(rules: _core.BotRules) -> BotRules:
    """From the core's record of them."""
    return BotRules(*(getattr(rules, name) for name in BotRules._fields))


@njit
def course_of(bot: Bot, lanes: Lanes, rules: BotRules) -> tuple[float, float, float]:
    """Where a bot is and which way it drives: x, y (m), heading (rad).

    On its lane, or on a curve from it to the other one that leaves the first and meets the second
    along them: cubic in the share of the way, flat at both ends.
    """
    x, y, slope_x, slope_y = drive_at(lanes, bot.lane, bot.arc)
    if bot.changed > 0.0:
        there_x, there_y, there_slope_x, there_slope_y = drive_at(lanes, 1 - bot.lane, bot.arc)
        distance = np.float32(rules.lane_change_distance)
        u = bot.changed / distance
        share = u * u * (3.0 - 2.0 * u)
        growth = 6.0 * u * (1.0 - u) / distance
        slope_x += share * (there_slope_x - slope_x) + growth * (there_x - x)
        slope_y += share * (there_slope_y - slope_y) + growth * (there_y - y)
        x += share * (there_x - x)
        y += share * (there_y - y)
    return x, y, math.atan2(slope_y, slope_x)


@njit
def advance(bot: Bot, road: Road, rules: BotRules) -> bool:
    """One control period; whether the bot has just ended a lane change."""
    way = np.float32(rules.bot_car_speed) * PERIOD
    bot.arc = wrap_arc(road, bot.arc + way)
    if not rules.is_lane_change:
        return False
    if bot.changed == 0.0:
        bot.until_change -= PERIOD
        if bot.until_change > 0.0:
            return False
    bot.changed += way
    if bot.changed < np.float32(rules.lane_change_distance):
        return False
    bot.lane = 1 - bot.lane
    bot.changed = 0.0
    return True
