// The two lanes of a road: where boxes stand, bots drive, and crashed cars are put back.
//
// In: a Track. Out: poses on its inner and outer lane. A lane runs midway between the centre line
// and a border, waypoint by waypoint, in driving direction; "inner" and "outer" are the borders'
// names and do not change with it. Boxes stand on the polyline through those points (markov
// agent_ctrl/obstacles_agent_ctrl.py), bots drive along a cubic spline through them whose parameter
// is the arc length of the centre line (bot_cars_agent_ctrl.py). Neighbours: bots.h, traffic.h.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "tracks/track.h"

namespace deepracer_fast {

enum class Lane : std::uint8_t { kInner, kOuter };

inline constexpr Lane other_lane(Lane lane) {
  return lane == Lane::kInner ? Lane::kOuter : Lane::kInner;
}

struct LanePose {
  Vec2 position;
  float heading;  // rad, along the lane
};

// A twice continuously differentiable curve through points; closed if its first and last are one.
class CubicSpline {
 public:
  struct Point {
    Vec2 position;
    Vec2 slope;  // m per unit of the parameter
  };

  CubicSpline() = default;
  // Parameters ascend strictly; a loop's last point repeats its first.
  CubicSpline(std::span<const float> parameters, std::span<const Vec2> points, bool is_loop);

  // `parameter` within the range of the parameters; beyond it the end pieces go on. The search
  // begins at piece `hint` and leaves there the one that it found: O(1) for a point that moves on.
  Point at(float parameter, int& hint) const;

 private:
  struct Piece {
    float start;                       // of the parameter
    Vec2 value, first, second, third;  // coefficients of the powers of (parameter - start)
  };
  std::vector<Piece> pieces_;
};

class Lanes {
 public:
  explicit Lanes(const Track& track);

  // The point of the lane's polyline that is nearest to the centre point at arc length `arc`.
  LanePose parked_at(Lane lane, float arc) const;
  // The spline of the lane at arc length `arc` of the centre line, in [0, length]; `hint` as above,
  // 0 if nothing is known.
  CubicSpline::Point drive_at(Lane lane, float arc, int& hint) const;
  // The lane whose side of the road `p` lies on; on the centre line itself the outer one.
  Lane nearest(Vec2 p) const;
  // The same place as `arc`, from the start of a loop.
  float wrap(float arc) const { return track_->wrap_arc(arc); }

 private:
  const Track* track_;
  std::array<Polyline, 2> lines_;
  std::array<CubicSpline, 2> splines_;
};

}  // namespace deepracer_fast
