// The painted ground of one track: an 8-bit grey picture of road, lines, dashes and field with mip
// levels, and the rectangle of walls around it.
//
// In: the track's three polylines and a Look (the colours and line geometry of a track family).
// Out: texels for Camera, which walks them row by row. Built once per track, never changed after.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/huge_pages.h"
#include "rendering/look.h"

namespace deepracer_fast {

// Axis-aligned rectangle in world coordinates, metres.
struct Rectangle {
  double min_x, min_y, max_x, max_y;
};

// One mip level, in strips of four rows: columns[strip * pitch + column] holds the texels of rows
// 4 * strip to 4 * strip + 3, the lowest in the lowest byte. A cache line is a patch of 16 x 4
// texels, and two loads yield a window of 4 x 8. A border of kBorder texels repeats the outermost
// ones: four columns of the picture of which one lies inside never leave it. Texel (column, row) is
// centred on (field.min_x + (column - kBorder + 0.5) * texel, field.min_y + (row - kBorder + 0.5) *
// texel).
struct MipLevel {
  static constexpr int kBorder = 4;

  const std::uint32_t* columns;
  std::int32_t pitch;   // from strip to strip
  std::int32_t last_x;  // largest column at which a window may start
  std::int32_t last_y;  // largest row in which a window may start
  float texels_per_metre;
};

struct Plane;

class Ground {
 public:
  static constexpr int kLevels = 16;
  static constexpr int kLevelsPerOctave = 2;

  // Each polyline is x0, y0, x1, y1, ... in metres, at least two points in driving direction;
  // points of the same number on inner and outer border stand opposite each other. A closed one
  // (is_loop) repeats its first point at the end.
  Ground(std::span<const double> centre, std::span<const double> inner,
         std::span<const double> outer, bool is_loop, const Look& look);

  const Look& look() const { return look_; }
  const Rectangle& field() const { return field_; }
  const MipLevel& level(int index) const { return levels_[index]; }
  float texel() const { return texel_; }            // m, edge of a level-0 texel
  float log2_texel() const { return log2_texel_; }  // log2 of the same in metres
  // Memory held by the texels.
  std::size_t bytes() const { return sizeof(std::uint32_t) * columns_.capacity(); }

 private:
  void choose_extent(std::span<const double> inner, std::span<const double> outer);
  void store_levels(Plane plane);

  Look look_;
  Rectangle field_{};
  float texel_ = 0.0F;
  float log2_texel_ = 0.0F;
  int width_ = 0;  // texels of level 0
  int height_ = 0;
  std::vector<std::uint32_t, HugePages<std::uint32_t>> columns_;
  std::array<MipLevel, kLevels> levels_{};
};

}  // namespace deepracer_fast
