// The scanlines of a camera's plan on the ground below a lens.
//
// Included by frame_painter.h alone.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "frame.h"

namespace deepracer_fast {

class PlacedScanlines {
 public:
  explicit PlacedScanlines(const Frame& frame);

  Walk walk(int index) const {
    const auto i = static_cast<std::size_t>(index);
    const MipLevel& level = ground_.level(level_[i]);
    return {level.columns,
            x_[i],
            y_[i],
            dx_[i],
            dy_[i],
            (level.last_x << 16) | 0xFFFF,
            (level.last_y << 16) | 0xFFFF,
            level.pitch};
  }

 private:
  using Integers = std::array<std::int32_t, Camera::kMostScanlines>;

  const Ground& ground_;
  Integers x_, y_, dx_, dy_;  // of column 0 and from column to column, 1/65536 texel
  Integers level_;
};

// Each lies on the finest level whose texels are as large as it asks for and of which four columns
// of the picture fit a window.
inline PlacedScanlines::PlacedScanlines(const Frame& frame) : ground_(frame.ground) {
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
  for (std::size_t i = 0; i < count; ++i) {
    const float scale = scales[static_cast<std::size_t>(level[i])];
    const float right = -middle * step[i];
    const float at_x = lens_x + forward[i] * lens.forward_x + right * lens.forward_y;
    const float at_y = lens_y + forward[i] * lens.forward_y - right * lens.forward_x;
    x[i] = static_cast<std::int32_t>((at_x * scale + kFirst) * kFixed);
    y[i] = static_cast<std::int32_t>((at_y * scale + kFirst) * kFixed);
    const float texels = step[i] * scale;
    const float column = (texels < widest ? texels : widest) * kFixed;
    dx[i] = static_cast<std::int32_t>(column * lens.forward_y);
    dy[i] = static_cast<std::int32_t>(-column * lens.forward_x);
  }
}

}  // namespace deepracer_fast
