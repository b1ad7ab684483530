// The carpet-like grain of the painted surfaces: a periodic tile of noise.
//
// Out: values with zero mean and unit variance by texel of a ground's level 0, the same in every
// process. Included by ground.cpp alone.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace deepracer_fast {

// A periodic tile of grain with zero mean and unit variance.
class Grain {
 public:
  static constexpr int kSize = 512;

  Grain() : values_(kSize * kSize) {
    std::vector<float> white(values_.size());
    for (std::size_t i = 0; i < white.size(); ++i)
      white[i] = white_noise(static_cast<std::uint32_t>(i));
    for (int row = 0; row < kSize; ++row)
      for (int column = 0; column < kSize; ++column)
        values_[index(row, column)] = stroke(white, row, column);
    for (int row = 0; row < kSize; row += 2)
      for (int column = 0; column < kSize; column += 2) sharpen(row, column);
    double energy = 0.0;
    for (const float value : values_) energy += value * value;
    const float scale = static_cast<float>(1.0 / std::sqrt(energy / (kSize * kSize)));
    for (float& value : values_) value *= scale;
  }

  float at(int row, int column) const { return values_[index(row, column)]; }

 private:
  static std::size_t index(int row, int column) {
    return static_cast<std::size_t>((row & (kSize - 1)) * kSize + (column & (kSize - 1)));
  }

  // Uniform in [-0.5, 0.5), from a 32-bit integer hash (multiply and xor-shift rounds).
  static float white_noise(std::uint32_t key) {
    key = (key ^ (key >> 16)) * 0x7feb352dU;
    key = (key ^ (key >> 15)) * 0x846ca68bU;
    key ^= key >> 16;
    return static_cast<float>(key) * 0x1p-32F - 0.5F;
  }

  // Carpet fibres: a short run of the white noise along a direction that differs from spot to spot.
  static float stroke(const std::vector<float>& white, int row, int column) {
    static constexpr int kDirections[4][2] = {{1, 0}, {1, 1}, {0, 1}, {-1, 1}};
    const auto cell = static_cast<std::uint32_t>((row >> 2) * kSize + (column >> 2));
    const auto& direction = kDirections[static_cast<int>((white_noise(cell + 77U) + 0.5F) * 4.0F)];
    float sum = 0.0F;
    for (int k = 0; k < 2; ++k)
      sum += white[index(row + k * direction[0], column + k * direction[1])];
    return sum;
  }

  // Takes part of the mean from a 2x2 block, so that the grain fades with distance, level by level,
  // as fast as in the frames of the original.
  void sharpen(int row, int column) {
    float* block[4] = {&values_[index(row, column)], &values_[index(row, column + 1)],
                       &values_[index(row + 1, column)], &values_[index(row + 1, column + 1)]};
    const float mean = 0.25F * (*block[0] + *block[1] + *block[2] + *block[3]);
    for (float* value : block) *value -= kSharpness * mean;
  }

  static constexpr float kSharpness = 0.4F;

  std::vector<float> values_;
};

}  // namespace deepracer_fast
