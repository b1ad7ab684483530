// The track as the rules see it: centre line, borders, and where a point lies among them.
//
// Built once from a route (rows of centre, inner and outer border points in driving direction),
// never changed after that. Each question of a step is answered in O(1): a raster names the few
// segments that can matter in a cell, exact geometry on these decides. Outside the raster the
// answer is the same, found by looking at all segments.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "geometry.h"

namespace deepracer_fast {

// A uniform raster over a box; each cell holds a short list of segment indices. Cells are 0.1 m
// wide, wider only where a box would need more than kMaxCells of them.
class SegmentRaster {
 public:
  static constexpr float kFinestCell = 0.1f;  // m
  static constexpr float kMaxCells = 300'000.0f;

  SegmentRaster() = default;
  SegmentRaster(Vec2 low, Vec2 high);

  bool contains(Vec2 p) const {
    const Vec2 q = p - low_;
    return q.x >= 0.0f && q.y >= 0.0f && q.x < extent_.x && q.y < extent_.y;
  }
  // Index of the cell of a point that the raster contains.
  int cell(Vec2 p) const {
    const auto column = std::min(static_cast<int>((p.x - low_.x) * cells_per_metre_), columns_ - 1);
    const auto row = std::min(static_cast<int>((p.y - low_.y) * cells_per_metre_), rows_ - 1);
    return row * columns_ + column;
  }
  Vec2 centre(int cell) const;
  int num_cells() const { return columns_ * rows_; }
  std::span<const std::uint16_t> segments(int cell) const {
    return {items_.data() + first_[cell], items_.data() + first_[cell + 1]};
  }

  // Fills every cell with the segments that can be nearest to one of its points.
  void fill_nearest(std::span<const Segment> segments);
  // Fills every cell with the segments that pass through it.
  void fill_overlapping(std::span<const Segment> segments);

 private:
  template <typename Select>
  void fill(std::span<const Segment> segments, const Select& select);

  Vec2 low_, extent_;         // m
  float cell_ = kFinestCell;  // m
  float cells_per_metre_ = 1.0f / kFinestCell;
  int columns_ = 0;
  int rows_ = 0;
  std::vector<std::uint32_t> first_;  // [num_cells + 1] into items_
  std::vector<std::uint16_t> items_;  // segment indices, ascending within a cell
};

// A line through points, with arc length and the nearest point on it.
class Polyline {
 public:
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
  // The segment that holds arc length `arc` in [0, length].
  const Segment& segment_at(float arc) const;
  Vec2 point_at(float arc) const;

 private:
  std::vector<Segment> segments_;
  float length_ = 0.0f;
  SegmentRaster raster_;
};

// Everything about one point that a step asks of the track.
struct TrackPoint {
  float projection;            // m along the centre line from waypoint 0
  float distance_from_center;  // m
  float width;                 // m, border to border through the nearest centre point
  bool nearer_inner;           // nearer to the inner border than to the outer one
  int prev_waypoint;
  int next_waypoint;
};

class Track {
 public:
  // Points [N] of a route in driving direction; a loop repeats its first row at the end.
  Track(std::span<const Vec2> center, std::span<const Vec2> inner, std::span<const Vec2> outer,
        bool is_loop);

  // The same road driven the other way.
  Track reversed() const;

  float length() const { return center_.length(); }
  bool is_loop() const { return is_loop_; }
  bool is_counter_clockwise() const { return is_counter_clockwise_; }
  const Polyline& center() const { return center_; }
  const Polyline& inner() const { return inner_; }
  const Polyline& outer() const { return outer_; }

  TrackPoint locate(Vec2 p) const;
  // Strictly between the borders.
  bool on_road(Vec2 p) const;

  // The centre point at arc length `arc`, which wraps on a loop, and the direction of driving.
  Vec2 center_at(float arc) const { return center_.point_at(wrap_arc(arc)); }
  float heading_at(float arc) const;
  // Middle between the centre line and the border that is nearer to `p`, at arc length `arc`.
  Vec2 lane_at(float arc, Vec2 p) const;

 private:
  float wrap_arc(float arc) const;
  void build_road(std::span<const Vec2> inner, std::span<const Vec2> outer);

  bool is_loop_;
  bool is_counter_clockwise_;
  Polyline center_, inner_, outer_;
  std::vector<Segment> road_edges_;        // of the polygon with a hole, or of the open strip
  SegmentRaster road_raster_;              // edges that pass through a cell
  std::vector<std::uint8_t> road_parity_;  // [cells] 1 if the cell's centre is on the road
};

}  // namespace deepracer_fast
