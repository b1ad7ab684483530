// The frame painter for any processor: 32 columns at a time, 8 in a register, in the compiler's own
// vectors, and SSE2 where that is what every processor has.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "rendering/frame.h"

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

struct Samples {
  Lanes part[4];
};

struct Texels {
  Lanes left, right;
};

struct Halves {
  Lanes lower, upper;
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

// The lower half of each number from `low`, the upper from `high`.
inline Integers join_halves(Integers low, Integers high) {
  return (low & 0xFFFF) | (high & ~0xFFFF);
}

#if defined(__SSE2__)

inline __m128i bits(Lanes lanes) { return reinterpret_cast<__m128i>(lanes); }
inline Lanes lanes(__m128i bits) { return reinterpret_cast<Lanes>(bits); }

// Of each number the product of the lower halves plus that of the upper halves.
inline Integers multiply_pairs(Integers a, Integers b) {
  return reinterpret_cast<Integers>(
      _mm_madd_epi16(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
}

// For each column of two groups the halves of its group's number.
inline Halves spread_groups(const std::uint32_t* groups) {
  const __m128i two = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(groups));
  const __m128i twice = _mm_unpacklo_epi64(two, two);
  return {lanes(_mm_shufflehi_epi16(_mm_shufflelo_epi16(twice, 0x00), 0xAA)),
          lanes(_mm_shufflehi_epi16(_mm_shufflelo_epi16(twice, 0x55), 0xFF))};
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
inline __m128i texel_columns(const std::uint32_t* lower, const std::uint32_t* upper,
                             std::int32_t first_bit) {
  const __m128i below = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(lower));
  const __m128i above = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(upper));
  return _mm_srl_epi64(_mm_unpacklo_epi32(below, above), _mm_cvtsi32_si128(first_bit));
}

// The texels of eight columns: `column` from the start of each group's window, from `row` on.
inline Texels fetch(const std::uint32_t* lower, const std::uint32_t* upper,
                    const std::int32_t* starts, Lanes column, Lanes row) {
  alignas(16) std::int32_t at[8];
  alignas(16) std::int32_t first_bit[8];
  store_sums(at, column, starts[0], starts[1]);
  store_sums(first_bit, row << 3, 0, 0);
  // Read back one by one: GCC would rather take each out of the vector, in three instructions.
  asm("" : "+m"(at), "+m"(first_bit));
  __m128i left[4], right[4];
  for (int i = 0; i < 4; ++i) {
    const __m128i one = texel_columns(lower + at[2 * i], upper + at[2 * i], first_bit[2 * i]);
    const __m128i two =
        texel_columns(lower + at[2 * i + 1], upper + at[2 * i + 1], first_bit[2 * i + 1]);
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

inline Halves spread_groups(const std::uint32_t* groups) {
  Halves result;
  for (int i = 0; i < 8; ++i) {
    result.lower[i] = static_cast<std::int16_t>(groups[i / 4]);
    result.upper[i] = static_cast<std::int16_t>(groups[i / 4] >> 16);
  }
  return result;
}

inline Texels fetch(const std::uint32_t* lower, const std::uint32_t* upper,
                    const std::int32_t* starts, Lanes column, Lanes row) {
  Texels result;
  for (int i = 0; i < 8; ++i) {
    const std::int32_t at = starts[i / 4] + column[i];
    const int first_bit = row[i] << 3;
    const std::uint64_t left = (lower[at] | std::uint64_t{upper[at]} << 32) >> first_bit;
    const std::uint64_t right = (lower[at + 1] | std::uint64_t{upper[at + 1]} << 32) >> first_bit;
    result.left[i] = static_cast<std::int16_t>(left & 0xFFFF);
    result.right[i] = static_cast<std::int16_t>(right & 0xFFFF);
  }
  return result;
}

#endif

// From the least of a group's columns, for each column of two groups.
struct Offsets {
  Lanes x, y;
};

inline Lanes spread_bytes(std::uint32_t bytes) {
  Lanes result;
  for (int i = 0; i < 8; ++i) result[i] = static_cast<std::int16_t>(bytes >> 8 * (i % 4) & 255);
  return result;
}

inline Offsets spread_offsets(std::uint32_t x, std::uint32_t y) {
  return {spread_bytes(x), spread_bytes(y)};
}

// Takes bilinear samples.
struct Sampler {
  Samples operator()(const std::uint32_t* lower, const std::uint32_t* upper,
                     const std::int32_t* starts, const std::uint32_t* origins,
                     Offsets offsets) const {
    Samples samples;
    for (Lanes& part : samples.part) {
      const Halves least = spread_groups(origins);
      const Lanes x = least.lower + offsets.x;
      const Lanes y = least.upper + offsets.y;
      const Texels texels = fetch(lower, upper, starts, x >> 6, y >> 5);
      const Lanes weights = (y & 31) * 255 + 32;  // 32 - share and, in the high byte, share
      const Lanes left = weigh_bytes(texels.left, weights);
      const Lanes right = weigh_bytes(texels.right, weights);
      part = left + multiply_rounded(right - left, (x & 63) << 9);
      starts += 2;
      origins += 2;
    }
    return samples;
  }
};

inline Lanes load_bytes(const std::uint8_t* bytes) {
  Bytes eight;
  std::memcpy(&eight, bytes, sizeof(eight));
  return __builtin_convertvector(eight, Lanes);
}

inline void store_bytes(std::uint8_t* bytes, Lanes values) {
  const Bytes eight = __builtin_convertvector(values, Bytes);
  std::memcpy(bytes, &eight, sizeof(eight));
}

inline void store_bytes(std::uint8_t* bytes, const Samples& samples) {
  for (const Lanes& part : samples.part) {
    store_bytes(bytes, part);
    bytes += 8;
  }
}

}  // namespace
}  // namespace deepracer_fast

#include "rendering/frame_painter.h"

namespace deepracer_fast {

void paint_frame_portable(const Frame& frame, std::uint8_t* out) { paint_frame(frame, out); }

}  // namespace deepracer_fast
