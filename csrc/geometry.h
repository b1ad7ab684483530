// Plane geometry for everything that lies on the ground: vectors, angles, segments.
//
// World frame: x and y in metres, counter-clockwise angles in radians. Nothing here allocates.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

namespace deepracer_fast {

inline constexpr float kPi = std::numbers::pi_v<float>;

inline constexpr float degrees(float radians) { return radians * (180.0f / kPi); }
inline constexpr float radians(float degrees) { return degrees * (kPi / 180.0f); }

struct Vec2 {
  float x = 0.0f;
  float y = 0.0f;
};

inline constexpr Vec2 operator+(Vec2 a, Vec2 b) { return {a.x + b.x, a.y + b.y}; }
inline constexpr Vec2 operator-(Vec2 a, Vec2 b) { return {a.x - b.x, a.y - b.y}; }
inline constexpr Vec2 operator*(float s, Vec2 a) { return {s * a.x, s * a.y}; }
inline constexpr float dot(Vec2 a, Vec2 b) { return a.x * b.x + a.y * b.y; }
inline constexpr float cross(Vec2 a, Vec2 b) { return a.x * b.y - a.y * b.x; }
inline float length(Vec2 a) { return std::sqrt(dot(a, a)); }
inline float distance(Vec2 a, Vec2 b) { return length(b - a); }

// A pose's own frame: `forward` metres along the heading and `left` metres across it.
inline Vec2 offset(Vec2 origin, Vec2 heading, float forward, float left) {
  return {origin.x + forward * heading.x - left * heading.y,
          origin.y + forward * heading.y + left * heading.x};
}

// The same angle in (-pi, pi].
inline float wrap_angle(float angle) {
  while (angle > kPi) angle -= 2.0f * kPi;
  while (angle <= -kPi) angle += 2.0f * kPi;
  return angle;
}

struct Segment {
  Vec2 start;
  Vec2 span;  // stop - start
  Vec2 stop;
  float inverse_length2;  // 1 / |span|^2
  float length;           // m
  float arc_start;        // m along the polyline at `start`

  Vec2 at(float t) const { return start + t * span; }
  // The parameter in [0, 1] of the point that is nearest to p.
  float project(Vec2 p) const {
    return std::clamp(dot(p - start, span) * inverse_length2, 0.0f, 1.0f);
  }

  float distance2(Vec2 p) const {
    const float t = project(p);
    // From an end, not from the world's origin, so that float32 tells tenths of a millimetre apart
    // beside a vertex; a vertex is equally far, bit by bit, from both segments that share it.
    const Vec2 gap = t == 1.0f ? p - stop : (p - start) - t * span;
    return dot(gap, gap);
  }
};

// True if the segment from `a` to `b` crosses `edge`. Points on the line through the other
// segment count as lying on its right, so a path through a vertex that two edges share crosses
// exactly one of them.
inline bool crosses(Vec2 a, Vec2 b, const Segment& edge) {
  const Vec2 path = b - a;
  const bool start_left = cross(path, edge.start - a) > 0.0f;
  const bool end_left = cross(path, edge.stop - a) > 0.0f;
  if (start_left == end_left) return false;
  return (cross(edge.span, a - edge.start) > 0.0f) != (cross(edge.span, b - edge.start) > 0.0f);
}

}  // namespace deepracer_fast
