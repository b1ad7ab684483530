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

#include "base/geometry.h"
#include "tracks/polyline.h"
#include "tracks/segment_raster.h"

namespace deepracer_fast {

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
  // Points [N] of a route in driving direction; a loop repeats its first row at the end. Where the
  // lines were sampled each on its own, rows of the same number do not stand opposite each other.
  Track(std::span<const Vec2> center, std::span<const Vec2> inner, std::span<const Vec2> outer,
        bool is_loop, bool rows_stand_opposite = true);

  // The same road driven the other way; made when it is first asked for.
  std::shared_ptr<const Track> reversed() const;

  float length() const { return center_.length(); }
  bool is_loop() const { return is_loop_; }
  bool is_counter_clockwise() const { return is_counter_clockwise_; }
  std::size_t bytes() const;  // memory held
  const Polyline& center() const { return center_; }
  const Border& inner() const { return inner_; }
  const Border& outer() const { return outer_; }
  bool rows_stand_opposite() const { return rows_stand_opposite_; }

  TrackPoint locate(Vec2 p) const;
  // Strictly between the borders.
  bool on_road(Vec2 p) const;

  // The same place as `arc` from the start of a loop, the nearest that there is on an open road.
  float wrap_arc(float arc) const;
  // The centre point at arc length `arc`, which wraps on a loop, and the direction of driving.
  Vec2 center_at(float arc) const { return center_.point_at(wrap_arc(arc)); }
  float heading_at(float arc) const;
  // Middle between the centre line and the border that is nearer to `p`, at arc length `arc`.
  Vec2 lane_at(float arc, Vec2 p) const;

 private:
  void build_road(std::span<const Vec2> inner, std::span<const Vec2> outer);

  bool crossed(int column, int row) const;

  // What a cell says of its points: all on the road, none, or ask its edges.
  enum Cell : std::uint8_t { kOffRoad, kOnRoad, kCentreOffRoad, kCentreOnRoad };

  bool is_loop_;
  bool rows_stand_opposite_;
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
