// The scanlines of a camera's plan on the ground below a lens.
//
// Included by frame_painter.h alone, and compiled like it for each instruction set.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "rendering/frame.h"

namespace deepracer_fast {
namespace {

constexpr int kGroup = 4;  // columns that share a window of 4 x 8 texels
constexpr int kPlacedGroups = sizeof(Integers) / sizeof(std::int32_t);  // found together

// A mip level as the painter reads it.
struct PlacedLevel {
  // Strips of four rows, see ground.h: the first, the next, and that which a window starts in
  // `kSoon` texels nearer to the car.
  const std::uint32_t *lower, *upper, *soon;
  std::int32_t pitch_and_one;  // a half each, to multiply a strip and a column by
  std::int32_t last_start;     // strip and column where a window may start at most
};

// Where each scanline walks on which level. Coordinates are 16.16 texels.
class PlacedScanlines {
 public:
  DEEPRACER_FAST_TARGET explicit PlacedScanlines(const Frame& frame);

  int count() const { return count_; }
  const PlacedLevel& level(int line) const { return levels_[at(level_[at(line)])]; }
  // The least of the first group's columns.
  std::int32_t x(int line) const { return x_[at(line)]; }
  std::int32_t y(int line) const { return y_[at(line)]; }
  // From column to column, and from groups found together to the next ones.
  std::int32_t dx(int line) const { return dx_[at(line)]; }
  std::int32_t dy(int line) const { return dy_[at(line)]; }
  std::int32_t stride_x(int line) const { return stride_x_[at(line)]; }
  std::int32_t stride_y(int line) const { return stride_y_[at(line)]; }
  // Of a group's columns from the least, a byte each.
  std::uint32_t offsets_x(int line) const { return offsets_x_[at(line)]; }
  std::uint32_t offsets_y(int line) const { return offsets_y_[at(line)]; }

 private:
  template <class T>
  using Table = std::array<T, Camera::kMostScanlines>;

  static std::size_t at(int index) { return static_cast<std::size_t>(index); }
  DEEPRACER_FAST_TARGET void place_levels(const Frame& frame);

