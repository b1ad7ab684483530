// What a car's pose means for the road ahead and what stands on it, as a few numbers of order one.
//
// Only training sees it: the value network reads it in place of the picture, which makes values
// cheap and sharp, and a teacher reads the part of it that a picture shows. The policy that drives
// the real car never does.
#pragma once

#include <algorithm>
#include <array>
#include <numeric>
#include <span>

#include "car/vehicle.h"
#include "tracks/track.h"
#include "traffic/objects.h"

namespace deepracer_fast {

// Distances ahead along the centre line at which the bend of the road is told, in metres.
inline constexpr std::array<float, 6> kLookAhead = {0.25F, 0.5F, 1.0F, 1.5F, 2.25F, 3.0F};

inline constexpr int kObjectsTold = 2;       // the nearest ones, nearest first
inline constexpr float kObjectSight = 3.0F;  // m, from where on they are not told
inline constexpr float kBeside = 0.4F;       // m behind the front point that one still counts

// 0 offset from the centre line / half width, left positive    1 sine of the heading error
// 2 its cosine    3 speed, m/s    4 steering angle / 30 degrees
// 5 steering command in effect / 30 degrees    6 speed command in effect, m/s
// 7 progress / 100    8.. angle of the road ahead to the road here, rad, one per kLookAhead
// then for each object told, zeros without one: its nearness, 1 at the car and 0 from kObjectSight
// on; and multiplied by it: m ahead of the car, m to its left, and the object's column 0; once for
// the nearest of all the objects ahead and beside, and once for those that a camera sees
inline constexpr int kObjectColumns = 4;
inline constexpr int kFirstObjectColumn = 8 + static_cast<int>(kLookAhead.size());
inline constexpr int kFirstSeenColumn = kFirstObjectColumn + kObjectsTold * kObjectColumns;
inline constexpr int kTrackStateSize = kFirstSeenColumn + kObjectsTold * kObjectColumns;

// What a picture shows of it.
inline constexpr auto kVisibleColumns = [] {
  std::array<int, 3 + kLookAhead.size() + kTrackStateSize - kFirstSeenColumn> columns = {0, 1, 2};
  const auto bends = columns.begin() + 3, seen = bends + kLookAhead.size();
  std::iota(bends, seen, 8);
  std::iota(seen, columns.end(), kFirstSeenColumn);
  return columns;
}();

inline float relative_offset(const Track& track, const TrackPoint& at) {
  const float side = at.nearer_inner == track.is_counter_clockwise() ? 1.0F : -1.0F;
  return side * at.distance_from_center / (0.5F * at.width);
}

struct ObjectTold {
  float nearness = 0.0F;
  Vec2 position;
};
using NearestObjects = std::array<ObjectTold, kObjectsTold>;

inline void insert_nearest(NearestObjects& nearest, ObjectTold next) {
  for (ObjectTold& each : nearest)
    if (next.nearness > each.nearness) std::swap(next, each);
}

inline void write_objects(const Track& track, Vec2 front, Vec2 along, const NearestObjects& nearest,
                          float* out) {
  std::fill_n(out, kObjectsTold * kObjectColumns, 0.0F);
  for (const ObjectTold& each : nearest) {
    if (each.nearness == 0.0F) return;
    const Vec2 gap = each.position - front;
    out[0] = each.nearness;
    out[1] = each.nearness * dot(gap, along);
    out[2] = each.nearness * cross(along, gap);
    out[3] = each.nearness * relative_offset(track, track.locate(each.position));
    out += kObjectColumns;
  }
}

inline void write_track_state(const Track& track, const VehicleState& v, float progress,
                              std::span<const Object> objects, float* out) {
  const Vec2 along = direction(v.heading);
  const Vec2 front = offset(v.position, along, kFrontPoint, 0.0F);
  const TrackPoint at = track.locate(front);
  const float road = track.heading_at(at.projection);
  const float error = wrap_angle(v.heading - road);
  out[0] = relative_offset(track, at);
  out[1] = std::sin(error);
  out[2] = std::cos(error);
  out[3] = v.speed;
  out[4] = v.steering / kMaxSteering;
  out[5] = v.command.steering / kMaxSteering;
  out[6] = v.command.speed;
  out[7] = progress * 0.01F;
  for (std::size_t i = 0; i < kLookAhead.size(); ++i)
    out[8 + i] = wrap_angle(track.heading_at(at.projection + kLookAhead[i]) - road);

  NearestObjects near, seen;
  for (const Object& object : objects) {
    const ObjectTold next = {1.0F - distance(front, object.position) / kObjectSight,
                             object.position};
    if (next.nearness <= 0.0F || dot(object.position - front, along) <= -kBeside) continue;
    insert_nearest(near, next);
    if (in_camera(v.position, along, object)) insert_nearest(seen, next);
  }
  write_objects(track, front, along, near, out + kFirstObjectColumn);
  write_objects(track, front, along, seen, out + kFirstSeenColumn);
}

}  // namespace deepracer_fast
