// Register tiles for AVX-512: float32, and bf16 where the processor multiplies it.
#include "network_kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <array>
#include <cstring>
#include <type_traits>
#include <utility>

namespace deepracer_fast::network {
namespace {

// One target for both precisions, as a template cannot vary it: the bf16 extension adds three
// instructions, which the compiler emits only for the intrinsics in a bf16 instance.
#define TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))

constexpr int kLanes = 16;
// Of the 32 registers 26 and 24 then hold sums, the others one step's operands.
constexpr int kTallestTwoWide = 13;
constexpr int kTallestFourWide = 6;

TARGET_AVX512 inline __m512 broadcast(const Word* word) {
  int bits;
  std::memcpy(&bits, word, sizeof(bits));
  return _mm512_castsi512_ps(_mm512_set1_epi32(bits));
}

template <class Element>
TARGET_AVX512 inline __m512 multiply_add(__m512 a, __m512 b, __m512 sum) {
  if constexpr (std::is_same_v<Element, float>) {
    return _mm512_fmadd_ps(a, b, sum);
  } else {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
  }
}

template <class Element>
TARGET_AVX512 inline void store(Element* c, __m512 values) {
  if constexpr (std::is_same_v<Element, float>) {
    _mm512_storeu_ps(c, values);
  } else {
    const __m256bh rounded = _mm512_cvtneps_pbh(values);
    std::memcpy(c, &rounded, sizeof(rounded));
  }
}

/// One vector of sums goes to memory, with what `Finish` says is to be done.
template <class Element>
TARGET_AVX512 inline void finish(const Product& product, std::ptrdiff_t offset, int column,
                                 __m512 sum) {
  if (is_float32(product.finish)) {
    float* c = static_cast<float*>(product.c) + offset;
    if (product.finish == Finish::kAdd) sum = _mm512_add_ps(sum, _mm512_loadu_ps(c));
    store(c, sum);
    return;
  }
  if (product.finish == Finish::kBiasRelu) {
    sum = _mm512_add_ps(sum, _mm512_loadu_ps(product.bias + column));
    // The order matters: `max` hands on its second operand if either is not a number. The mask of
    // all lanes is there because gcc 12 warns of the intrinsic without.
    sum = _mm512_maskz_max_ps(0xffff, _mm512_setzero_ps(), sum);
  }
  store(static_cast<Element*>(product.c) + offset, sum);
}

template <class Element, int kRows, int kVectors>
TARGET_AVX512 void tile(const Product& product) {
  __m512 sums[kRows][kVectors] = {};
  const Word* a_run = static_cast<const Word*>(product.a);
  const Word* b_run = static_cast<const Word*>(product.b);
  for (int run = 0; run < product.runs; ++run) {
    const Word* a = a_run;
    const Word* b = b_run;
    for (int step = 0; step < product.run_length; ++step) {
      __m512 panel[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) panel[v] = _mm512_loadu_ps(b + v * kLanes);
#pragma GCC unroll 13
      for (int row = 0; row < kRows; ++row) {
        const __m512 value = broadcast(a + row * product.a_row);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
          sums[row][v] = multiply_add<Element>(value, panel[v], sums[row][v]);
        }
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
    for (int v = 0; v < kVectors; ++v) {
      finish<Element>(product, row * product.c_row + v * kLanes, v * kLanes, sums[row][v]);
    }
  }
}

/// Tiles of 1, 2, ... rows.
template <class Element, int kVectors, int... kRowsMinusOne>
constexpr auto tiles(std::integer_sequence<int, kRowsMinusOne...>) {
  return std::array<Kernel, sizeof...(kRowsMinusOne)>{
      tile<Element, kRowsMinusOne + 1, kVectors>...};
}

template <class Element>
Kernels kernels(std::string_view name) {
  static constexpr auto kTwoWide =
      tiles<Element, 2>(std::make_integer_sequence<int, kTallestTwoWide>());
  static constexpr auto kFourWide =
      tiles<Element, 4>(std::make_integer_sequence<int, kTallestFourWide>());
  return {name, std::is_same_v<Element, Bf16>, kLanes, kTwoWide, kFourWide};
}

}  // namespace

std::vector<Kernels> avx512_kernels() {
  std::vector<Kernels> found;
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl");
  if (has_avx512) found.push_back(kernels<float>("avx512"));
  if (has_avx512 && __builtin_cpu_supports("avx512bf16")) {
    found.push_back(kernels<Bf16>("avx512_bf16"));
  }
  return found;
}

}  // namespace deepracer_fast::network

#else

namespace deepracer_fast::network {
std::vector<Kernels> avx512_kernels() { return {}; }
}  // namespace deepracer_fast::network

#endif
