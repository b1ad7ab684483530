// What else stands or drives on a track: boxes, parked cars, bots and other racers.
//
// In: where an object is. Out: whether a car runs into it, whether the camera's frustum holds it.
// One-object functions, no state. Neighbours: traffic.h keeps the objects of every car,
// rendering/blocks.h says what they look like.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/geometry.h"

namespace deepracer_fast {

// Objects that one car can meet: six boxes or bots at most in the original, other racers here.
inline constexpr int kMaxObjects = 15;

enum class ObjectKind : std::uint8_t { kBox, kCar };

struct Object {
  Vec2 position;                       // centre, m
  Vec2 along = {1.0F, 0.0F};           // its heading as a unit vector
  float speed = 0.0F;                  // m/s along it
  ObjectKind kind = ObjectKind::kBox;  // what it looks like
};

// A rectangle around an object's centre, along and across its heading.
struct Footprint {
  float half_length;  // m
  float half_width;   // m
};

// The rectangles of the crash rule (markov track_geom/constants.py): a car's is its body, a box's
// is its 0.4 x 0.3 m with a margin of 0.05 m to each side.
inline constexpr Footprint kCarFootprint = {0.5F * 0.32352F, 0.5F * 0.1961F};
inline constexpr Footprint kBoxFootprint = {0.25F, 0.2F};

inline constexpr Footprint crash_footprint(ObjectKind kind) {
  return kind == ObjectKind::kBox ? kBoxFootprint : kCarFootprint;
}

// Where an object was some seconds ago that kept its speed and heading.
inline Vec2 position_before(const Object& object, float seconds) {
  return object.position - (seconds * object.speed) * object.along;
}

// The corners of a footprint: left front, right front, right rear, left rear.
inline std::array<Vec2, 4> corners(Vec2 centre, Vec2 along, Footprint f) {
  return {offset(centre, along, f.half_length, f.half_width),
          offset(centre, along, f.half_length, -f.half_width),
          offset(centre, along, -f.half_length, -f.half_width),
          offset(centre, along, -f.half_length, f.half_width)};
}

// The crash rule: a corner of the car's rectangle lies strictly inside the object's. `along` is the
// unit vector of the car's heading.
inline bool runs_into(Vec2 car, Vec2 along, const Object& object) {
  const Vec2 gap = car - object.position;
  constexpr float kReach = 0.6F;  // m, more than both half diagonals together
  if (dot(gap, gap) > kReach * kReach) return false;
  const Footprint f = crash_footprint(object.kind);
  for (const Vec2 corner : corners(car, along, kCarFootprint)) {
    const Vec2 q = corner - object.position;
    if (std::abs(dot(q, object.along)) < f.half_length &&
        std::abs(cross(object.along, q)) < f.half_width)
      return true;
  }
  return false;
}

// The frustum that object_in_camera asks about: the camera's, from its lens in the car's frame (the
// pose as in CameraParams). Near and far plane, and that the points lie on the floor: markov
// cameras/frustum.py and recordings.
namespace frustum {
inline constexpr float kAhead = 0.14529F;   // m from base_link
inline constexpr float kHeight = 0.13033F;  // m
inline constexpr float kSine = 0.25882F;    // of the pitch, 0.2618 rad downwards
inline constexpr float kCosine = 0.96592F;
inline constexpr float kNear = 0.2F;                      // m
inline constexpr float kFar = 300.0F;                     // m
inline constexpr float kHalfWidth = 0.63406F;             // tangent of half the hfov of 1.13 rad
inline constexpr float kHalfHeight = 0.75F * kHalfWidth;  // 480 lines of 640 columns
}  // namespace frustum

// Whether the centre or a corner of the object's footprint lies in the frustum of a car's camera.
// `along` is the unit vector of the car's heading.
inline bool in_camera(Vec2 car, Vec2 along, const Object& object) {
  const auto holds = [&](Vec2 point) {
    using namespace frustum;
    const Vec2 gap = point - car;
    const float ahead = dot(gap, along) - kAhead;
    const float depth = ahead * kCosine + kHeight * kSine;
    const float below = kHeight * kCosine - ahead * kSine;
    return depth > kNear && depth < kFar && std::abs(cross(along, gap)) < kHalfWidth * depth &&
           std::abs(below) < kHalfHeight * depth;
  };
  const auto floor = corners(object.position, object.along, crash_footprint(object.kind));
  return holds(object.position) || std::any_of(floor.begin(), floor.end(), holds);
}

}  // namespace deepracer_fast
