// A bot car: it follows a lane at constant speed, and changes lanes now and then.
//
// In: the lanes of the road and BotRules. Out: where the bot is, one control period after the
// other. It is kinematic, as the original's (markov agent_ctrl/bot_cars_agent_ctrl.py): nothing
// stops or moves it, and its speed is that of its projection on the centre line. Neighbours:
// lanes.h before it, traffic.h drives the bots of every car.
#pragma once

#include "base/fields.h"
#include "tracks/lanes.h"
#include "traffic/objects.h"

namespace deepracer_fast {

struct BotRules {
  float speed = 0.2F;
  bool is_lane_change = false;
  float lower_lane_change_time = 3.0F, upper_lane_change_time = 5.0F;
  float lane_change_distance = 1.0F;

  static constexpr auto fields() {
    using R = BotRules;
    return std::tuple{
        Field{"bot_car_speed", &R::speed, "m/s", "along the centre line", Range{0.0, 10.0}},
        Field{"is_lane_change", &R::is_lane_change, "", "bots change lanes"},
        Field{"lower_lane_change_time", &R::lower_lane_change_time, "s",
              "from one change to the next, at least", kNotNegative},
        Field{"upper_lane_change_time", &R::upper_lane_change_time, "s", "at most", kNotNegative},
        Field{"lane_change_distance", &R::lane_change_distance, "m", "of road that a change takes",
              Range{1e-3, 1e6}},
    };
  }
};

struct Bot {
  float arc = 0.0F;           // m along the centre line, in [0, length)
  Lane lane = Lane::kInner;   // where it drives, or whence it is changing
  float changed = 0.0F;       // m of a lane change done; 0 while it keeps its lane
  int piece = 0;              // of the lanes' splines, where it was last
  float until_change = 0.0F;  // s to the next change
};

// Where a bot is and which way it drives: on its lane, or on a curve from it to the other one that
// leaves the first and meets the second along them (cubic in the share of the way, flat at both
// ends).
inline CubicSpline::Point course_of(Bot& bot, const Lanes& lanes, const BotRules& rules) {
  CubicSpline::Point p = lanes.drive_at(bot.lane, bot.arc, bot.piece);
  if (bot.changed > 0.0F) {
    const CubicSpline::Point q = lanes.drive_at(other_lane(bot.lane), bot.arc, bot.piece);
    const float u = bot.changed / rules.lane_change_distance;
    const float share = u * u * (3.0F - 2.0F * u);
    const float growth = 6.0F * u * (1.0F - u) / rules.lane_change_distance;
    const Vec2 across = q.position - p.position;
    p.slope = p.slope + share * (q.slope - p.slope) + growth * across;
    p.position = p.position + share * across;
  }
  return p;
}

// One period of `seconds`. `draw()` gives a number in [0, 1) and is asked once a lane change.
template <typename Draw>
void advance(Bot& bot, const Lanes& lanes, const BotRules& rules, float seconds, const Draw& draw) {
  const float way = rules.speed * seconds;
  bot.arc = lanes.wrap(bot.arc + way);
  if (!rules.is_lane_change) return;
  if (bot.changed == 0.0F) {
    bot.until_change -= seconds;
    if (bot.until_change > 0.0F) return;
  }
  bot.changed += way;
  if (bot.changed < rules.lane_change_distance) return;
  bot.lane = other_lane(bot.lane);
  bot.changed = 0.0F;
  bot.until_change = rules.lower_lane_change_time +
                     draw() * (rules.upper_lane_change_time - rules.lower_lane_change_time);
}

}  // namespace deepracer_fast
