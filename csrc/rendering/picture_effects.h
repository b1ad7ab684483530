// Blur and noise on a finished picture, in place. Integer arithmetic: the same bytes everywhere.
//
// Included by randomization.cpp alone.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/random.h"
#include "rendering/camera.h"

namespace deepracer_fast {

// One direction of the kernel (w, 256 - 2 w, w) / 256.
inline std::uint8_t blurred(int before, int here, int after, int w) {
  return static_cast<std::uint8_t>((w * (before + after) + (256 - 2 * w) * here + 128) >> 8);
}

// Smooths with that kernel along rows and columns; the border repeats itself.
inline void blur_picture(std::uint8_t* picture, int width, int height, int w) {
  const auto size = static_cast<std::size_t>(width);
  std::array<std::uint8_t, CameraParams::kMaxWidth> first;
  std::array<std::uint8_t, CameraParams::kMaxWidth> second;
  std::uint8_t* above = first.data();
  std::uint8_t* here = second.data();
  for (int row = 0; row < height; ++row) {
    std::uint8_t* line = picture + row * width;
    std::memcpy(here, line, size);
    line[0] = blurred(here[0], here[0], here[1], w);
    for (int c = 1; c + 1 < width; ++c) line[c] = blurred(here[c - 1], here[c], here[c + 1], w);
    line[width - 1] = blurred(here[width - 2], here[width - 1], here[width - 1], w);
  }
  std::memcpy(above, picture, size);
  for (int row = 0; row < height; ++row) {
    std::uint8_t* line = picture + row * width;
    std::memcpy(here, line, size);
    const std::uint8_t* below = row + 1 < height ? line + width : here;
    for (int c = 0; c < width; ++c) line[c] = blurred(above[c], here[c], below[c], w);
    std::swap(above, here);
  }
}

// Adds normal noise of `sigma` (1/64 grey level) to a row.
inline void add_noise(std::uint8_t* line, int width, std::int32_t sigma, std::uint64_t bits) {
  // Standard normal numbers times 32, cut at +-3.9, by the thousands: rows of noise are read from
  // it at random places, which costs a tenth of drawing them.
  constexpr std::size_t kSize = 1 << 14;
  static const auto table = [] {
    std::array<std::int8_t, kSize + CameraParams::kMaxWidth> values;
    for (std::uint32_t i = 0; i < values.size(); ++i)
      values[i] =
          static_cast<std::int8_t>(std::lround(32.0F * std::clamp(normal(0, i), -3.9F, 3.9F)));
    return values;
  }();
  const std::int8_t* noise = table.data() + (bits & (kSize - 1));
  for (int c = 0; c < width; ++c) {
    const std::int32_t value = line[c] + ((noise[c] * sigma + 1024) >> 11);
    line[c] = static_cast<std::uint8_t>(std::clamp(value, 0, 255));
  }
}

}  // namespace deepracer_fast
