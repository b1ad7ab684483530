// Fills the tables: see segment_raster.h.
#include "segment_raster.h"

#include <numeric>

namespace deepracer_fast {

std::vector<std::uint16_t> all_indices(std::size_t count) {
  std::vector<std::uint16_t> indices(count);
  std::iota(indices.begin(), indices.end(), std::uint16_t{0});
  return indices;
}

void SegmentLists::set(int list, std::span<const std::uint16_t> segments) {
  const auto size = static_cast<std::uint32_t>(segments.size());
  std::uint32_t& entry = entries_[static_cast<std::size_t>(list)];
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
  cells_per_metre_ = 1.0f / cell_;
  columns_ = static_cast<int>(std::ceil(size.x * cells_per_metre_));
  rows_ = static_cast<int>(std::ceil(size.y * cells_per_metre_));
  tiles_ = tiles_along(columns_);
  extent_ = {static_cast<float>(columns_) * cell_, static_cast<float>(rows_) * cell_};
}

Vec2 SegmentRaster::centre(Cell cell) const {
  return {low_.x + (static_cast<float>(cell.column) + 0.5f) * cell_,
          low_.y + (static_cast<float>(cell.row) + 0.5f) * cell_};
}

// Calls `select(centre, reach, candidates, out)` for square blocks of cells and then, with the
// block's survivors as candidates, for each of its cells: `reach` is half the diagonal.
template <typename Select>
void SegmentRaster::fill(std::span<const Segment> segments, Select select) {
  constexpr int kBlock = 16;
  const float half_diagonal = 0.70711f * cell_;
  const std::vector<std::uint16_t> all = all_indices(segments.size());
  std::vector<std::uint16_t> survivors, list;
  lists_ = SegmentLists(num_indices());
  for (int top = 0; top < rows_; top += kBlock) {
    for (int left = 0; left < columns_; left += kBlock) {
      const float half = 0.5f * kBlock * cell_;
      const Vec2 middle = {low_.x + static_cast<float>(left) * cell_ + half,
                           low_.y + static_cast<float>(top) * cell_ + half};
      select(middle, kBlock * half_diagonal, all, survivors);
      for (int row = top; row < std::min(top + kBlock, rows_); ++row)
        for (int column = left; column < std::min(left + kBlock, columns_); ++column) {
          select(centre({column, row}), half_diagonal, survivors, list);
          lists_.set(index({column, row}), list);
        }
    }
  }
}

void SegmentRaster::fill_nearest(std::span<const Segment> segments) {
  NearestSelector nearest(segments);
  fill(segments, [&](Vec2 middle, float reach, const auto& candidates, auto& out) {
    if (reach > cell_)
      nearest.select({middle, reach}, candidates, out);
    else
      nearest.select_square(middle, cell_, candidates, out);
  });
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

}  // namespace deepracer_fast
