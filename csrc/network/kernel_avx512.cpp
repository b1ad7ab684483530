// Register tiles for AVX-512: float32, and bf16 where the processor multiplies it.
#include "network/kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <array>

// One target for both precisions, as a template cannot vary it: the bf16 extension adds three
// instructions, which the compiler emits only for the intrinsics of bf16.
#define DEEPRACER_FAST_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))

namespace deepracer_fast::network {
namespace {

using Vector = __m512;
constexpr int kLanes = 16;
// Of the 32 registers 26 and 24 then hold sums, the others one step's operands.
constexpr int kTallestTwoWide = 13;
constexpr int kTallestFourWide = 6;

DEEPRACER_FAST_TARGET inline Vector load(const float* from) { return _mm512_loadu_ps(from); }
DEEPRACER_FAST_TARGET inline void store(float* to, Vector v) { _mm512_storeu_ps(to, v); }
DEEPRACER_FAST_TARGET inline Vector broadcast(const Word* word) {
  return _mm512_castsi512_ps(_mm512_set1_epi32(static_cast<int>(*word)));
}

// The order matters: `max` hands on its second operand if either is not a number. The mask of all
// lanes is there because gcc 12 warns of the intrinsic without.
DEEPRACER_FAST_TARGET inline Vector relu(Vector v) {
  return _mm512_maskz_max_ps(0xffff, _mm512_setzero_ps(), v);
}

template <int kPerWord>
DEEPRACER_FAST_TARGET inline Vector multiply_add(Vector a, Vector b, Vector sum) {
  if constexpr (kPerWord == 1) return _mm512_fmadd_ps(a, b, sum);
  return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
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
}  // namespace deepracer_fast::network

#include "network/kernel_tile.h"

namespace deepracer_fast::network {
namespace {

template <int kPerWord>
Kernels kernels(std::string_view name, Round round, Join join) {
  return {name,
          kPerWord,
          kLanes,
          kTiles<kPerWord, 2, kTallestTwoWide>,
          kTiles<kPerWord, 4, kTallestFourWide>,
          round,
          join};
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
#endif
