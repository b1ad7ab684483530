#include "track.h"

#include <limits>
#include <numeric>
#include <ranges>

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
    const float inverse_length2 = size > 0.0f ? 1.0f / dot(span, span) : 0.0f;
    segments.push_back(
        {points[i], span, points[i + 1], inverse_length2, size, arc, std::atan2(span.y, span.x)});
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

std::vector<std::uint16_t> all_indices(std::size_t count) {
  std::vector<std::uint16_t> indices(count);
  std::iota(indices.begin(), indices.end(), std::uint16_t{0});
  return indices;
}

// The candidates that can be nearest to a point within `reach` of `middle`: the one nearest to the
// point is at most 2 * reach further from the middle than the one nearest to the middle.
class NearestSelector {
 public:
  explicit NearestSelector(std::span<const Segment> segments) : segments_(segments) {}

  void operator()(Vec2 middle, float reach, std::span<const std::uint16_t> candidates,
                  std::vector<std::uint16_t>& out) {
    constexpr float kRounding = 1e-4f;  // m, well above float32 error at 100 m
    out.clear();
    gaps_.clear();
    float nearest = std::numeric_limits<float>::max();
    for (const auto i : candidates) {
      gaps_.push_back(std::sqrt(segments_[i].distance2(middle)));
      nearest = std::min(nearest, gaps_.back());
    }
    for (std::size_t k = 0; k < candidates.size(); ++k)
      if (gaps_[k] <= nearest + 2.0f * reach + kRounding) out.push_back(candidates[k]);
  }

 private:
  std::span<const Segment> segments_;
  std::vector<float> gaps_;
};

}  // namespace

void SegmentLists::set(int number, std::span<const std::uint16_t> segments, int neighbour) {
  std::uint32_t& start = starts_[static_cast<std::size_t>(number)];
  if (neighbour >= 0 && std::ranges::equal((*this)[neighbour], segments)) {
    start = starts_[static_cast<std::size_t>(neighbour)];
    return;
  }
  start = static_cast<std::uint32_t>(items_.size());
  items_.push_back(static_cast<std::uint16_t>(segments.size()));
  items_.insert(items_.end(), segments.begin(), segments.end());
}

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
void SegmentRaster::fill(std::span<const Segment> segments, Select select) {
  constexpr int kBlock = 16;
  const float half_diagonal = 0.70711f * cell_;
  const std::vector<std::uint16_t> all = all_indices(segments.size());
  std::vector<std::uint16_t> survivors, list;
  lists_ = SegmentLists(static_cast<std::size_t>(num_cells()));
  for (int top = 0; top < rows_; top += kBlock) {
    for (int left = 0; left < columns_; left += kBlock) {
      const float half = 0.5f * kBlock * cell_;
      const Vec2 middle = {low_.x + static_cast<float>(left) * cell_ + half,
                           low_.y + static_cast<float>(top) * cell_ + half};
      select(middle, kBlock * half_diagonal, all, survivors);
      for (int row = top; row < std::min(top + kBlock, rows_); ++row)
        for (int column = left; column < std::min(left + kBlock, columns_); ++column) {
          const int cell = row * columns_ + column;
          select(centre(cell), half_diagonal, survivors, list);
          lists_.set(cell, list, column > 0 ? cell - 1 : cell - columns_);
        }
    }
  }
}

void SegmentRaster::fill_nearest(std::span<const Segment> segments) {
  fill(segments, NearestSelector(segments));
}

void SegmentRaster::fill_overlapping(std::span<const Segment> segments) {
  const auto select = [&](Vec2 middle, float reach, const auto& candidates, auto& out) {
    out.clear();
    const float limit = 1.01f * reach;
    for (const auto i : candidates)
      if (segments[i].distance2(middle) <= limit * limit) out.push_back(i);
  };
  fill(segments, select);
}

Polyline::Polyline(std::span<const Vec2> points) : segments_(make_segments(points)) {
  length_ = segments_.back().arc_start + segments_.back().length;
  build_slices();
}

void Polyline::build_slices() {
  slice_length_ = std::max(kFinestSlice, length_ / kMaxSlices);
  slices_per_metre_ = 1.0f / slice_length_;
  const auto slices = static_cast<std::size_t>(length_ * slices_per_metre_) + 1;
  std::size_t segment = 0;
  for (std::size_t i = 0; i < slices; ++i) {
    const float begin = static_cast<float>(i) * slice_length_;
    while (segment + 1 < segments_.size() && segments_[segment + 1].arc_start <= begin) ++segment;
    first_segment_.push_back(static_cast<std::uint16_t>(segment));
  }
}

void Polyline::build_raster(Vec2 low, Vec2 high) {
  raster_ = SegmentRaster(low, high);
  raster_.fill_nearest(segments_);
}

Polyline::Nearest Polyline::nearest(Vec2 p) const {
  if (raster_.contains(p)) return nearest(p, raster_.segments(raster_.cell(p)));
  return nearest(p, std::views::iota(std::size_t{0}, segments_.size()));
}

