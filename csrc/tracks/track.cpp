#include "tracks/track.h"

namespace deepracer_fast {
namespace {

// Cars that leave the road are put back within a step, so lookups seldom go further out.
constexpr float kRasterMargin = 1.0F;  // m around the borders

// Twice the signed area of the ring through the segments; positive if counter-clockwise.
float signed_area2(std::span<const Segment> ring) {
  float area = 0.0F;
  for (const Segment& s : ring) area += cross(s.start, s.stop);
  return area;
}

std::vector<Vec2> joined(std::span<const Vec2> forward, std::span<const Vec2> backward) {
  std::vector<Vec2> ring(forward.begin(), forward.end());
  ring.insert(ring.end(), backward.rbegin(), backward.rend());
  ring.push_back(forward.front());
  return ring;
}

// Whether `p` is inside by the even-odd rule: crossings of a path to a point far outside.
bool inside(Vec2 p, Vec2 far, std::span<const Segment> edges) {
  bool odd = false;
  for (const Segment& edge : edges) odd ^= crosses(far, p, edge);
  return odd;
}

}  // namespace

Track::Track(std::span<const Vec2> center, std::span<const Vec2> inner, std::span<const Vec2> outer,
             bool is_loop, bool rows_stand_opposite)
    : is_loop_(is_loop),
      rows_stand_opposite_(rows_stand_opposite),
      center_(center),
      inner_(inner, center_),
      outer_(outer, center_) {
  Vec2 low = center[0], high = center[0];
  for (const auto line : {center, inner, outer})
    for (const Vec2 p : line) {
      low = {std::min(low.x, p.x), std::min(low.y, p.y)};
      high = {std::max(high.x, p.x), std::max(high.y, p.y)};
    }
  low = low - Vec2{kRasterMargin, kRasterMargin};
  high = high + Vec2{kRasterMargin, kRasterMargin};
  center_.build_raster(low, high);
  road_raster_ = SegmentRaster(low, high);
  build_road(inner, outer);
  // On an open road the inner border is the left one, as on a counter-clockwise loop: the way along
  // the outer border and back along the inner one then goes round the road like that.
  is_counter_clockwise_ =
      signed_area2(is_loop ? center_.segments() : std::span<const Segment>(road_edges_)) > 0.0F;
}

std::shared_ptr<const Track> Track::reversed() const {
  std::call_once(reversed_once_, [this] {
    const auto backwards = [](std::vector<Vec2> points) {
      std::reverse(points.begin(), points.end());
      return points;
    };
    reversed_ = std::make_shared<Track>(backwards(center_.points()), backwards(inner_.points()),
                                        backwards(outer_.points()), is_loop_, rows_stand_opposite_);
  });
  return reversed_;
}

void Track::build_road(std::span<const Vec2> inner, std::span<const Vec2> outer) {
  if (is_loop_) {
    road_edges_ = make_segments(outer);
    const auto hole = make_segments(inner);
    road_edges_.insert(road_edges_.end(), hole.begin(), hole.end());
  } else {
    road_edges_ = make_segments(joined(outer, inner));
  }
  road_raster_.fill_overlapping(road_edges_);
  road_cells_.resize(road_raster_.num_indices());
  // The path from far outside must not run through a vertex in the same direction as an edge.
  const Vec2 corner = road_raster_.centre({0, 0});
  const Vec2 far = corner - Vec2{17.031F, 11.719F};
  for (int row = 0; row < road_raster_.rows(); ++row) {
    bool on = inside(road_raster_.centre({0, row}), far, road_edges_);
    for (int column = 0; column < road_raster_.columns(); ++column) {
      if (column > 0) on = on != crossed(column, row);
      const int index = road_raster_.index({column, row});
      const bool mixed = road_raster_.segments(index).size() > 0;
      road_cells_[index] =
          mixed ? (on ? kCentreOnRoad : kCentreOffRoad) : (on ? kOnRoad : kOffRoad);
    }
  }
}

// Whether the way from the centre of the cell to the left crosses the border.
bool Track::crossed(int column, int row) const {
  const Vec2 left = road_raster_.centre({column - 1, row});
  const Vec2 centre = road_raster_.centre({column, row});
  const SegmentList before = road_raster_.segments(road_raster_.index({column - 1, row}));
  const SegmentList here = road_raster_.segments(road_raster_.index({column, row}));
  bool odd = false;
  for (int k = 0; k < before.size(); ++k) odd ^= crosses(left, centre, road_edges_[before[k]]);
  for (int k = 0; k < here.size(); ++k)
    if (!before.contains(here[k])) odd ^= crosses(left, centre, road_edges_[here[k]]);
  return odd;
}

bool Track::on_road(Vec2 p) const {
  if (!road_raster_.contains(p)) return false;
  const SegmentRaster::Cell cell = road_raster_.cell_of(p);
  const int index = road_raster_.index(cell);
  const Cell known = road_cells_[index];
  if (known <= kOnRoad) return known == kOnRoad;
  bool odd = known == kCentreOnRoad;
  const Vec2 centre = road_raster_.centre(cell);
  const SegmentList edges = road_raster_.segments(index);
  for (int k = 0; k < edges.size(); ++k) odd ^= crosses(centre, p, road_edges_[edges[k]]);
  return odd;
}

std::size_t Track::bytes() const {
  return center_.bytes() + inner_.bytes() + outer_.bytes() + road_raster_.bytes() +
         sizeof(Segment) * road_edges_.capacity() + road_cells_.capacity();
}

TrackPoint Track::locate(Vec2 p) const {
  const Polyline::Nearest c = center_.nearest(p);
  const int slice = center_.slice(c.arc);
  const Vec2 inner = inner_.nearest(c.point, slice);
  const Vec2 outer = outer_.nearest(c.point, slice);
  // Bisection from the right in the waypoints' arc lengths: a projection that falls on a waypoint
  // lies on the segment that starts there, and on the last of those that share the place.
  const auto& segments = center_.segments();
  const int num_waypoints = static_cast<int>(segments.size()) + 1;
  int prev = c.segment;
  while (prev + 1 < num_waypoints && c.arc >= segments[prev].arc_start + segments[prev].length)
    ++prev;
  return {.projection = c.arc,
          .distance_from_center = distance(p, c.point),
          .width = distance(inner, outer),
          .nearer_inner = distance2(p, inner) < distance2(p, outer),
          .prev_waypoint = prev,
          .next_waypoint = prev + 1 < num_waypoints ? prev + 1 : 0};
}

float Track::wrap_arc(float arc) const {
  if (!is_loop_) return std::clamp(arc, 0.0F, length());
  if (arc >= 0.0F && arc < length()) return arc;  // nearly always
  const float wrapped = std::fmod(arc, length());
  return wrapped < 0.0F ? wrapped + length() : wrapped;
}

float Track::heading_at(float arc) const { return center_.segment_at(wrap_arc(arc)).heading; }

Vec2 Track::lane_at(float arc, Vec2 p) const {
  const float on_line = wrap_arc(arc);
  const Vec2 middle = center_.point_at(on_line);
  const int slice = center_.slice(on_line);
  const Vec2 inner = inner_.nearest(middle, slice);
  const Vec2 outer = outer_.nearest(middle, slice);
  const Vec2 border = distance2(p, inner) < distance2(p, outer) ? inner : outer;
  return 0.5F * (middle + border);
}

}  // namespace deepracer_fast
