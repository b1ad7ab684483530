// Tables that name the few segments of a line that can matter somewhere.
//
// In: the segments, and a place: a cell of the ground or a stretch of a line. Out: a short list,
// worked out once, of the segments that can be the nearest there or that pass through it. Lookups
// take O(1). Neighbours: Polyline and Track ask.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "base/geometry.h"

namespace deepracer_fast {

// A short list of segment indices, ascending: a run of neighbours, or items that lie elsewhere.
class SegmentList {
 public:
  SegmentList(std::uint16_t first, int size) : first_(first), size_(size) {}
  explicit SegmentList(const std::uint16_t* items) : items_(items + 1), size_(*items) {}

  int size() const { return size_; }
  std::uint16_t operator[](int i) const {
    return items_ == nullptr ? static_cast<std::uint16_t>(first_ + i) : items_[i];
  }
  bool contains(std::uint16_t segment) const {
    for (int i = 0; i < size_; ++i)
      if ((*this)[i] == segment) return true;
    return false;
  }

 private:
  const std::uint16_t* items_ = nullptr;
  std::uint16_t first_ = 0;
  int size_;
};

// Many of them. Most are runs, which take one number each.
class SegmentLists {
 public:
  explicit SegmentLists(std::size_t lists = 0) : entries_(lists) {}

  SegmentList operator[](int list) const {
    const std::uint32_t entry = entries_[list];
    if (entry & kItems) return SegmentList(items_.data() + (entry & ~kItems));
    return {static_cast<std::uint16_t>(entry), static_cast<int>(entry >> 16)};
  }
  void set(int list, std::span<const std::uint16_t> segments);
  void set_same(int list, int as) { entries_[list] = entries_[as]; }
  std::size_t bytes() const { return 4 * entries_.capacity() + 2 * items_.capacity(); }

 private:
  static constexpr std::uint32_t kItems = 1U << 31;

  std::vector<std::uint32_t> entries_;  // length << 16 | first; or kItems | place in items_
  std::vector<std::uint16_t> items_;    // the length of a list, then its segments
};

// A uniform raster over a box; each cell holds a short list of segment indices. Cells are 0.1 m
// wide, wider only where a box would need more than kMaxCells of them. They are numbered tile by
// tile, so that what a car asks of its surroundings lies in few cache lines.
class SegmentRaster {
 public:
  static constexpr float kFinestCell = 0.1F;  // m
  static constexpr float kMaxCells = 300'000.0F;
  static constexpr unsigned kTile = 4;  // cells along its edge

  struct Cell {
    int column, row;
  };

  SegmentRaster() = default;
  SegmentRaster(Vec2 low, Vec2 high);

  bool contains(Vec2 p) const {
    const Vec2 q = p - low_;
    return q.x >= 0.0F && q.y >= 0.0F && q.x < extent_.x && q.y < extent_.y;
  }
  // The cell of a point that the raster contains.
  Cell cell_of(Vec2 p) const {
    return {std::min(static_cast<int>((p.x - low_.x) * cells_per_metre_), columns_ - 1),
            std::min(static_cast<int>((p.y - low_.y) * cells_per_metre_), rows_ - 1)};
  }
  // Where the cell is found in tables of cells.
  int index(Cell cell) const {
    const auto column = static_cast<unsigned>(cell.column);
    const auto row = static_cast<unsigned>(cell.row);
    const unsigned tile = row / kTile * tiles_ + column / kTile;
    return static_cast<int>((tile * kTile + row % kTile) * kTile + column % kTile);
  }
  Vec2 centre(Cell cell) const;
  int columns() const { return columns_; }
  int rows() const { return rows_; }
  // More than there are cells, since tiles are whole.
  std::size_t num_indices() const {
    return std::size_t{tiles_} * tiles_along(rows_) * kTile * kTile;
  }
  SegmentList segments(int index) const { return lists_[index]; }
  std::size_t bytes() const { return lists_.bytes(); }

  // Fills every cell with the segments that can be nearest to one of its points.
  void fill_nearest(std::span<const Segment> segments);
  // Fills every cell with the segments that pass through it.
  void fill_overlapping(std::span<const Segment> segments);

 private:
  static unsigned tiles_along(int cells) {
    return (static_cast<unsigned>(cells) + kTile - 1) / kTile;
  }

  void set_block(Cell corner, int size, std::span<const std::uint16_t> segments);
  void fill_nearest_one_by_one(std::span<const Segment> segments);

  static constexpr int kHalvings = 5;  // looks from a block of cells to each of its cells