template <typename Indices>
Polyline::Nearest Polyline::nearest(Vec2 p, const Indices& candidates) const {
  float best2 = std::numeric_limits<float>::max();
  std::size_t best = 0;
  for (const auto i : candidates) {
    const float gap2 = segments_[i].distance2(p);
    if (gap2 < best2) {
      best2 = gap2;
      best = i;
    }
  }
  const Segment& s = segments_[best];
  const float t = s.project(p);
  return {static_cast<int>(best), s.arc_start + t * s.length, s.at(t)};
}

const Segment& Polyline::segment_at(float arc) const {
  std::size_t i = first_segment_[static_cast<std::size_t>(slice(arc))];
  while (i > 0 && segments_[i].arc_start > arc) --i;  // the slice was rounded up
  while (i + 1 < segments_.size() && segments_[i + 1].arc_start <= arc) ++i;
  return segments_[i];
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

std::size_t Polyline::bytes() const {
  return sizeof(Segment) * segments_.capacity() + 2 * first_segment_.capacity() + raster_.bytes();
}

Border::Border(std::span<const Vec2> points, const Polyline& center)
    : line_(points), candidates_(static_cast<std::size_t>(center.num_slices())) {
  constexpr int kBlock = 32;          // slices that share a first selection
  constexpr float kRounding = 1e-3f;  // m, of an arc length that falls on a slice's end
  NearestSelector select(line_.segments());
  const std::vector<std::uint16_t> all = all_indices(line_.segments().size());
  std::vector<std::uint16_t> survivors, list;
  const float size = center.slice_length();
  const auto middle_of = [&](int first, int count) {
    const float arc = (static_cast<float>(first) + 0.5f * static_cast<float>(count)) * size;
    return center.point_at(std::min(arc, center.length()));
  };
  // A point of the line is no further from the middle than along the line.
  for (int slice = 0; slice < center.num_slices(); ++slice) {
    if (slice % kBlock == 0)
      select(middle_of(slice, kBlock), (0.5f * kBlock) * size + kRounding, all, survivors);
    select(middle_of(slice, 1), 0.5f * size + kRounding, survivors, list);
    candidates_.set(slice, list, slice - 1);
  }
}

Vec2 Border::nearest(Vec2 p, int slice) const { return line_.nearest(p, candidates_[slice]).point; }

Track::Track(std::span<const Vec2> center, std::span<const Vec2> inner, std::span<const Vec2> outer,
             bool is_loop)
    : is_loop_(is_loop), center_(center), inner_(inner, center_), outer_(outer, center_) {
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
  center_.build_raster(low, high);
  road_raster_ = SegmentRaster(low, high);
  build_road(inner, outer);
}

std::shared_ptr<const Track> Track::reversed() const {
  std::call_once(reversed_once_, [this] {
    const auto backwards = [](std::vector<Vec2> points) {
      std::reverse(points.begin(), points.end());
      return points;
    };
    reversed_ = std::make_shared<Track>(backwards(center_.points()), backwards(inner_.points()),
                                        backwards(outer_.points()), is_loop_);
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
  road_cells_.resize(static_cast<std::size_t>(road_raster_.num_cells()));
  // The path from far outside must not run through a vertex in the same direction as an edge.
  const Vec2 corner = road_raster_.centre(0);
  const Vec2 far = corner - Vec2{17.031f, 11.719f};
  for (int cell = 0; cell < road_raster_.num_cells(); ++cell) {
    const bool on = inside(road_raster_.centre(cell), far, road_edges_);
    const bool mixed = !road_raster_.segments(cell).empty();
    road_cells_[static_cast<std::size_t>(cell)] =
        mixed ? (on ? kCentreOnRoad : kCentreOffRoad) : (on ? kOnRoad : kOffRoad);
  }
}

bool Track::on_road(Vec2 p) const {
  if (!road_raster_.contains(p)) return false;
  const int cell = road_raster_.cell(p);
  const Cell known = road_cells_[static_cast<std::size_t>(cell)];
  if (known <= kOnRoad) return known == kOnRoad;
  bool odd = known == kCentreOnRoad;
  for (const auto i : road_raster_.segments(cell))
    odd ^= crosses(road_raster_.centre(cell), p, road_edges_[i]);
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
  if (!is_loop_) return std::clamp(arc, 0.0f, length());
  const float wrapped = std::fmod(arc, length());
  return wrapped < 0.0f ? wrapped + length() : wrapped;
}

float Track::heading_at(float arc) const { return center_.segment_at(wrap_arc(arc)).heading; }

Vec2 Track::lane_at(float arc, Vec2 p) const {
  const float on_line = wrap_arc(arc);
  const Vec2 middle = center_.point_at(on_line);
  const int slice = center_.slice(on_line);
  const Vec2 inner = inner_.nearest(middle, slice);
  const Vec2 outer = outer_.nearest(middle, slice);
  const Vec2 border = distance2(p, inner) < distance2(p, outer) ? inner : outer;
  return 0.5f * (middle + border);
}

}  // namespace deepracer_fast
