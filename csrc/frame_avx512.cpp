// The frame painter for AVX-512: 32 columns at a time. frame_avx2.cpp explains the same steps.
#if defined(__x86_64__)
// GCC 12's header starts its "undefined" vectors from themselves and warns of it.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#include <cstddef>
#include <cstdint>

#include "frame.h"

#define DEEPRACER_FAST_TARGET __attribute__((target("avx512f,avx512bw")))

namespace deepracer_fast {
namespace {

using Lanes = std::int16_t __attribute__((vector_size(64)));  // one number per column
using Words = std::uint16_t __attribute__((vector_size(64)));
using Integers = std::int32_t __attribute__((vector_size(32)));  // one number per group of columns

struct Texels {
  Lanes left, right;
};

DEEPRACER_FAST_TARGET inline __m512i bits(Lanes lanes) { return reinterpret_cast<__m512i>(lanes); }
DEEPRACER_FAST_TARGET inline Lanes lanes(__m512i bits) { return reinterpret_cast<Lanes>(bits); }

DEEPRACER_FAST_TARGET inline Lanes multiply_rounded(Lanes a, Lanes b) {
  return lanes(_mm512_mulhrs_epi16(bits(a), bits(b)));
}

// Of each number the product of the lower halves plus that of the upper halves.
DEEPRACER_FAST_TARGET inline Integers multiply_pairs(Integers a, Integers b) {
  return reinterpret_cast<Integers>(
      _mm256_madd_epi16(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
}

DEEPRACER_FAST_TARGET inline Lanes weigh_bytes(Lanes bytes, Lanes weights) {
  return lanes(_mm512_maddubs_epi16(bits(bytes), bits(weights)));
}

DEEPRACER_FAST_TARGET inline __m512i all_quarters(const void* bytes) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128(static_cast<const __m128i*>(bytes)));
}

// Two groups go to each quarter.
DEEPRACER_FAST_TARGET inline Lanes spread(const std::uint32_t* groups, std::int64_t first) {
  const __m512i words = _mm512_permutexvar_epi64(
      _mm512_setr_epi64(0, 0, 1, 1, 2, 2, 3, 3),
      _mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(groups))));
  const std::int64_t second = first + 0x0404040404040404;
  return lanes(_mm512_shuffle_epi8(
      words, _mm512_setr_epi64(first, second, first, second, first, second, first, second)));
}
DEEPRACER_FAST_TARGET inline Lanes spread_lower(const std::uint32_t* groups) {
  return spread(groups, 0x0100010001000100);
}
DEEPRACER_FAST_TARGET inline Lanes spread_upper(const std::uint32_t* groups) {
  return spread(groups, 0x0302030203020302);
}

DEEPRACER_FAST_TARGET inline __m512i strips(const std::uint32_t* columns,
                                            const std::int32_t* starts) {
  const auto four = [columns](std::ptrdiff_t start) DEEPRACER_FAST_TARGET {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(columns + start));
  };
  __m512i all = _mm512_castsi128_si512(four(starts[0]));
  all = _mm512_inserti32x4(all, four(starts[2]), 1);
  all = _mm512_inserti32x4(all, four(starts[4]), 2);
  return _mm512_inserti32x4(all, four(starts[6]), 3);
}

// Bytes of every other window; those of the upper strip have bit 7 set.
DEEPRACER_FAST_TARGET inline __m512i pick(const std::uint32_t* columns, std::ptrdiff_t pitch,
                                          const std::int32_t* starts, __m512i bytes) {
  const __m512i upper = _mm512_xor_si512(bytes, _mm512_set1_epi8(-128));
  return _mm512_or_si512(_mm512_shuffle_epi8(strips(columns, starts), bytes),
                         _mm512_shuffle_epi8(strips(columns + pitch, starts), upper));
}

DEEPRACER_FAST_TARGET inline Texels fetch(const std::uint32_t* columns, std::ptrdiff_t pitch,
                                          const std::int32_t* starts, Lanes x, Lanes y) {
  static constexpr std::int8_t kHighBytes[16] = {1, 1, 3,  3,  5,  5,  7,  7,
                                                 9, 9, 11, 11, 13, 13, 15, 15};
  static constexpr std::int8_t kInStrip[16] = {0, 1, 2, 3, -128, -127, -126, -125};
  static constexpr std::int8_t kRight[16] = {0, 0, 0, 0, 0, 0, 0, 0, 4, 4, 4, 4, 4, 4, 4, 4};
  const __m512i high_bytes = all_quarters(kHighBytes);
  const Lanes column = x & -256;
  const Lanes twice = column + column;
  const __m512i row =
      _mm512_add_epi8(_mm512_shuffle_epi8(bits(y), high_bytes), _mm512_set1_epi16(0x0100));
  const __m512i pair = _mm512_add_epi8(_mm512_shuffle_epi8(all_quarters(kInStrip), row),
                                       _mm512_shuffle_epi8(bits(twice + twice), high_bytes));
  const __m512i right = all_quarters(kRight);
  const __m512i even = _mm512_add_epi8(_mm512_unpacklo_epi64(pair, pair), right);
  const __m512i odd = _mm512_add_epi8(_mm512_unpackhi_epi64(pair, pair), right);
  const __m512i a = pick(columns, pitch, starts, even);
  const __m512i b = pick(columns, pitch, starts + 1, odd);
  return {lanes(_mm512_unpacklo_epi64(a, b)), lanes(_mm512_unpackhi_epi64(a, b))};
}

DEEPRACER_FAST_TARGET inline Lanes load_bytes(const std::uint8_t* bytes) {
  return lanes(_mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes))));
}

DEEPRACER_FAST_TARGET inline void store_bytes(std::uint8_t* bytes, Lanes values) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(bytes), _mm512_cvtepi16_epi8(bits(values)));
}

}  // namespace
}  // namespace deepracer_fast

#include "frame_painter.h"

namespace deepracer_fast {

DEEPRACER_FAST_TARGET void paint_frame_avx512(const Frame& frame, std::uint8_t* out) {
  paint_frame(frame, out);
}

}  // namespace deepracer_fast
#endif
