// The frame painter for AVX2: 16 columns at a time.
#if defined(__x86_64__)
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "frame.h"

#define DEEPRACER_FAST_TARGET __attribute__((target("avx2")))

namespace deepracer_fast {
namespace {

using Lanes = std::int16_t __attribute__((vector_size(32)));  // one number per column
using Words = std::uint16_t __attribute__((vector_size(32)));
using Integers = std::int32_t __attribute__((vector_size(32)));  // one number per group of columns

struct Texels {
  Lanes left, right;
};

DEEPRACER_FAST_TARGET inline __m256i bits(Lanes lanes) { return reinterpret_cast<__m256i>(lanes); }
DEEPRACER_FAST_TARGET inline Lanes lanes(__m256i bits) { return reinterpret_cast<Lanes>(bits); }

DEEPRACER_FAST_TARGET inline Lanes multiply_rounded(Lanes a, Lanes b) {
  return lanes(_mm256_mulhrs_epi16(bits(a), bits(b)));
}

// Of each number the product of the lower halves plus that of the upper halves.
DEEPRACER_FAST_TARGET inline Integers multiply_pairs(Integers a, Integers b) {
  return reinterpret_cast<Integers>(
      _mm256_madd_epi16(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
}

DEEPRACER_FAST_TARGET inline Lanes weigh_bytes(Lanes bytes, Lanes weights) {
  return lanes(_mm256_maddubs_epi16(bits(bytes), bits(weights)));
}

DEEPRACER_FAST_TARGET inline __m256i both_halves(const void* bytes) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(bytes)));
}

// Spreads the lower or upper half of each group's word over the group's four columns.
DEEPRACER_FAST_TARGET inline Lanes spread(const std::uint32_t* groups, std::int64_t first) {
  constexpr std::int64_t kNext = 0x0404040404040404;
  const __m256i pattern =
      _mm256_setr_epi64x(first, first + kNext, first + 2 * kNext, first + 3 * kNext);
  return lanes(_mm256_shuffle_epi8(both_halves(groups), pattern));
}
DEEPRACER_FAST_TARGET inline Lanes spread_lower(const std::uint32_t* groups) {
  return spread(groups, 0x0100010001000100);
}
DEEPRACER_FAST_TARGET inline Lanes spread_upper(const std::uint32_t* groups) {
  return spread(groups, 0x0302030203020302);
}

// Four columns each of a strip from two starts: byte 4 * column + row.
DEEPRACER_FAST_TARGET inline __m256i strips(const std::uint32_t* columns, std::ptrdiff_t first,
                                            std::ptrdiff_t second) {
  const auto* low = reinterpret_cast<const __m128i*>(columns + first);
  const auto* high = reinterpret_cast<const __m128i*>(columns + second);
  return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(low)),
                                 _mm_loadu_si128(high), 1);
}

// Bytes of two windows; those of the upper strip have bit 7 set.
DEEPRACER_FAST_TARGET inline __m256i pick(const std::uint32_t* columns, std::ptrdiff_t pitch,
                                          std::ptrdiff_t first, std::ptrdiff_t second,
                                          __m256i bytes) {
  const __m256i upper = _mm256_xor_si256(bytes, _mm256_set1_epi8(-128));
  return _mm256_or_si256(_mm256_shuffle_epi8(strips(columns, first, second), bytes),
                         _mm256_shuffle_epi8(strips(columns + pitch, first, second), upper));
}

DEEPRACER_FAST_TARGET inline Texels fetch(const std::uint32_t* columns, std::ptrdiff_t pitch,
                                          const std::int32_t* starts, Lanes x, Lanes y) {
  static constexpr std::int8_t kHighBytes[16] = {1, 1, 3,  3,  5,  5,  7,  7,
                                                 9, 9, 11, 11, 13, 13, 15, 15};
  static constexpr std::int8_t kInStrip[16] = {0, 1, 2, 3, -128, -127, -126, -125};
  static constexpr std::int8_t kRight[16] = {0, 0, 0, 0, 0, 0, 0, 0, 4, 4, 4, 4, 4, 4, 4, 4};
  const __m256i high_bytes = both_halves(kHighBytes);
  const Lanes column = x & -256;
  const Lanes twice = column + column;
  // Of each column, the bytes of its texel and of the texel in the next row.
  const __m256i row =
      _mm256_add_epi8(_mm256_shuffle_epi8(bits(y), high_bytes), _mm256_set1_epi16(0x0100));
  const __m256i pair = _mm256_add_epi8(_mm256_shuffle_epi8(both_halves(kInStrip), row),
                                       _mm256_shuffle_epi8(bits(twice + twice), high_bytes));
  // The same again for their right neighbours, four columns at a time.
  const __m256i right = both_halves(kRight);
  const __m256i even = _mm256_add_epi8(_mm256_unpacklo_epi64(pair, pair), right);
  const __m256i odd = _mm256_add_epi8(_mm256_unpackhi_epi64(pair, pair), right);
  const __m256i a = pick(columns, pitch, starts[0], starts[2], even);
  const __m256i b = pick(columns, pitch, starts[1], starts[3], odd);
  return {lanes(_mm256_unpacklo_epi64(a, b)), lanes(_mm256_unpackhi_epi64(a, b))};
}

DEEPRACER_FAST_TARGET inline Lanes load_bytes(const std::uint8_t* bytes) {
  return lanes(_mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes))));
}

DEEPRACER_FAST_TARGET inline void store_bytes(std::uint8_t* bytes, Lanes values) {
  const __m256i packed = _mm256_packus_epi16(bits(values), bits(values));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes),
                   _mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08)));
}

}  // namespace
}  // namespace deepracer_fast

#include "frame_painter.h"

namespace deepracer_fast {

DEEPRACER_FAST_TARGET void paint_frame_avx2(const Frame& frame, std::uint8_t* out) {
  paint_frame(frame, out);
}

}  // namespace deepracer_fast
#endif
