// Lines through points: the centre line and the borders, and the nearest point on them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/geometry.h"
#include "tracks/segment_raster.h"

namespace deepracer_fast {

// The segments between points, in order.
std::vector<Segment> make_segments(std::span<const Vec2> points);

// A line through points, with arc length and the nearest point on it.
class Polyline {
 public:
  static constexpr float kFinestSlice = 0.05F;  // m of arc; wider beyond kMaxSlices of them
  static constexpr float kMaxSlices = 65'536.0F;

  struct Nearest {
    int segment;
    float arc;  // m from the first point
    Vec2 point;
  };

  explicit Polyline(std::span<const Vec2> points);
  // Lookups within this box take O(1) from then on.
  void build_raster(Vec2 low, Vec2 high);

  float length() const { return length_; }
  std::vector<Vec2> points() const;
  std::span<const Segment> segments() const { return segments_; }
  Nearest nearest(Vec2 p) const;
  // The same where it is known that one of these segments, in ascending order, is the nearest.
  Nearest nearest(Vec2 p, SegmentList candidates) const;
  // The last segment that begins at or before arc length `arc` in [0, length].
  const Segment& segment_at(float arc) const;
  Vec2 point_at(float arc) const;

  // Slices of equal arc length, for tables of what lies along the line.
  int num_slices() const { return static_cast<int>(first_segment_.size()); }
  float slice_length() const { return slice_length_; }
  int slice(float arc) const {
    return std::clamp(static_cast<int>(arc * slices_per_metre_), 0, num_slices() - 1);
  }
  std::size_t bytes() const;

 private:
  void build_slices();

  std::vector<Segment> segments_;
  float length_ = 0.0F;
  float slice_length_ = kFinestSlice;  // m
  float slices_per_metre_ = 1.0F / kFinestSlice;
  std::vector<std::uint16_t> first_segment_;  // [slices] the segment at the slice's begin
  SegmentRaster raster_;
};

// A border, asked for its point nearest to a point of the centre line.
class Border {
 public:
  Border(std::span<const Vec2> points, const Polyline& center);

  std::vector<Vec2> points() const { return line_.points(); }
  // `p` is the centre line's point in that slice.
  Vec2 nearest(Vec2 p, int slice) const;
  std::size_t bytes() const { return line_.bytes() + candidates_.bytes(); }

 private:
  Polyline line_;
  SegmentLists candidates_;  // [slices of the centre line]
};

}  // namespace deepracer_fast
