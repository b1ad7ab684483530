// The track as the rules see it: centre line, borders, and where a point lies among them.
//
// Built once from a route (rows of centre, inner and outer border points in driving direction),
// never changed after that. Each question of a step is answered in O(1): a table names the few
// segments that can matter in a cell of the ground or a slice of the centre line, exact geometry on
// these decides. Outside the raster the answer is the same, found by looking at all segments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "geometry.h"

namespace deepracer_fast {

// Short lists of segment indices, ascending, each kept once if neighbours share it.
class SegmentLists {
 public:
  explicit SegmentLists(std::size_t lists = 0) : starts_(lists) {}

  std::span<const std::uint16_t> operator[](int list) const {
    const std::uint16_t* first = items_.data() + starts_[static_cast<std::size_t>(list)];
    return {first + 1, *first};
  }
  // Fills a list, by reference to `neighbour` if that holds the same; -1 for no neighbour.
  void set(int number, std::span<const std::uint16_t> segments, int neighbour);
  std::size_t bytes() const { return 4 * starts_.capacity() + 2 * items_.capacity(); }

 private:
  std::vector<std::uint32_t> starts_;  // of each list in items_
  std::vector<std::uint16_t> items_;   // for each list its length, then its segments
};

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
  std::span<const std::uint16_t> segments(int cell) const { return lists_[cell]; }
  std::size_t bytes() const { return lists_.bytes(); }

  // Fills every cell with the segments that can be nearest to one of its points.
  void fill_nearest(std::span<const Segment> segments);
  // Fills every cell with the segments that pass through it.
  void fill_overlapping(std::span<const Segment> segments);

 private:
  template <typename Select>
  void fill(std::span<const Segment> segments, Select select);

  Vec2 low_, extent_;         // m
  float cell_ = kFinestCell;  // m
  float cells_per_metre_ = 1.0f / kFinestCell;
  int columns_ = 0;
  int rows_ = 0;
  SegmentLists lists_;  // [num_cells]
};

// A line through points, with arc length and the nearest point on it.
class Polyline {
 public:
  static constexpr float kFinestSlice = 0.05f;  // m of arc; wider beyond kMaxSlices of them
  static constexpr float kMaxSlices = 65'536.0f;

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
  template <typename Indices>
  Nearest nearest(Vec2 p, const Indices& candidates) const;
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
  float length_ = 0.0f;
  float slice_length_ = kFinestSlice;  // m
  float slices_per_metre_ = 1.0f / kFinestSlice;
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

  // The same road driven the other way; made when it is first asked for.
  std::shared_ptr<const Track> reversed() const;

  float length() const { return center_.length(); }
  bool is_loop() const { return is_loop_; }
  bool is_counter_clockwise() const { return is_counter_clockwise_; }
  std::size_t bytes() const;  // memory held

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

  // What a cell says of its points: all on the road, none, or ask its edges.
  enum Cell : std::uint8_t { kOffRoad, kOnRoad, kCentreOffRoad, kCentreOnRoad };

  bool is_loop_;
  bool is_counter_clockwise_;
  Polyline center_;
  Border inner_, outer_;
  std::vector<Segment> road_edges_;  // of the polygon with a hole, or of the open strip
  SegmentRaster road_raster_;        // edges that pass through a cell
  std::vector<Cell> road_cells_;     // [cells]
  mutable std::once_flag reversed_once_;
  mutable std::shared_ptr<const Track> reversed_;
};

}  // namespace deepracer_fast
