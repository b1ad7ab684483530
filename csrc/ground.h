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
#include <string_view>
#include <vector>

namespace deepracer_fast {

// One painted surface: mean grey level as the camera sees it (after lighting) and the standard
// deviation of its carpet-like grain per 2.5 mm texel, both on the scale 0..255.
struct Surface {
  float grey;
  float sigma;
};

// One side of the wall, lit by its orientation: grey level at the foot and gain per metre of
// height.
struct WallShade {
  float foot;
  float gain;
};

// Sides of the wall in the order in which a camera that turns clockwise meets them.
enum Side { kWest = 0, kNorth = 1, kEast = 2, kSouth = 3 };

// Appearance of a family of tracks. Lengths in metres, grey levels 0..255.
struct Look {
  Surface road;
  Surface field;
  Surface line;
  Surface dash;
  float line_width;
  bool lines_inside;  // border lines lie between the borders (true) or just outside them
  float dash_width;
  float dash_length;
  float dash_pitch;
  float dash_first;    // arc length at which the first dash begins
  float field_margin;  // from the outermost border points to the walls
  float wall_height;
  std::array<WallShade, 4> walls;  // by Side
  float sky_grey;
};

// The look named "reinvent", "oval" or "speedway"; throws std::invalid_argument for another name.
Look look_by_name(std::string_view name);

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
