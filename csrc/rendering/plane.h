// A plane of grey texels, and its reduction to coarser ones.
//
// Included by ground.cpp alone.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace deepracer_fast {

constexpr int kLeastSize = 8;  // texels along an axis

// Grey texels, row by row.
struct Plane {
  Plane(int columns, int rows)
      : width(columns),
        height(rows),
        texels(static_cast<std::size_t>(columns) * static_cast<std::size_t>(rows)) {}

  std::uint8_t* row(int index) { return texels.data() + offset(index); }
  const std::uint8_t* row(int index) const { return texels.data() + offset(index); }

  int width, height;
  std::vector<std::uint8_t> texels;

 private:
  std::size_t offset(int index) const {
    return static_cast<std::size_t>(index) * static_cast<std::size_t>(width);
  }
};

// Which texels a coarser one covers along an axis, and how much of each.
struct Overlap {
  std::size_t first = 0;
  int count = 0;
  std::array<float, 3> shares{};
};

inline std::vector<Overlap> overlaps(int size, double ratio, int coarse_size) {
  std::vector<Overlap> result(static_cast<std::size_t>(coarse_size));
  for (int i = 0; i < coarse_size; ++i) {
    Overlap& overlap = result[i];
    const double from = std::min(i * ratio, size - 1.0);
    const double to = std::min((i + 1) * ratio, static_cast<double>(size));
    overlap.first = static_cast<std::size_t>(from);
    for (int k = static_cast<int>(from); k < to - 1e-9; ++k) {
      const double covered = std::min(to, k + 1.0) - std::max(from, static_cast<double>(k));
      overlap.shares[overlap.count++] = static_cast<float>(covered / (to - from));
    }
  }
  return result;
}

// The plane in texels `ratio` times as large, each the mean of what it covers.
inline Plane shrink(const Plane& plane, double ratio) {
  const auto coarse = [ratio](int size) {
    return std::max(kLeastSize, static_cast<int>(std::ceil(size / ratio - 1e-9)));
  };
  Plane result(coarse(plane.width), coarse(plane.height));
  const std::vector<Overlap> across = overlaps(plane.width, ratio, result.width);
  const std::vector<Overlap> along = overlaps(plane.height, ratio, result.height);
  std::vector<float> sums(static_cast<std::size_t>(plane.width));
  for (int row = 0; row < result.height; ++row) {
    const Overlap& rows = along[row];
    std::fill(sums.begin(), sums.end(), 0.0F);
    for (int k = 0; k < rows.count; ++k) {
      const std::uint8_t* line = plane.row(static_cast<int>(rows.first) + k);
      const float share = rows.shares[k];
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += share * static_cast<float>(line[i]);
    }
    std::uint8_t* out = result.row(row);
    for (const Overlap& columns : across) {
      float sum = 0.5F;
      for (int k = 0; k < columns.count; ++k) {
        const auto i = static_cast<std::size_t>(k);
        sum += columns.shares[i] * sums[columns.first + i];
      }
      *out++ = static_cast<std::uint8_t>(sum);
    }
  }
  return result;
}

}  // namespace deepracer_fast
