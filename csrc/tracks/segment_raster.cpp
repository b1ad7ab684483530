// Fills the tables: see segment_raster.h.
#include "tracks/segment_raster.h"

#include <numeric>

namespace deepracer_fast {
namespace {

// A line of very many rows is not looked at more closely where it is so far away: whoever asks from
// there, as hardly anybody does, looks at more segments.
constexpr float kSeldomAsked = 2.0F;  // m

// Runs of neighbouring segments, each told by its chord: a line with many rows in a cell's width
// would take a thousand times as long to look at segment by segment.
struct Runs {
  Runs(std::span<const Segment> segments, std::size_t size) {
    for (std::size_t first = 0; first < segments.size(); first += size) {
      const std::size_t end = std::min(first + size, segments.size());
      const Vec2 start = segments[first].start, span = segments[end - 1].stop - start;
      const float square = dot(span, span);
      Segment chord{start, span, segments[end - 1].stop, square > 0.0F ? 1.0F / square : 0.0F};
      float away2 = 0.0F;
      for (std::size_t i = first; i < end; ++i)
        away2 = std::max(away2, chord.distance2(segments[i].stop));
      chords.push_back(chord);
      // No point of the run is further from the chord, and none of the chord from the run, which
      // must cross every line across the chord on its way from one end to the other.
      slack.push_back(std::sqrt(away2));
    }
  }

  std::vector<Segment> chords;
  std::vector<float> slack;  // m
};

}  // namespace

std::vector<std::uint16_t> all_indices(std::size_t count) {
  std::vector<std::uint16_t> indices(count);
  std::iota(indices.begin(), indices.end(), std::uint16_t{0});
  return indices;
}

void SegmentLists::set(int list, std::span<const std::uint16_t> segments) {
  const auto size = static_cast<std::uint32_t>(segments.size());
  std::uint32_t& entry = entries_[list];
  if (size == 0) {
    entry = 0;
  } else if (size == segments.back() - segments.front() + 1U && size < kItems >> 16) {
    entry = size << 16 | segments.front();
  } else {
    entry = kItems | static_cast<std::uint32_t>(items_.size());
    items_.push_back(static_cast<std::uint16_t>(size));
    items_.insert(items_.end(), segments.begin(), segments.end());
  }
}

SegmentRaster::SegmentRaster(Vec2 low, Vec2 high) : low_(low) {
  const Vec2 size = high - low;
  cell_ = std::max(kFinestCell, std::sqrt(size.x * size.y / kMaxCells));
  cells_per_metre_ = 1.0F / cell_;
  columns_ = static_cast<int>(std::ceil(size.x * cells_per_metre_));
  rows_ = static_cast<int>(std::ceil(size.y * cells_per_metre_));
  tiles_ = tiles_along(columns_);
  extent_ = {static_cast<float>(columns_) * cell_, static_cast<float>(rows_) * cell_};
}

Vec2 SegmentRaster::centre(Cell cell) const {
  return {low_.x + (static_cast<float>(cell.column) + 0.5F) * cell_,
          low_.y + (static_cast<float>(cell.row) + 0.5F) * cell_};
}

// Calls `select(centre, reach, candidates, out)` for square blocks of cells, for their quarters
// with the block's survivors as candidates, and so on to the cells: `reach` is half the diagonal.
template <typename Select>
void SegmentRaster::fill(std::size_t num_segments, Select select) {
  constexpr int kBlock = 1 << (kHalvings - 1);  // cells
  std::array<std::vector<std::uint16_t>, kHalvings> survivors;
  const std::vector<std::uint16_t> all = all_indices(num_segments);
  lists_ = SegmentLists(num_indices());
  for (int top = 0; top < rows_; top += kBlock)
    for (int left = 0; left < columns_; left += kBlock)
      fill_block({left, top}, kBlock, all, survivors, select);
}

template <typename Select>
void SegmentRaster::fill_block(Cell corner, int size, std::span<const std::uint16_t> candidates,
                               std::span<std::vector<std::uint16_t>> survivors, Select& select) {
  if (corner.column >= columns_ || corner.row >= rows_) return;
  const float half_diagonal = 0.70711F * cell_;
  if (size == 1) {
    select(centre(corner), half_diagonal, candidates, survivors.front());
    return lists_.set(index(corner), survivors.front());
  }
  const auto edge = static_cast<float>(size);
  const Vec2 middle = {low_.x + (static_cast<float>(corner.column) + 0.5F * edge) * cell_,
                       low_.y + (static_cast<float>(corner.row) + 0.5F * edge) * cell_};
  if (select(middle, edge * half_diagonal, candidates, survivors.front()))
    return set_block(corner, size, survivors.front());
  const int half = size / 2;
  for (const Cell aside : {Cell{0, 0}, {half, 0}, {0, half}, {half, half}})
    fill_block({corner.column + aside.column, corner.row + aside.row}, half, survivors.front(),
               survivors.subspan(1), select);
}

void SegmentRaster::set_block(Cell corner, int size, std::span<const std::uint16_t> segments) {
  const int first = index(corner);
  lists_.set(first, segments);
  for (int row = corner.row; row < std::min(corner.row + size, rows_); ++row)
    for (int column = corner.column; column < std::min(corner.column + size, columns_); ++column)
      lists_.set_same(index({column, row}), first);
}

void SegmentRaster::fill_nearest(std::span<const Segment> segments) {
  const Segment& last = segments.back();
  const float spacing = (last.arc_start + last.length) / static_cast<float>(segments.size());
  const auto run = static_cast<std::size_t>(std::clamp(cell_ / spacing, 1.0F, 1000.0F));
  if (run == 1) return fill_nearest_one_by_one(segments);
  const Runs runs(segments, run);
  NearestSelector nearest(runs.chords, runs.slack), exact(segments);
  std::vector<std::uint16_t> near_runs, members;
  const auto expand = [&](const auto& chosen, auto& out) {
    out.clear();
    for (const std::size_t k : chosen)
      for (std::size_t i = k * run; i < std::min((k + 1) * run, segments.size()); ++i)
        out.push_back(static_cast<std::uint16_t>(i));
  };
  fill(runs.chords.size(), [&](Vec2 middle, float reach, const auto& candidates, auto& out) {
    if (reach > cell_) {
      nearest.select({middle, reach}, candidates, out);
      if (nearest.last_gap() - reach < kSeldomAsked) return false;
      near_runs = out;
      expand(near_runs, out);
      return true;
    }
    nearest.select_square(middle, cell_, candidates, near_runs);
    expand(near_runs, members);
    exact.select_square(middle, cell_, members, out, 1);
    return false;
  });
}

void SegmentRaster::fill_nearest_one_by_one(std::span<const Segment> segments) {
  NearestSelector nearest(segments);
  fill(segments.size(), [&](Vec2 middle, float reach, const auto& candidates, auto& out) {
    if (reach > cell_)
      nearest.select({middle, reach}, candidates, out);
    else
      nearest.select_square(middle, cell_, candidates, out);
    return false;
  });
}

void SegmentRaster::fill_overlapping(std::span<const Segment> segments) {
  const auto select = [&](Vec2 middle, float reach, const auto& candidates, auto& out) {
    out.clear();
    const float limit = 1.01F * reach;
    for (const auto i : candidates)
      if (segments[i].distance2(middle) <= limit * limit) out.push_back(i);
    return false;
  };
  fill(segments.size(), select);
}

}  // namespace deepracer_fast
