// Register tiles for AVX-512: float32, and bf16 where the processor multiplies it.
#include "network/kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <array>
#include <cstring>
#include <utility>

namespace deepracer_fast::network {
namespace {

// One target for both precisions, as a template cannot vary it: the bf16 extension adds three
// instructions, which the compiler emits only for the intrinsics of bf16.
#define DEEPRACER_FAST_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))

constexpr int kLanes = 16;
// Of the 32 registers 26 and 24 then hold sums, the others one step's operands.
constexpr int kTallestTwoWide = 13;
constexpr int kTallestFourWide = 6;

DEEPRACER_FAST_TARGET inline __m512 broadcast(const Word* word) {
  int bits;
  std::memcpy(&bits, word, sizeof(bits));
  return _mm512_castsi512_ps(_mm512_set1_epi32(bits));
}

template <int kPerWord>
DEEPRACER_FAST_TARGET inline __m512 multiply_add(__m512 a, __m512 b, __m512 sum) {
  if constexpr (kPerWord == 1)
    return _mm512_fmadd_ps(a, b, sum);
  else
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
}

// One vector of sums goes to memory, with what `Finish` says is to be done.
DEEPRACER_FAST_TARGET inline void finish(const Product& product, std::ptrdiff_t offset, int column,
                                         __m512 sum) {
  float* c = product.c + offset;
  if (product.finish == Finish::kAdd) sum = _mm512_add_ps(sum, _mm512_loadu_ps(c));
  if (product.finish == Finish::kBiasRelu) {
    sum = _mm512_add_ps(sum, _mm512_loadu_ps(product.bias + column));
    // The order matters: `max` hands on its second operand if either is not a number. The mask of
    // all lanes is there because gcc 12 warns of the intrinsic without.
    sum = _mm512_maskz_max_ps(0xffff, _mm512_setzero_ps(), sum);
  }
  _mm512_storeu_ps(c, sum);
}

template <int kPerWord, int kRows, int kVectors>
DEEPRACER_FAST_TARGET void tile(const Product& product) {
  __m512 sums[kRows][kVectors] = {};
  const Word* a_run = product.a;
  const Word* b_run = product.b;
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

// Tiles of 1, 2, ... rows.
template <int kPerWord, int kVectors, int... kRowsMinusOne>
constexpr auto tiles(std::integer_sequence<int, kRowsMinusOne...>) {
  return std::array<Kernel, sizeof...(kRowsMinusOne)>{
      tile<kPerWord, kRowsMinusOne + 1, kVectors>...};
}

template <int kPerWord>
Kernels kernels(std::string_view name, Round round, Join join) {
  static constexpr auto kTwoWide =
      tiles<kPerWord, 2>(std::make_integer_sequence<int, kTallestTwoWide>());
  static constexpr auto kFourWide =
      tiles<kPerWord, 4>(std::make_integer_sequence<int, kTallestFourWide>());
  return {name, kPerWord, kLanes, kTwoWide, kFourWide, round, join};
}

// Lanes of the next vector that hold one of so many numbers.
__mmask16 lanes_of(int left) {
  return static_cast<__mmask16>(left >= kLanes ? 0xffff : left <= 0 ? 0 : (1 << left) - 1);
}

// 16 numbers, then 16 more, as 32 bf16.
DEEPRACER_FAST_TARGET inline __m512i to_bf16(__m512 lower, __m512 upper) {
  return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(upper, lower));
}

DEEPRACER_FAST_TARGET void round_pairs(const float* values, int count, Word* words) {
  int i = 0;
  for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
    const __m512 lower = _mm512_loadu_ps(values + i);
    _mm512_storeu_si512(words + i / 2, to_bf16(lower, _mm512_loadu_ps(values + i + kLanes)));
  }
  if (i == count) return;
  const __m512 lower = _mm512_maskz_loadu_ps(lanes_of(count - i), values + i);
  const __m512 upper = _mm512_maskz_loadu_ps(lanes_of(count - i - kLanes), values + i + kLanes);
  _mm512_mask_storeu_epi32(words + i / 2, lanes_of((count - i + 1) / 2), to_bf16(lower, upper));
}

// 16 numbers and their partners as words; no partners (nullptr) are zeros.
DEEPRACER_FAST_TARGET inline __m512i joined(__mmask16 lanes, const float* first,
                                            const float* second) {
  alignas(64) static constexpr std::array<std::uint16_t, 32> kInTurns = {
      0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
      8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512 lower = _mm512_maskz_loadu_ps(lanes, first);
  const __m512 upper =
      second == nullptr ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(lanes, second);
  return _mm512_permutexvar_epi16(_mm512_load_si512(kInTurns.data()), to_bf16(lower, upper));
}

DEEPRACER_FAST_TARGET void join_rows(const float* first, const float* second, int count,
                                     Word* words) {
  int i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const float* partner = second == nullptr ? nullptr : second + i;
    _mm512_storeu_si512(words + i, joined(0xffff, first + i, partner));
  }
  if (i == count) return;
  const __mmask16 lanes = lanes_of(count - i);
  const float* partner = second == nullptr ? nullptr : second + i;
  _mm512_mask_storeu_epi32(words + i, lanes, joined(lanes, first + i, partner));
}

}  // namespace

std::vector<Kernels> avx512_kernels() {
  std::vector<Kernels> found;
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl");
  if (has_avx512 && __builtin_cpu_supports("avx512bf16"))
    found.push_back(kernels<2>("avx512_bf16", round_pairs, join_rows));
  if (has_avx512) found.push_back(kernels<1>("avx512", copy_values, copy_first));
  return found;
}

}  // namespace deepracer_fast::network

#else

namespace deepracer_fast::network {
std::vector<Kernels> avx512_kernels() { return {}; }
}  // namespace deepracer_fast::network

#endif
