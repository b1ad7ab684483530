// The scanlines of a camera's plan on the ground below a lens.
//
// Included by frame_painter.h alone, and compiled like it for each instruction set.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "frame.h"

namespace deepracer_fast {
namespace {

// A scanline on its mip level.
struct Walk {
  const std::uint32_t* columns;  // strips of four rows, see ground.h
  std::int32_t pitch;
  std::int32_t x, y;                   // least of the first group's columns, 16.16 texels
  std::int32_t dx, dy;                 // from column to column
  std::int32_t max_x, max_y;           // where a window may start: in [0, max]
  std::uint32_t offsets_x, offsets_y;  // of a group's columns from the least, a byte each
};

class PlacedScanlines {
 public:
  DEEPRACER_FAST_TARGET explicit PlacedScanlines(const Frame& frame);

  int count() const { return count_; }
  DEEPRACER_FAST_TARGET Walk walk(int index) const {
    const auto i = static_cast<std::size_t>(index);
    const MipLevel& level = ground_.level(level_[i]);
    return {level.columns,
            level.pitch,
            x_[i],
            y_[i],
            dx_[i],
            dy_[i],
            (level.last_x << 16) | 0xFFFF,
            (level.last_y << 16) | 0xFFFF,
            offsets_x_[i],
            offsets_y_[i]};
  }

 private:
  using Integers = std::array<std::int32_t, Camera::kMostScanlines>;
  using Bytes = std::array<std::uint32_t, Camera::kMostScanlines>;

  const Ground& ground_;
  int count_;
  Integers x_, y_, dx_, dy_;
  Bytes offsets_x_, offsets_y_;
  Integers level_;
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

// Each lies on the finest level whose texels are as large as it asks for and of which four columns
// of the picture fit a window.
DEEPRACER_FAST_TARGET inline PlacedScanlines::PlacedScanlines(const Frame& frame)
    : ground_(frame.ground), count_(static_cast<int>(frame.camera.scanlines().forward.size())) {
  constexpr float kFixed = 65536.0F;
  constexpr float kFirst = MipLevel::kBorder - 0.5F;  // texels; of the field's corner
  constexpr float kNearlyOne = 0.999F;  // rounds up, but for what rounding itself added
  const Scanlines& plan = frame.camera.scanlines();
  const Pose lens = frame.lens;
  const float lens_x = lens.x - static_cast<float>(ground_.field().min_x);
  const float lens_y = lens.y - static_cast<float>(ground_.field().min_y);
  const float middle = 0.5F * static_cast<float>(frame.camera.params().width - 1);
  // Texels in which a column of the picture must fit: across the heading lies the picture's row.
  const float least = std::max(1.5F * std::abs(lens.forward_y), std::abs(lens.forward_x));
  const float log2_least = std::log2(least);
  const float finest = ground_.log2_texel();
  const float widest = 1.0F / least;
  constexpr float kCoarsest = Ground::kLevels - 1;
  std::array<float, Ground::kLevels> scales;
  for (int i = 0; i < Ground::kLevels; ++i) {
    scales[static_cast<std::size_t>(i)] = ground_.level(i).texels_per_metre;
  }
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
  std::uint32_t* __restrict offsets_x = offsets_x_.data();
  std::uint32_t* __restrict offsets_y = offsets_y_.data();
  for (std::size_t i = 0; i < count; ++i) {
    const float scale = scales[static_cast<std::size_t>(level[i])];
    const float right = -middle * step[i];
    const float at_x = lens_x + forward[i] * lens.forward_x + right * lens.forward_y;
    const float at_y = lens_y + forward[i] * lens.forward_y - right * lens.forward_x;
    const float texels = step[i] * scale;
    const float column = (texels < widest ? texels : widest) * kFixed;
    dx[i] = static_cast<std::int32_t>(column * lens.forward_y);
    dy[i] = static_cast<std::int32_t>(-column * lens.forward_x);
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
