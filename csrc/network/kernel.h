// The one inner loop of the network: a small matrix product held in registers.
//
// Convolutions and dense layers, forward and backward, are cut into tiles of a few rows by one
// panel of columns; network/convolution.cpp and network/dense.cpp lay the operands out, the
// kernels here multiply. A kernel exists per instruction set and is chosen by name at run time;
// on other processors there is none and plain JAX serves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace deepracer_fast::network {

// What a kernel reads at a time: one float32, or two bf16 that are neighbours along the sum.
// bf16 is the upper half of a float32; products of two are summed in float32.
using Word = std::uint32_t;

// What becomes of a tile's sums: added to what is there, put in its place, or put there after
// adding the bias and replacing negative values by 0.
enum class Finish { kAdd, kSet, kBiasRelu };

// One tile: c[row][column] = sum over runs and steps of a[row] * b[column].
//
// The sum is a loop over `runs`, each of `run_length` words. A convolution's window is one run
// per kernel row, so that no copy of the picture is needed.
struct Product {
  const Word* a;              // first row's first word
  std::ptrdiff_t a_row;       // words from one row to the next
  std::ptrdiff_t a_step = 1;  // words from one step to the next
  std::ptrdiff_t a_run = 0;   // words from one run to the next
  const Word* b;              // first step's words, one per column
  std::ptrdiff_t b_step;      // words
  std::ptrdiff_t b_run = 0;   // words
  int runs = 1;
  int run_length;
  float* c;
  std::ptrdiff_t c_row;
  const float* bias = nullptr;  // one per column, for kBiasRelu
  Finish finish = Finish::kSet;
};

using Kernel = void (*)(const Product&);

// Words from neighbours along a sum that lie side by side; a missing last one is 0.
using Round = void (*)(const float* values, int count, Word* words);

// Words from neighbours along a sum that lie in two rows; no second row (nullptr) is zeros.
// float32 takes the first row alone.
using Join = void (*)(const float* first, const float* second, int count, Word* words);

// Both for float32: the bits as they are.
inline void copy_values(const float* values, int count, Word* words) {
  std::memcpy(words, values, static_cast<std::size_t>(count) * sizeof(Word));
}
inline void copy_first(const float* first, const float* /*second*/, int count, Word* words) {
  copy_values(first, count, words);
}

// The kernels of one instruction set, by number of rows (first: 1 row).
struct Kernels {
  std::string_view name;
  int per_word;                       // numbers in a word: 1 float32, 2 bf16
  int lanes;                          // columns of one vector
  std::span<const Kernel> two_wide;   // panels of 2 vectors
  std::span<const Kernel> four_wide;  // of 4 vectors; empty where registers are too few
  Round round;
  Join join;

  // Words that hold `count` numbers; a last half-used word counts whole.
  int words(int count) const { return (count + per_word - 1) / per_word; }

  // Widest panel that divides `columns`; 0 if none does.
  int panel(int columns) const {
    if (!four_wide.empty() && columns % (4 * lanes) == 0) return 4 * lanes;
    return columns % (2 * lanes) == 0 ? 2 * lanes : 0;
  }
  std::span<const Kernel> for_panel(int width) const {
    return width == 2 * lanes ? two_wide : four_wide;
  }
};

// What this processor can run, the fastest first.
const std::vector<Kernels>& available_kernels();

// Of x86-64; empty where the processor lacks the instructions.
std::vector<Kernels> avx512_kernels();
std::vector<Kernels> avx2_kernels();

// Multiplies `rows` rows by one panel, in tiles of nearly equal height: a tile of one row would
// wait for its own sums.
inline void multiply(const Kernels& kernels, int panel, int rows, Product product) {
  const std::span<const Kernel> by_height = kernels.for_panel(panel);
  const int tallest = static_cast<int>(by_height.size());
  const int tiles = (rows + tallest - 1) / tallest;
  const Word* a = product.a;
  float* c = product.c;
  for (int tile = 0; tile < tiles; ++tile) {
    const int first = rows * tile / tiles;
    const int height = rows * (tile + 1) / tiles - first;
    product.a = a + first * product.a_row;
    product.c = c + first * product.c_row;
    by_height[height - 1](product);
  }
}

}  // namespace deepracer_fast::network