  int count_;
  Table<std::int32_t> x_, y_, dx_, dy_, stride_x_, stride_y_, level_;
  Table<std::uint32_t> offsets_x_, offsets_y_;
  std::array<PlacedLevel, Ground::kLevels> levels_;
};

// Positions in a window: 1/64 texel in x, of 4 texels, and 1/32 in y, of 8, a byte each.
constexpr int kShiftX = 10;  // from 16.16
constexpr int kShiftY = 11;

// The least of a group's columns from its first one.
constexpr std::int32_t least_in_group(std::int32_t step) { return step < 0 ? 3 * step : 0; }

// From the least of a group's columns, in units of 1 << shift of the step's: a byte for each.
DEEPRACER_FAST_TARGET inline std::uint32_t offsets_in_group(std::int32_t step, int shift) {
  const auto size = static_cast<std::uint32_t>(step < 0 ? -step : step);
  const std::uint32_t half = 1U << (shift - 1);
  const std::uint32_t one = (size + half) >> shift;
  const std::uint32_t two = (2 * size + half) >> shift;
  const std::uint32_t three = (3 * size + half) >> shift;
  return step < 0 ? three | two << 8 | one << 16 : one << 8 | two << 16 | three << 24;
}

DEEPRACER_FAST_TARGET inline void PlacedScanlines::place_levels(const Frame& frame) {
  constexpr float kSoon = 16.0F;  // texels towards the car, asked for ahead of time
  const auto columns = static_cast<std::ptrdiff_t>(-kSoon * frame.lens.forward_x);
  const auto strips = static_cast<std::ptrdiff_t>(std::lround(-kSoon / 4 * frame.lens.forward_y));
  for (int i = 0; i < Ground::kLevels; ++i) {
    const MipLevel& level = frame.ground.level(i);
    levels_[at(i)] = {level.columns, level.columns + level.pitch,
                      level.columns + columns + strips * level.pitch, level.pitch | 1 << 16,
                      level.last_y / 4 | level.last_x << 16};
  }
}

// Each lies on the finest level whose texels are as large as it asks for and of which four columns
// of the picture fit a window.
DEEPRACER_FAST_TARGET inline PlacedScanlines::PlacedScanlines(const Frame& frame)
    : count_(static_cast<int>(frame.camera.scanlines().forward.size())) {
  constexpr float kFixed = 65536.0F;
  constexpr float kFirst = MipLevel::kBorder - 0.5F;  // texels; of the field's corner
  constexpr float kNearlyOne = 0.999F;  // rounds up, but for what rounding itself added
  const Ground& ground = frame.ground;
  place_levels(frame);
  const Scanlines& plan = frame.camera.scanlines();
  const Pose lens = frame.lens;
  const float lens_x = lens.x - static_cast<float>(ground.field().min_x);
  const float lens_y = lens.y - static_cast<float>(ground.field().min_y);
  const float middle = 0.5F * static_cast<float>(frame.camera.params().width - 1);
  // Texels in which a column of the picture must fit: across the heading lies the picture's row.
  const float least = std::max(1.5F * std::abs(lens.forward_y), std::abs(lens.forward_x));
  const float log2_least = std::log2(least);
  const float finest = ground.log2_texel();
  const float widest = 1.0F / least;
  constexpr float kCoarsest = Ground::kLevels - 1;
  std::array<float, Ground::kLevels> scales;
  for (int i = 0; i < Ground::kLevels; ++i) scales[at(i)] = ground.level(i).texels_per_metre;
  // Loops over plain arrays, which the compiler turns into vectors.
  const std::size_t count = plan.forward.size();
  std::int32_t* __restrict level = level_.data();
  for (std::size_t i = 0; i < count; ++i) {
    const float texel = std::max(plan.log2_texel[i], plan.log2_step[i] + log2_least);
    const float coarser = Ground::kLevelsPerOctave * (texel - finest) + kNearlyOne;
    const float bounded = coarser > 0.0F ? coarser : 0.0F;
    level[i] = static_cast<std::int32_t>(bounded < kCoarsest ? bounded : kCoarsest);
  }
  const float* __restrict forward = plan.forward.data();
  const float* __restrict step = plan.step.data();
  std::int32_t* __restrict x = x_.data(), * __restrict y = y_.data();
  std::int32_t* __restrict dx = dx_.data(), * __restrict dy = dy_.data();
  std::int32_t* __restrict stride_x = stride_x_.data(), * __restrict stride_y = stride_y_.data();
  std::uint32_t* __restrict offsets_x = offsets_x_.data();
  std::uint32_t* __restrict offsets_y = offsets_y_.data();
  for (std::size_t i = 0; i < count; ++i) {
    const float scale = scales[level[i]];
    const float right = -middle * step[i];
    const float at_x = lens_x + forward[i] * lens.forward_x + right * lens.forward_y;
    const float at_y = lens_y + forward[i] * lens.forward_y - right * lens.forward_x;
    const float texels = step[i] * scale;
    const float column = (texels < widest ? texels : widest) * kFixed;
    dx[i] = static_cast<std::int32_t>(column * lens.forward_y);
    dy[i] = static_cast<std::int32_t>(-column * lens.forward_x);
    stride_x[i] = kPlacedGroups * kGroup * dx[i];
    stride_y[i] = kPlacedGroups * kGroup * dy[i];
    x[i] = static_cast<std::int32_t>((at_x * scale + kFirst) * kFixed) + least_in_group(dx[i]) +
           (1 << (kShiftX - 1));
    y[i] = static_cast<std::int32_t>((at_y * scale + kFirst) * kFixed) + least_in_group(dy[i]) +
           (1 << (kShiftY - 1));
    offsets_x[i] = offsets_in_group(dx[i], kShiftX);
    offsets_y[i] = offsets_in_group(dy[i], kShiftY);
  }
}

}  // namespace
}  // namespace deepracer_fast
