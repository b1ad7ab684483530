// Lines through points: see polyline.h.
#include "tracks/polyline.h"

#include <limits>

namespace deepracer_fast {

std::vector<Segment> make_segments(std::span<const Vec2> points) {
  std::vector<Segment> segments;
  float arc = 0.0F;
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    const Vec2 span = points[i + 1] - points[i];
    const float size = length(span);
    const float inverse_length2 = size > 0.0F ? 1.0F / dot(span, span) : 0.0F;
    segments.push_back(
        {points[i], span, points[i + 1], inverse_length2, size, arc, std::atan2(span.y, span.x)});
    arc += size;
  }
  return segments;
}

Polyline::Polyline(std::span<const Vec2> points) : segments_(make_segments(points)) {
  length_ = segments_.back().arc_start + segments_.back().length;
  build_slices();
}

void Polyline::build_slices() {
  slice_length_ = std::max(kFinestSlice, length_ / kMaxSlices);
  slices_per_metre_ = 1.0F / slice_length_;
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
  if (raster_.contains(p)) return nearest(p, raster_.segments(raster_.index(raster_.cell_of(p))));
  return nearest(p, SegmentList(0, static_cast<int>(segments_.size())));
}

Polyline::Nearest Polyline::nearest(Vec2 p, SegmentList candidates) const {
  float best2 = std::numeric_limits<float>::max();
  std::size_t best = 0;
  for (int k = 0; k < candidates.size(); ++k) {
    const std::size_t i = candidates[k];
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
  std::size_t i = first_segment_[slice(arc)];
  while (i > 0 && segments_[i].arc_start > arc) --i;  // the slice was rounded up
  while (i + 1 < segments_.size() && segments_[i + 1].arc_start <= arc) ++i;
  return segments_[i];
}

Vec2 Polyline::point_at(float arc) const {
  const Segment& s = segment_at(arc);
  return s.at(s.length > 0.0F ? std::clamp((arc - s.arc_start) / s.length, 0.0F, 1.0F) : 0.0F);
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
  constexpr int kParts = 8;           // of a slice that are looked at one by one
  constexpr float kRounding = 1e-3F;  // m, of an arc length that falls on a slice's end
  NearestSelector nearest(line_.segments());
  const std::vector<std::uint16_t> all = all_indices(line_.segments().size());
  std::vector<std::uint16_t> survivors, list;
  std::array<Disc, kParts> parts;
  // Slices [first, first + count): no point of a line is further from its middle than along it.
  const auto disc = [&](float first, float count) {
    const float arc = (first + 0.5F * count) * center.slice_length();
    return Disc{center.point_at(std::min(arc, center.length())),
                0.5F * count * center.slice_length() + kRounding};
  };
  for (int slice = 0; slice < center.num_slices(); ++slice) {
    const auto first = static_cast<float>(slice);
    if (slice % kBlock == 0) nearest.select(disc(first, kBlock), all, survivors);
    for (int part = 0; part < kParts; ++part)
      parts[part] = disc(first + static_cast<float>(part) / kParts, 1.0F / kParts);
    nearest.select(parts, survivors, list);
    candidates_.set(slice, list);
  }
}

Vec2 Border::nearest(Vec2 p, int slice) const { return line_.nearest(p, candidates_[slice]).point; }

}  // namespace deepracer_fast
