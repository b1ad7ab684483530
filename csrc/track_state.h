// What a car's pose means for the road ahead, as a few numbers of order one.
//
// Only training sees it: the value network reads it in place of the picture, which makes values
// cheap and sharp. The policy that drives the real car never does.
#pragma once

#include <array>

#include "track.h"
#include "vehicle.h"

namespace deepracer_fast {

// Distances ahead along the centre line at which the bend of the road is told, in metres.
inline constexpr std::array<float, 6> kLookAhead = {0.25f, 0.5f, 1.0f, 1.5f, 2.25f, 3.0f};

// 0 offset from the centre line / half width, left positive    1 sine of the heading error
// 2 its cosine    3 speed, m/s    4 steering angle / 30 degrees
// 5 steering command in effect / 30 degrees    6 speed command in effect, m/s
// 7 progress / 100    8.. angle of the road ahead to the road here, rad, one per kLookAhead
inline constexpr int kTrackStateSize = 8 + static_cast<int>(kLookAhead.size());

inline void write_track_state(const Track& track, const VehicleState& v, float progress,
                              float* out) {
  const Vec2 along = direction(v.heading);
  const TrackPoint at = track.locate(offset(v.position, along, kFrontPoint, 0.0f));
  const float road = track.heading_at(at.projection);
  const float error = wrap_angle(v.heading - road);
  const float side = at.nearer_inner == track.is_counter_clockwise() ? 1.0f : -1.0f;
  out[0] = side * at.distance_from_center / (0.5f * at.width);
  out[1] = std::sin(error);
  out[2] = std::cos(error);
  out[3] = v.speed;
  out[4] = v.steering / kMaxSteering;
  out[5] = v.command.steering / kMaxSteering;
  out[6] = v.command.speed;
  out[7] = progress * 0.01f;
  for (std::size_t i = 0; i < kLookAhead.size(); ++i)
    out[8 + i] = wrap_angle(track.heading_at(at.projection + kLookAhead[i]) - road);
}

}  // namespace deepracer_fast
