// Plane geometry for everything that lies on the ground: vectors, angles, segments.
//
// World frame: x and y in metres, counter-clockwise angles in radians. Nothing here allocates. What
// many cars do side by side (vehicle_simd.h) has no branches and calls no library, so that the
// compiler can vectorise it and every instruction set computes the same bytes.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "base/instruction_set.h"

namespace deepracer_fast {

inline constexpr float kPi = std::numbers::pi_v<float>;

inline constexpr float degrees(float radians) { return radians * (180.0F / kPi); }
inline constexpr float radians(float degrees) { return degrees * (kPi / 180.0F); }

template <typename Number>
struct Vector2 {
  Number x = 0;
  Number y = 0;

  bool operator==(const Vector2&) const = default;
  friend constexpr Vector2 operator+(Vector2 a, Vector2 b) { return {a.x + b.x, a.y + b.y}; }
  friend constexpr Vector2 operator-(Vector2 a, Vector2 b) { return {a.x - b.x, a.y - b.y}; }
  friend constexpr Vector2 operator*(Number s, Vector2 a) { return {s * a.x, s * a.y}; }
  friend constexpr Number dot(Vector2 a, Vector2 b) { return a.x * b.x + a.y * b.y; }
  friend constexpr Number cross(Vector2 a, Vector2 b) { return a.x * b.y - a.y * b.x; }
  friend Number length(Vector2 a) { return std::sqrt(dot(a, a)); }
};
using Vec2 = Vector2<float>;
using Vec2d = Vector2<double>;  // of what is worked out once, before anybody drives

inline float distance2(Vec2 a, Vec2 b) { return dot(b - a, b - a); }
inline float distance(Vec2 a, Vec2 b) { return length(b - a); }

// A pose's own frame: `forward` metres along the heading and `left` metres across it.
DEEPRACER_FAST_INLINE Vec2 offset(Vec2 origin, Vec2 heading, float forward, float left) {
  return {origin.x + forward * heading.x - left * heading.y,
          origin.y + forward * heading.y + left * heading.x};
}

// Adding it to a float below 2^22 in size rounds that to an integer, which the sum holds in its
// lowest bits.
inline constexpr float kRounder = 0x1.8p23F;

// Cosine and sine of an angle, for angles up to 10,000 rad: within 1e-7 of the exact values up to
// 100 rad. Polynomials of Cephes (Moshier, sinf.c) on [-pi/4, pi/4] after a reduction in steps of
// pi/2, which is subtracted in three parts of few bits each so that nothing is lost.
DEEPRACER_FAST_INLINE Vec2 direction(float angle) {
  const float rounded = angle * (2.0F / kPi) + kRounder;
  const float quarters = rounded - kRounder;
  const float r = ((angle - quarters * 1.5703125F) - quarters * 4.837512969970703e-4F) -
                  quarters * 7.549789954891882e-8F;
  const float z = r * r;
  const float sine =
      r + r * z * (-1.6666654611e-1F + z * (8.3321608736e-3F + z * -1.9515295891e-4F));
  const float cosine =
      (1.0F - 0.5F * z) +
      z * z * (4.166664568298827e-2F + z * (-1.388731625493765e-3F + z * 2.443315711809948e-5F));
  const auto quadrant = std::bit_cast<std::uint32_t>(rounded);
  const bool swapped = (quadrant & 1U) != 0;
  const float x = swapped ? sine : cosine;
  const float y = swapped ? cosine : sine;
  return {((quadrant + 1U) & 2U) != 0 ? -x : x, (quadrant & 2U) != 0 ? -y : y};
}

// The angle of a vector other than zero, in [-pi, pi]: within 3e-7 of the exact value. Polynomial
// of Cephes (Moshier, atanf.c) on |tan| <= tan(pi/8), to which the larger ones are turned by pi/4.
DEEPRACER_FAST_INLINE float angle_of(Vec2 v) {
  const float x = std::abs(v.x);
  const float y = std::abs(v.y);
  const float near = x < y ? x : y;
  const float far = x < y ? y : x;
  const bool turned = near > 0.41421356F * far;
  const float t = (turned ? near - far : near) / (turned ? near + far : far);
  const float z = t * t;
  const float rest = (((8.05374449538e-2F * z - 1.38776856032e-1F) * z + 1.99777106478e-1F) * z -
                      3.33329491539e-1F) *
                     z * t;
  const float eighth = (turned ? 0.25F * kPi : 0.0F) + (t + rest);
  const float quarter = x < y ? 0.5F * kPi - eighth : eighth;
  return std::copysign(v.x < 0.0F ? kPi - quarter : quarter, v.y);
}

// The same angle in (-pi, pi]; for angles up to 10,000 rad.
DEEPRACER_FAST_INLINE float wrap_angle(float angle) {
  constexpr float kTurn = 2.0F * kPi;
  const float turns = (angle * (1.0F / kTurn) + kRounder) - kRounder;
  const float near = angle - turns * kTurn;
  const float below = near > kPi ? near - kTurn : near;
  return below <= -kPi ? below + kTurn : below;
}

// Between low and high: a maximum and a minimum.
DEEPRACER_FAST_INLINE float limit(float value, float low, float high) {
  const float above = value < low ? low : value;
  return high < above ? high : above;
}

struct Segment {
  Vec2 start;
  Vec2 span;  // stop - start
  Vec2 stop;
  float inverse_length2;  // 1 / |span|^2
  float length;           // m
  float arc_start;        // m along the polyline at `start`
  float heading;          // rad, of the span

  Vec2 at(float t) const { return start + t * span; }
  // The parameter in [0, 1] of the point that is nearest to p.
  float project(Vec2 p) const { return limit(dot(p - start, span) * inverse_length2, 0.0F, 1.0F); }

  float distance2(Vec2 p) const {
    const float t = project(p);
    // From an end, not from the world's origin, so that float32 tells tenths of a millimetre apart
    // beside a vertex; a vertex is equally far, bit by bit, from both segments that share it.
    const Vec2 gap = t == 1.0F ? p - stop : (p - start) - t * span;
    return dot(gap, gap);
  }
};

// True if the segment from `a` to `b` crosses `edge`. Points on the line through the other
// segment count as lying on its right, so a path through a vertex that two edges share crosses
// exactly one of them.
inline bool crosses(Vec2 a, Vec2 b, const Segment& edge) {
  const Vec2 path = b - a;
  const bool start_left = cross(path, edge.start - a) > 0.0F;
  const bool end_left = cross(path, edge.stop - a) > 0.0F;
  if (start_left == end_left) return false;
  return (cross(edge.span, a - edge.start) > 0.0F) != (cross(edge.span, b - edge.start) > 0.0F);
}

}  // namespace deepracer_fast
