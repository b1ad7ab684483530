// The one inner loop of the network: a small matrix product held in registers.
//
// Convolutions and dense layers, forward and backward, are cut into tiles of a few rows by one
// panel of columns; network_convolution.cpp and network_dense.cpp lay the operands out, the
// kernels here multiply. A kernel exists per instruction set and is chosen by name at run time;
// on other processors there is none and plain JAX serves.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace deepracer_fast::network {

/// Upper half of a float32: what the bf16 instructions multiply. They add in float32.
struct Bf16 {
  std::uint16_t bits;
};

/// Rounds to nearest even. The not-a-number that processors make stays one.
inline Bf16 to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return {static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16)};
}

inline float to_float(float value) { return value; }
inline float to_float(Bf16 value) { return std::bit_cast<float>(std::uint32_t{value.bits} << 16); }

template <class Element>
Element from_float(float value);
template <>
inline float from_float<float>(float value) {
  return value;
}
template <>
inline Bf16 from_float<Bf16>(float value) {
  return to_bf16(value);
}

/// What a kernel reads at a time: one float32, or two bf16 that are neighbours along the sum.
using Word = std::uint32_t;
template <class Element>
inline constexpr int kPerWord = static_cast<int>(sizeof(Word) / sizeof(Element));

/// Words that hold `count` elements; a last half-used word counts whole.
template <class Element>
constexpr int words(int count) {
  return (count + kPerWord<Element> - 1) / kPerWord<Element>;
}

/// What becomes of a tile's sums. kAdd and kSet add them to or put them in float32 memory; kStore
/// stores them as elements, kBiasRelu after adding the bias and replacing negative values by 0.
enum class Finish { kAdd, kSet, kStore, kBiasRelu };

constexpr bool is_float32(Finish finish) {
  return finish == Finish::kAdd || finish == Finish::kSet;
}

/// One tile: c[row][column] = sum over runs and steps of a[row] * b[column].
///
/// The sum is a loop over `runs`, each of `run_length` words. A convolution's window is one run
/// per kernel row, so that no copy of the picture is needed.
struct Product {
  const void* a;          // first row's first word
  std::ptrdiff_t a_row;   // words from one row to the next
  std::ptrdiff_t a_step;  // words from one step to the next
  std::ptrdiff_t a_run;   // words from one run to the next
  const void* b;          // first step's words, one per column
  std::ptrdiff_t b_step;  // words
  std::ptrdiff_t b_run;   // words
  int runs;
  int run_length;
  void* c;               // float32 or elements, see Finish
  std::ptrdiff_t c_row;  // of those
  const float* bias;     // one per column, for kBiasRelu
  Finish finish;
};

using Kernel = void (*)(const Product&);

/// The kernels of one instruction set, by number of rows (first: 1 row).
struct Kernels {
  std::string_view name;
  bool is_bf16;
  int lanes;                          // columns of one vector
  std::span<const Kernel> two_wide;   // panels of 2 vectors
  std::span<const Kernel> four_wide;  // of 4 vectors; empty where registers are too few

  /// Widest panel that divides `columns`; 0 if none does.
  int panel(int columns) const {
    if (!four_wide.empty() && columns % (4 * lanes) == 0) return 4 * lanes;
    return columns % (2 * lanes) == 0 ? 2 * lanes : 0;
  }
  std::span<const Kernel> for_panel(int width) const {
    return width == 2 * lanes ? two_wide : four_wide;
  }
};

/// What this processor can run, the fastest first.
const std::vector<Kernels>& available_kernels();

// Defined where the instruction set is known; empty on other architectures.
std::vector<Kernels> avx512_kernels();
std::vector<Kernels> avx2_kernels();

/// Multiplies `rows` rows by one panel, in tiles of nearly equal height: a tile of one row would
/// wait for its own sums.
inline void multiply(const Kernels& kernels, int panel, int rows, Product product) {
  const std::span<const Kernel> by_height = kernels.for_panel(panel);
  const int tallest = static_cast<int>(by_height.size());
  const int tiles = (rows + tallest - 1) / tallest;
  const auto c_bytes = static_cast<std::ptrdiff_t>(
      is_float32(product.finish) || !kernels.is_bf16 ? sizeof(float) : sizeof(Bf16));
  const char* a = static_cast<const char*>(product.a);
  char* c = static_cast<char*>(product.c);
  for (int tile = 0; tile < tiles; ++tile) {
    const int first = rows * tile / tiles;
    const int height = rows * (tile + 1) / tiles - first;
    product.a = a + first * product.a_row * static_cast<std::ptrdiff_t>(sizeof(Word));
    product.c = c + first * product.c_row * c_bytes;
    by_height[static_cast<std::size_t>(height - 1)](product);
  }
}

/// A matrix to pack: element [row][column] lies at data[row * row_step + column * column_step].
template <class Source>
struct Matrix {
  const Source* data;
  std::ptrdiff_t row_step;
  std::ptrdiff_t column_step;
};

/// One word: the upper element, for bf16 joined with the lower one.
template <class Element>
Word join(float upper, float lower) {
  if constexpr (kPerWord<Element> == 1) return std::bit_cast<Word>(upper);
  return to_bf16(upper).bits | static_cast<Word>(to_bf16(lower).bits) << 16;
}

/// Copies rows x columns into words [words(rows)][columns], pairs of rows to a word for bf16, a
/// missing last row being zeros. Returns the word after the last.
template <class Element, class Source>
Word* pack(const Matrix<Source>& matrix, int rows, int columns, Word* out, float scale = 1.0F) {
  constexpr int kPer = kPerWord<Element>;
  const std::ptrdiff_t partner = (kPer - 1) * matrix.row_step;
  // A transposed copy reads a few columns at a time, so that their cache lines stay.
  const int strip_width = matrix.column_step == 1 ? columns : 16;
  for (int strip = 0; strip < columns; strip += strip_width) {
    const int end = std::min(strip + strip_width, columns);
    for (int row = 0; row < rows / kPer; ++row) {
      const Source* source = matrix.data + row * kPer * matrix.row_step;
      Word* target = out + row * columns;
      const auto copy = [&](std::ptrdiff_t column_step) {
        for (int column = strip; column < end; ++column) {
          const Source* element = source + column * column_step;
          target[column] =
              join<Element>(scale * to_float(*element), scale * to_float(element[partner]));
        }
      };
      matrix.column_step == 1 ? copy(1) : copy(matrix.column_step);
    }
  }
  out += rows / kPer * columns;
  if (rows % kPer == 0) return out;
  const Source* last = matrix.data + (rows - 1) * matrix.row_step;
  for (int column = 0; column < columns; ++column) {
    *out++ = join<Element>(scale * to_float(last[column * matrix.column_step]), 0.0F);
  }
  return out;
}

}  // namespace deepracer_fast::network
