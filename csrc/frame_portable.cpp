// The frame painter for any processor: 8 columns at a time, in the compiler's own vectors, and
// SSE2 where that is what every processor has.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "frame.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define DEEPRACER_FAST_TARGET

namespace deepracer_fast {
namespace {

using Lanes = std::int16_t __attribute__((vector_size(16)));  // one number per column
using Words = std::uint16_t __attribute__((vector_size(16)));
using Integers = std::int32_t __attribute__((vector_size(16)));  // one number per group of columns
using Bytes = std::uint8_t __attribute__((vector_size(8)));

struct Texels {
  Lanes left, right;
};

inline Lanes multiply_high(Lanes a, Lanes b) {
#if defined(__SSE2__)
  return reinterpret_cast<Lanes>(
      _mm_mulhi_epi16(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#else
  Lanes result;
  for (int i = 0; i < 8; ++i) result[i] = static_cast<std::int16_t>((a[i] * b[i]) >> 16);
  return result;
#endif
}

// (a * b + (1 << 14)) >> 15, from the product's two halves.
inline Lanes multiply_rounded(Lanes a, Lanes b) {
  const Words low = reinterpret_cast<Words>(a) * reinterpret_cast<Words>(b);
  return 2 * multiply_high(a, b) + reinterpret_cast<Lanes>(((low >> 14) + 1) >> 1);
}

inline Lanes weigh_bytes(Lanes bytes, Lanes weights) {
  const Words pairs = reinterpret_cast<Words>(bytes);
  const Words shares = reinterpret_cast<Words>(weights);
  return reinterpret_cast<Lanes>((pairs & 255) * (shares & 255) + (pairs >> 8) * (shares >> 8));
}

#if defined(__SSE2__)

inline __m128i bits(Lanes lanes) { return reinterpret_cast<__m128i>(lanes); }
inline Lanes lanes(__m128i bits) { return reinterpret_cast<Lanes>(bits); }

// Of each number the product of the lower halves plus that of the upper halves.
inline Integers multiply_pairs(Integers a, Integers b) {
  return reinterpret_cast<Integers>(
      _mm_madd_epi16(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
}

inline __m128i load_twice(const std::uint32_t* groups) {
  const __m128i both = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(groups));
  return _mm_unpacklo_epi64(both, both);
}
inline Lanes spread_lower(const std::uint32_t* groups) {
  return lanes(_mm_shufflehi_epi16(_mm_shufflelo_epi16(load_twice(groups), 0x00), 0xAA));
}
inline Lanes spread_upper(const std::uint32_t* groups) {
  return lanes(_mm_shufflehi_epi16(_mm_shufflelo_epi16(load_twice(groups), 0x55), 0xFF));
}

// Eight numbers of 16 bits, none below zero, plus one of 32 bits for each half of them.
inline void store_sums(std::int32_t* sums, Lanes values, std::int32_t first, std::int32_t second) {
  auto* out = reinterpret_cast<__m128i*>(sums);
  const __m128i zero = _mm_setzero_si128();
  _mm_store_si128(out,
                  _mm_add_epi32(_mm_unpacklo_epi16(bits(values), zero), _mm_set1_epi32(first)));
  _mm_store_si128(out + 1,
                  _mm_add_epi32(_mm_unpackhi_epi16(bits(values), zero), _mm_set1_epi32(second)));
}

// Of a column of the picture: in each half, the eight texels of a column of the ground, from the
// row that it needs on.
inline __m128i texel_columns(const std::uint32_t* lower, std::ptrdiff_t pitch,
                             std::int32_t first_bit) {
  const __m128i below = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(lower));
  const __m128i above = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(lower + pitch));
  return _mm_srl_epi64(_mm_unpacklo_epi32(below, above), _mm_cvtsi32_si128(first_bit));
}

inline Texels fetch(const std::uint32_t* columns, std::ptrdiff_t pitch, const std::int32_t* starts,
                    Lanes x, Lanes y) {
  alignas(16) std::int32_t column[8];
  alignas(16) std::int32_t first_bit[8];
  store_sums(column, x >> 8, starts[0], starts[1]);
  store_sums(first_bit, (y >> 8) << 3, 0, 0);
  // Read back one by one: GCC would rather take each out of the vector, in three instructions.
  asm("" : "+m"(column), "+m"(first_bit));
  __m128i left[4], right[4];
  for (int i = 0; i < 4; ++i) {
    const __m128i one = texel_columns(columns + column[2 * i], pitch, first_bit[2 * i]);
    const __m128i two = texel_columns(columns + column[2 * i + 1], pitch, first_bit[2 * i + 1]);
    left[i] = _mm_unpacklo_epi16(one, two);
    right[i] = _mm_unpackhi_epi16(one, two);
  }
  const auto join = [](const __m128i(&pairs)[4]) {
    return lanes(_mm_unpacklo_epi64(_mm_unpacklo_epi32(pairs[0], pairs[1]),
                                    _mm_unpacklo_epi32(pairs[2], pairs[3])));
  };
  return {join(left), join(right)};
}

#else

inline Integers multiply_pairs(Integers a, Integers b) {
  return (a & 0xFFFF) * (b & 0xFFFF) + (a >> 16) * (b >> 16);
}

inline Lanes spread(std::uint32_t first, std::uint32_t second) {
  const auto a = static_cast<std::int16_t>(first & 0xFFFF);
  const auto b = static_cast<std::int16_t>(second & 0xFFFF);
  return Lanes{a, a, a, a, b, b, b, b};
}
inline Lanes spread_lower(const std::uint32_t* groups) { return spread(groups[0], groups[1]); }
inline Lanes spread_upper(const std::uint32_t* groups) {
  return spread(groups[0] >> 16, groups[1] >> 16);
}

inline Texels fetch(const std::uint32_t* columns, std::ptrdiff_t pitch, const std::int32_t* starts,
                    Lanes x, Lanes y) {
  Texels result;
  for (int i = 0; i < 8; ++i) {
    const std::uint32_t* lower = columns + (starts[i / 4] + (x[i] >> 8));
    const std::uint32_t* upper = lower + pitch;
    const int first_bit = (y[i] >> 8) << 3;
    const std::uint64_t left = (lower[0] | std::uint64_t{upper[0]} << 32) >> first_bit;
    const std::uint64_t right = (lower[1] | std::uint64_t{upper[1]} << 32) >> first_bit;
    result.left[i] = static_cast<std::int16_t>(left & 0xFFFF);
    result.right[i] = static_cast<std::int16_t>(right & 0xFFFF);
  }
  return result;
}

#endif

inline Lanes load_bytes(const std::uint8_t* bytes) {
  Bytes eight;
  std::memcpy(&eight, bytes, sizeof(eight));
  return __builtin_convertvector(eight, Lanes);
}

inline void store_bytes(std::uint8_t* bytes, Lanes values) {
  const Bytes eight = __builtin_convertvector(values, Bytes);
  std::memcpy(bytes, &eight, sizeof(eight));
}

}  // namespace
}  // namespace deepracer_fast

#include "frame_painter.h"

namespace deepracer_fast {

void paint_frame_portable(const Frame& frame, std::uint8_t* out) { paint_frame(frame, out); }

}  // namespace deepracer_fast