  template <typename Select>
  void fill(std::size_t num_segments, Select select);
  template <typename Select>
  void fill_block(Cell corner, int size, std::span<const std::uint16_t> candidates,
                  std::span<std::vector<std::uint16_t>> survivors, Select& select);

  Vec2 low_, extent_;         // m
  float cell_ = kFinestCell;  // m
  float cells_per_metre_ = 1.0F / kFinestCell;
  int columns_ = 0, rows_ = 0;
  unsigned tiles_ = 0;  // side by side
  SegmentLists lists_;  // [num_indices]
};

// All indices of so many segments.
std::vector<std::uint16_t> all_indices(std::size_t count);

// A place on the ground: everything within `reach` of `middle`.
struct Disc {
  Vec2 middle;
  float reach;  // m
};

// Selects the segments that can be nearest to a point of a place, in ascending order.
class NearestSelector {
 public:
  using Indices = std::vector<std::uint16_t>;

  // `slack`: m by which what a segment stands for may lie off it, one each; none if empty.
  explicit NearestSelector(std::span<const Segment> segments, std::span<const float> slack = {})
      : segments_(segments), slack_(slack), is_kept_(segments.size()) {}

  void select(Disc disc, std::span<const std::uint16_t> candidates, Indices& out) {
    out.clear();
    for_nearest(disc, candidates, [&](std::uint16_t i) { out.push_back(i); });
  }

  // The same for a place that smaller discs cover: the fewer are left, the faster every lookup.
  void select(std::span<const Disc> parts, std::span<const std::uint16_t> candidates,
              Indices& out) {
    out.clear();
    for (const Disc& part : parts)
      for_nearest(part, candidates, [&](std::uint16_t i) { keep(i, out); });
    sort(out);
  }

  static constexpr std::size_t kLooks = 3;  // a cell is looked at in 64 parts where it matters

  // The same for a square of that edge, of which quarters of quarters are looked at.
  void select_square(Vec2 middle, float edge, std::span<const std::uint16_t> candidates,
                     Indices& out, std::size_t looks = kLooks) {
    out.clear();
    look_at_square(middle, edge, candidates, out, looks);
    sort(out);
  }

  float last_gap() const { return last_gap_; }

 private:
  void keep(std::uint16_t i, Indices& out) {
    if (!std::exchange(is_kept_[i], std::uint8_t{1})) out.push_back(i);
  }

  void sort(Indices& out) {
    for (const auto i : out) is_kept_[i] = 0;
    std::ranges::sort(out);
  }

  void look_at_square(Vec2 middle, float edge, std::span<const std::uint16_t> candidates,
                      Indices& out, std::size_t looks) {
    const Disc disc = {middle, 0.70711F * edge};
    if (looks == 0) return for_nearest(disc, candidates, [&](std::uint16_t i) { keep(i, out); });
    Indices& few = few_[looks - 1];
    select(disc, candidates, few);
    if (few.size() == 1) return keep(few.front(), out);
    const float aside = 0.25F * edge;
    for (const Vec2 gap : {Vec2{-aside, -aside}, {aside, -aside}, {-aside, aside}, {aside, aside}})
      look_at_square(middle + gap, 0.5F * edge, few, out, looks - 1);
  }

  // The segment nearest to a point of the disc is at most 2 * reach further from its middle than
  // the one nearest to the middle.
  template <typename Keep>
  void for_nearest(Disc disc, std::span<const std::uint16_t> candidates, const Keep& take) {
    constexpr float kFloatError = 1e-4F;  // m, well above float32 error at 100 m
    gaps_.clear();
    float nearest = std::numeric_limits<float>::max();
    for (const auto i : candidates) {
      gaps_.push_back(std::sqrt(segments_[i].distance2(disc.middle)) - slack(i));
      nearest = std::min(nearest, gaps_.back() + 2.0F * slack(i));
    }
    for (std::size_t k = 0; k < candidates.size(); ++k)
      if (gaps_[k] <= nearest + 2.0F * disc.reach + kFloatError) take(candidates[k]);
    last_gap_ = nearest;
  }

  float slack(std::uint16_t i) const { return slack_.empty() ? 0.0F : slack_[i]; }

  std::span<const Segment> segments_;
  std::span<const float> slack_;
  std::vector<std::uint8_t> is_kept_;  // [segments] in the list that is being made
  std::vector<float> gaps_;            // m, of the candidates
  float last_gap_ = 0.0F;              // m, from the middle of the last place to the nearest
  std::array<Indices, kLooks> few_;    // what each look left
};

}  // namespace deepracer_fast
