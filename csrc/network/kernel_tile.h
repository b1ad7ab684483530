// One register tile, compiled once per instruction set: the file that includes it defines
// DEEPRACER_FAST_TARGET and, in an unnamed namespace, Vector (kLanes float32) and its operations.
#pragma once

#include <array>
#include <utility>

#include "network/kernel.h"

namespace deepracer_fast::network {
namespace {

// One vector of sums goes to memory, with what `Finish` says is to be done.
DEEPRACER_FAST_TARGET inline void finish(const Product& product, std::ptrdiff_t offset, int column,
                                         Vector sum) {
  float* c = product.c + offset;
  if (product.finish == Finish::kAdd) sum += load(c);
  if (product.finish == Finish::kBiasRelu) sum = relu(sum + load(product.bias + column));
  store(c, sum);
}

template <int kPerWord, int kVectors, int kRows>
DEEPRACER_FAST_TARGET void tile(const Product& product) {
  Vector sums[kRows][kVectors] = {};
  const Word* a_run = product.a;
  const auto* b_run = reinterpret_cast<const float*>(product.b);
  for (int run = 0; run < product.runs; ++run) {
    const Word* a = a_run;
    const float* b = b_run;
    for (int step = 0; step < product.run_length; ++step) {
      Vector panel[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) panel[v] = load(b + v * kLanes);
#pragma GCC unroll 13
      for (int row = 0; row < kRows; ++row) {
        const Vector value = broadcast(a + row * product.a_row);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v)
          sums[row][v] = multiply_add<kPerWord>(value, panel[v], sums[row][v]);
      }
      a += product.a_step;
      b += product.b_step;
    }
    a_run += product.a_run;
    b_run += product.b_run;
  }
#pragma GCC unroll 13
  for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      finish(product, row * product.c_row + v * kLanes, v * kLanes, sums[row][v]);
  }
}

// Tiles of 1, 2, ... kTallest rows.
template <int kPerWord, int kVectors, int kTallest>
constexpr auto kTiles = []<int... kRowsMinusOne>(std::integer_sequence<int, kRowsMinusOne...>) {
  return std::array<Kernel, kTallest>{tile<kPerWord, kVectors, kRowsMinusOne + 1>...};
}(std::make_integer_sequence<int, kTallest>());

}  // namespace
}  // namespace deepracer_fast::network
