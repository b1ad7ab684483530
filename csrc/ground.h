// The painted ground of one track: an 8-bit grey picture of road, lines, dashes and field with mip
// levels, and the rectangle of walls around it.
//
// In: the track's three polylines and a Look (the colours and line geometry of a track family).
// Out: texels for Camera, which walks them row by row. Built once per track, never changed after.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "look.h"

namespace deepracer_fast {

// Axis-aligned rectangle in world coordinates, metres.
struct Rectangle {
  double min_x, min_y, max_x, max_y;
};

// One mip level. texels[row * pitch + column] holds the texel in its low byte and the texel one row
// further along y in its high byte, so that one unaligned 32-bit load at a texel yields the 2x2
// block that bilinear interpolation needs. Texel (column, row) is centred on
// (extent.min_x + (column + 0.5) * texel, extent.min_y + (row + 0.5) * texel).
struct MipLevel {
  const std::uint16_t* texels;
  std::int32_t pitch;   // texels from row to row, below 32768
  std::int32_t last_x;  // largest column at which a 2x2 block may start
  std::int32_t last_y;  // largest row at which a 2x2 block may start
  float texels_per_metre;
};

class Ground {
 public:
  static constexpr int kLevels = 7;

  // Each polyline is x0, y0, x1, y1, ... in metres; all three have the same number of points, at
  // least two, in driving direction. A closed one (is_loop) repeats its first point at the end.
  // Throws std::invalid_argument if sizes disagree or a coordinate is not finite.
  Ground(std::span<const double> centre, std::span<const double> inner,
         std::span<const double> outer, bool is_loop, const Look& look);

  const Look& look() const { return look_; }
  const Rectangle& field() const { return field_; }
  const MipLevel& level(int index) const { return levels_[static_cast<std::size_t>(index)]; }
  float texel() const { return texel_; }            // m, edge of a level-0 texel
  float log2_texel() const { return log2_texel_; }  // log2 of the same in metres
  std::size_t bytes() const { return bytes_; }      // memory held by the texels

 private:
  struct Free {
    void operator()(std::uint16_t* memory) const;
  };

  void choose_extent(std::span<const double> inner, std::span<const double> outer);
  void allocate_levels();
  void store_level(int index, const std::vector<std::uint8_t>& plane);

  Look look_;
  Rectangle field_{};
  float texel_ = 0.0F;
  float log2_texel_ = 0.0F;
  int width_ = 0;  // texels of level 0, a multiple of 2^(kLevels - 1)
  int height_ = 0;
  std::size_t bytes_ = 0;
  std::unique_ptr<std::uint16_t[], Free> texels_;
  std::array<MipLevel, kLevels> levels_{};
};

}  // namespace deepracer_fast
