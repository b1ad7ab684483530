// Register tiles for AVX2 with FMA, float32. The AVX-512 file explains the shared parts.
#include "network/kernel.h"

#if defined(__x86_64__)
#include <array>
#include <cstring>
#include <utility>

#include "network/avx2.h"

namespace deepracer_fast::network {
namespace {

constexpr int kVectors = 2;
constexpr int kTallest = 6;  // 12 of the 16 registers hold sums

DEEPRACER_FAST_TARGET inline __m256 broadcast(const Word* word) {
  float value;
  std::memcpy(&value, word, sizeof(value));
  return _mm256_set1_ps(value);
}

DEEPRACER_FAST_TARGET inline void finish(const Product& product, std::ptrdiff_t offset, int column,
                                         __m256 sum) {
  float* c = product.c + offset;
  if (product.finish == Finish::kAdd) sum = _mm256_add_ps(sum, _mm256_loadu_ps(c));
  if (product.finish == Finish::kBiasRelu) {
    sum = _mm256_add_ps(sum, _mm256_loadu_ps(product.bias + column));
    sum = _mm256_max_ps(_mm256_setzero_ps(), sum);
  }
  _mm256_storeu_ps(c, sum);
}

template <int kRows>
DEEPRACER_FAST_TARGET void tile(const Product& product) {
  __m256 sums[kRows][kVectors] = {};
  const Word* a_run = product.a;
  const auto* b_run = reinterpret_cast<const float*>(product.b);
  for (int run = 0; run < product.runs; ++run) {
    const Word* a = a_run;
    const float* b = b_run;
    for (int step = 0; step < product.run_length; ++step) {
      const __m256 left = _mm256_loadu_ps(b);
      const __m256 right = _mm256_loadu_ps(b + kLanes);
#pragma GCC unroll 6
      for (int row = 0; row < kRows; ++row) {
        const __m256 value = broadcast(a + row * product.a_row);
        sums[row][0] = _mm256_fmadd_ps(value, left, sums[row][0]);
        sums[row][1] = _mm256_fmadd_ps(value, right, sums[row][1]);
      }
      a += product.a_step;
      b += product.b_step;
    }
    a_run += product.a_run;
    b_run += product.b_run;
  }
#pragma GCC unroll 6
  for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v)
      finish(product, row * product.c_row + v * kLanes, v * kLanes, sums[row][v]);
  }
}

// Tiles of 1, 2, ... rows.
template <int... kRowsMinusOne>
constexpr auto tiles(std::integer_sequence<int, kRowsMinusOne...>) {
  return std::array<Kernel, sizeof...(kRowsMinusOne)>{tile<kRowsMinusOne + 1>...};
}

}  // namespace

std::vector<Kernels> avx2_kernels() {
  static constexpr auto kTwoWide = tiles(std::make_integer_sequence<int, kTallest>());
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return {};
  return {{"avx2", 1, kLanes, kTwoWide, {}, copy_values, copy_first}};
}

}  // namespace deepracer_fast::network

#else

namespace deepracer_fast::network {
std::vector<Kernels> avx2_kernels() { return {}; }
}  // namespace deepracer_fast::network

#endif
