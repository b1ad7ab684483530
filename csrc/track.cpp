#include "track.h"

#include <limits>

namespace deepracer_fast {
namespace {

// Cars that leave the road are put back within a step, so lookups seldom go further out.
constexpr float kRasterMargin = 1.0f;  // m around the borders

std::vector<Segment> make_segments(std::span<const Vec2> points) {
  std::vector<Segment> segments;
  float arc = 0.0f;
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    const Vec2 span = points[i + 1] - points[i];
    const float size = length(span);
    segments.push_back(
        {points[i], span, points[i + 1], size > 0.0f ? 1.0f / dot(span, span) : 0.0f, size, arc});
    arc += size;
  }
  return segments;
}

// Twice the signed area of the ring through the segments; positive if counter-clockwise.
float signed_area2(std::span<const Segment> ring) {
  float area = 0.0f;
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

SegmentRaster::SegmentRaster(Vec2 low, Vec2 high) : low_(low) {
  const Vec2 size = high - low;
  cell_ = std::max(kFinestCell, std::sqrt(size.x * size.y / kMaxCells));
  cells_per_metre_ = 1.0f / cell_;
  columns_ = static_cast<int>(std::ceil(size.x * cells_per_metre_));
  rows_ = static_cast<int>(std::ceil(size.y * cells_per_metre_));
  extent_ = {static_cast<float>(columns_) * cell_, static_cast<float>(rows_) * cell_};
}

Vec2 SegmentRaster::centre(int cell) const {
  const auto column = static_cast<float>(cell % columns_);
  const auto row = static_cast<float>(cell / columns_);
  return {low_.x + (column + 0.5f) * cell_, low_.y + (row + 0.5f) * cell_};
}

// Calls `select(centre, reach, candidates, out)` for square blocks of cells and then, with the
// block's survivors as candidates, for each of its cells: `reach` is half the diagonal.
template <typename Select>
void SegmentRaster::fill(std::span<const Segment> segments, const Select& select) {
  constexpr int kBlock = 16;
  const float half_diagonal = 0.70711f * cell_;
  std::vector<std::uint16_t> all(segments.size()), survivors;
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
  std::vector<std::vector<std::uint16_t>> lists(static_cast<std::size_t>(num_cells()));
  for (int top = 0; top < rows_; top += kBlock) {
    for (int left = 0; left < columns_; left += kBlock) {
      const float half = 0.5f * kBlock * cell_;
      const Vec2 middle = {low_.x + static_cast<float>(left) * cell_ + half,
                           low_.y + static_cast<float>(top) * cell_ + half};
      select(middle, kBlock * half_diagonal, all, survivors);
      for (int row = top; row < std::min(top + kBlock, rows_); ++row)
        for (int column = left; column < std::min(left + kBlock, columns_); ++column) {
          const int cell = row * columns_ + column;
          select(centre(cell), half_diagonal, survivors, lists[static_cast<std::size_t>(cell)]);
        }
    }
  }
  first_.assign(1, 0);
  items_.clear();
  for (const auto& list : lists) {
    items_.insert(items_.end(), list.begin(), list.end());
    first_.push_back(static_cast<std::uint32_t>(items_.size()));
  }
}

void SegmentRaster::fill_nearest(std::span<const Segment> segments) {
  // A point of the cell is within `reach` of its centre, so the segment nearest to the point is
  // at most 2 * reach further from the centre than the segment nearest to the centre.
  std::vector<float> gaps;
  fill(segments, [&](Vec2 middle, float reach, const auto& candidates, auto& out) {
    out.clear();
    gaps.clear();
    float nearest = std::numeric_limits<float>::max();
    for (const auto i : candidates) {
      gaps.push_back(std::sqrt(segments[i].distance2(middle)));
      nearest = std::min(nearest, gaps.back());
    }
    constexpr float kRounding = 1e-4f;  // m, well above float32 error at 100 m
    for (std::size_t k = 0; k < candidates.size(); ++k)
      if (gaps[k] <= nearest + 2.0f * reach + kRounding) out.push_back(candidates[k]);
  });
}

void SegmentRaster::fill_overlapping(std::span<const Segment> segments) {
  fill(segments, [&](Vec2 middle, float reach, const auto& candidates, auto& out) {
    out.clear();
    const float limit = 1.01f * reach;
    for (const auto i : candidates)
      if (segments[i].distance2(middle) <= limit * limit) out.push_back(i);
  });
}

Polyline::Polyline(std::span<const Vec2> points) : segments_(make_segments(points)) {
  length_ = segments_.back().arc_start + segments_.back().length;
}

void Polyline::build_raster(Vec2 low, Vec2 high) {
  raster_ = SegmentRaster(low, high);
  raster_.fill_nearest(segments_);
}

Polyline::Nearest Polyline::nearest(Vec2 p) const {
  float best2 = std::numeric_limits<float>::max();
  int best = 0;
  const auto consider = [&](int i) {
    const float gap2 = segments_[static_cast<std::size_t>(i)].distance2(p);
    if (gap2 < best2) {
      best2 = gap2;
      best = i;
    }
  };
  if (raster_.contains(p)) {
    for (const auto i : raster_.segments(raster_.cell(p))) consider(i);
  } else {
    for (int i = 0; i < static_cast<int>(segments_.size()); ++i) consider(i);
  }
  const Segment& s = segments_[static_cast<std::size_t>(best)];
  const float t = s.project(p);
  return {best, s.arc_start + t * s.length, s.at(t)};
}

const Segment& Polyline::segment_at(float arc) const {
  const auto after = std::upper_bound(segments_.begin(), segments_.end(), arc,
                                      [](float a, const Segment& s) { return a < s.arc_start; });
  return after == segments_.begin() ? segments_.front() : *(after - 1);
}

Vec2 Polyline::point_at(float arc) const {
  const Segment& s = segment_at(arc);
  return s.at(s.length > 0.0f ? std::clamp((arc - s.arc_start) / s.length, 0.0f, 1.0f) : 0.0f);
}

std::vector<Vec2> Polyline::points() const {
  std::vector<Vec2> result;
  for (const Segment& s : segments_) result.push_back(s.start);
  result.push_back(segments_.back().stop);
  return result;
}

Track::Track(std::span<const Vec2> center, std::span<const Vec2> inner, std::span<const Vec2> outer,
             bool is_loop)
    : is_loop_(is_loop), center_(center), inner_(inner), outer_(outer) {
  // On an open road the inner border is the left one, as on a counter-clockwise loop.
  const Vec2 forward = center_.segments().front().span;
  is_counter_clockwise_ = is_loop ? signed_area2(center_.segments()) > 0.0f
                                  : cross(forward, inner[0] - center[0]) > 0.0f;
  Vec2 low = center[0], high = center[0];
  for (const auto line : {center, inner, outer})
    for (const Vec2 p : line) {
      low = {std::min(low.x, p.x), std::min(low.y, p.y)};
      high = {std::max(high.x, p.x), std::max(high.y, p.y)};
    }
  low = low - Vec2{kRasterMargin, kRasterMargin};
  high = high + Vec2{kRasterMargin, kRasterMargin};
  for (Polyline* line : {&center_, &inner_, &outer_}) line->build_raster(low, high);
  road_raster_ = SegmentRaster(low, high);
  build_road(inner, outer);
}

Track Track::reversed() const {
  const auto backwards = [](const Polyline& line) {
    std::vector<Vec2> points = line.points();
    std::reverse(points.begin(), points.end());
    return points;
  };
  return Track(backwards(center_), backwards(inner_), backwards(outer_), is_loop_);
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
  road_parity_.resize(static_cast<std::size_t>(road_raster_.num_cells()));
  // The path from far outside must not run through a vertex in the same direction as an edge.
  const Vec2 corner = road_raster_.centre(0);
  const Vec2 far = corner - Vec2{17.031f, 11.719f};
  for (int cell = 0; cell < road_raster_.num_cells(); ++cell)
    road_parity_[static_cast<std::size_t>(cell)] =
        inside(road_raster_.centre(cell), far, road_edges_);
}

bool Track::on_road(Vec2 p) const {
  if (!road_raster_.contains(p)) return false;
  const int cell = road_raster_.cell(p);
  bool odd = road_parity_[static_cast<std::size_t>(cell)] != 0;
  for (const auto i : road_raster_.segments(cell))
    odd ^= crosses(road_raster_.centre(cell), p, road_edges_[i]);
  return odd;
}

TrackPoint Track::locate(Vec2 p) const {
  const Polyline::Nearest c = center_.nearest(p);
  const Vec2 inner = inner_.nearest(c.point).point;
  const Vec2 outer = outer_.nearest(c.point).point;
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
          .nearer_inner = distance(p, inner) < distance(p, outer),
          .prev_waypoint = prev,
          .next_waypoint = prev + 1 < num_waypoints ? prev + 1 : 0};
}

float Track::wrap_arc(float arc) const {
  if (!is_loop_) return std::clamp(arc, 0.0f, length());
  const float wrapped = std::fmod(arc, length());
  return wrapped < 0.0f ? wrapped + length() : wrapped;
}

float Track::heading_at(float arc) const {
  const Vec2 span = center_.segment_at(wrap_arc(arc)).span;
  return std::atan2(span.y, span.x);
}

Vec2 Track::lane_at(float arc, Vec2 p) const {
  const Vec2 middle = center_at(arc);
  const Vec2 inner = inner_.nearest(middle).point;
  const Vec2 outer = outer_.nearest(middle).point;
  const Vec2 border = distance(p, inner) < distance(p, outer) ? inner : outer;
  return 0.5f * (middle + border);
}

}  // namespace deepracer_fast
