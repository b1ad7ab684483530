// Walking one scanline across a mip level, 16 columns at a time where the machine can.
//
// In: a Walk, which is a straight line of equally spaced points in texels. Out: its bilinear
// samples, weighted into the sums of two picture rows. All arithmetic is integer, so the AVX-512,
// AVX2 and portable paths give the same bytes. Included by camera.cpp alone.
#pragma once

#include <algorithm>
#include <cstdint>

#include "camera.h"

#if defined(__x86_64__)
// GCC 12's AVX-512 header starts its "undefined" vectors from themselves and warns of it.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#endif

namespace deepracer_fast {

constexpr int kBlock = 16;          // columns walked together; a picture's width is a multiple
constexpr int kWeightBits = 14;     // a row's scanline weights sum to 1 << kWeightBits
constexpr int kTexelBits = 6;       // bits of a texel fraction in each direction
constexpr float kFixed = 65536.0F;  // texel coordinates are 16.16 fixed point

// A scanline on its mip level, in texels: column i is at (x + i * dx, y + i * dy).
struct Walk {
  const std::uint16_t* texels;
  std::int32_t x, y, dx, dy;
  std::int32_t max_x, max_y;  // coordinates are clamped to [0, max]
  std::int32_t pitch;
  std::int16_t weight, weight_next;
};

// Columns [begin, end) of a picture row, both multiples of kBlock.
struct Columns {
  int begin, end;
};

// Adds a walk to the sums of two picture rows: here += weight * sample and next += weight_next *
// sample. Both point at column 0.
using AddWalk = void (*)(const Walk& walk, Columns columns, std::int32_t* here, std::int32_t* next);

constexpr int kRowShift = kWeightBits + kTexelBits;

// Bilinear sample, 0..255 << kTexelBits. The vector paths repeat this arithmetic bit by bit.
inline std::int32_t sample(const Walk& walk, std::int32_t x, std::int32_t y) {
  x = std::clamp(x, 0, walk.max_x);
  y = std::clamp(y, 0, walk.max_y);
  const std::uint16_t* block = walk.texels + (y >> 16) * walk.pitch + (x >> 16);
  const std::int32_t fx = (x >> 10) & 63;
  const std::int32_t fy = (y >> 10) & 63;
  // Both columns at once, each in half of a word.
  const std::int32_t here = (block[0] & 255) | (block[1] & 255) << 16;
  const std::int32_t above = block[0] >> 8 | (block[1] >> 8) << 16;
  const std::int32_t columns = here * (64 - fy) + above * fy;
  return ((columns & 0xFFFF) * (64 - fx) + (columns >> 16) * fx) >> kTexelBits;
}

inline void add_walk_portable(const Walk& walk, Columns columns, std::int32_t* here,
                              std::int32_t* next) {
  std::int32_t x = walk.x + columns.begin * walk.dx;
  std::int32_t y = walk.y + columns.begin * walk.dy;
  for (int column = columns.begin; column < columns.end; ++column, x += walk.dx, y += walk.dy) {
    const std::int32_t value = sample(walk, x, y);
    here[column] += value * walk.weight;
    next[column] += value * walk.weight_next;
  }
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) inline __m256i sample_avx2(const Walk& walk, __m256i x, __m256i y) {
  const __m256i zero = _mm256_setzero_si256();
  x = _mm256_min_epi32(_mm256_max_epi32(x, zero), _mm256_set1_epi32(walk.max_x));
  y = _mm256_min_epi32(_mm256_max_epi32(y, zero), _mm256_set1_epi32(walk.max_y));
  const __m256i column_row = _mm256_blend_epi16(_mm256_srli_epi32(x, 16), y, 0xAA);
  const __m256i index = _mm256_madd_epi16(column_row, _mm256_set1_epi32(1 | (walk.pitch << 16)));
  const __m256i block = _mm256_i32gather_epi32(reinterpret_cast<const int*>(walk.texels), index, 2);
  const __m256i mask = _mm256_set1_epi32(63);
  const __m256i full = _mm256_set1_epi32(64);
  const __m256i fx = _mm256_and_si256(_mm256_srli_epi32(x, 10), mask);
  const __m256i fy = _mm256_and_si256(_mm256_srli_epi32(y, 10), mask);
  const __m256i weight_x = _mm256_or_si256(_mm256_slli_epi32(fx, 16), _mm256_sub_epi32(full, fx));
  const __m256i pair = _mm256_or_si256(_mm256_slli_epi32(fy, 8), _mm256_sub_epi32(full, fy));
  const __m256i weight_y = _mm256_or_si256(_mm256_slli_epi32(pair, 16), pair);
  const __m256i columns = _mm256_maddubs_epi16(block, weight_y);
  return _mm256_srli_epi32(_mm256_madd_epi16(columns, weight_x), kTexelBits);
}

__attribute__((target("avx2"))) inline void add_to(std::int32_t* sum, __m256i value,
                                                   __m256i weight) {
  auto* sums = reinterpret_cast<__m256i*>(sum);
  _mm256_storeu_si256(sums,
                      _mm256_add_epi32(_mm256_loadu_si256(sums), _mm256_madd_epi16(value, weight)));
}

__attribute__((target("avx2"))) inline void add_walk_avx2(const Walk& walk, Columns columns,
                                                          std::int32_t* here, std::int32_t* next) {
  const __m256i lane =
      _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(columns.begin));
  const __m256i step_x = _mm256_set1_epi32(8 * walk.dx);
  const __m256i step_y = _mm256_set1_epi32(8 * walk.dy);
  const __m256i weight = _mm256_set1_epi32(walk.weight);
  const __m256i weight_next = _mm256_set1_epi32(walk.weight_next);
  const bool has_next = walk.weight_next != 0;
  __m256i x = _mm256_add_epi32(_mm256_set1_epi32(walk.x),
                               _mm256_mullo_epi32(lane, _mm256_set1_epi32(walk.dx)));
  __m256i y = _mm256_add_epi32(_mm256_set1_epi32(walk.y),
                               _mm256_mullo_epi32(lane, _mm256_set1_epi32(walk.dy)));
  for (int column = columns.begin; column < columns.end; column += 8) {
    const __m256i value = sample_avx2(walk, x, y);
    add_to(here + column, value, weight);
    if (has_next) add_to(next + column, value, weight_next);
    x = _mm256_add_epi32(x, step_x);
    y = _mm256_add_epi32(y, step_y);
  }
}

#define DEEPRACER_FAST_AVX512 __attribute__((target("avx512f,avx512bw")))

DEEPRACER_FAST_AVX512 inline __m512i sample_avx512(const Walk& walk, __m512i x, __m512i y) {
  const __m512i zero = _mm512_setzero_si512();
  x = _mm512_min_epi32(_mm512_max_epi32(x, zero), _mm512_set1_epi32(walk.max_x));
  y = _mm512_min_epi32(_mm512_max_epi32(y, zero), _mm512_set1_epi32(walk.max_y));
  const __m512i column_row = _mm512_mask_blend_epi16(0xAAAAAAAAU, _mm512_srli_epi32(x, 16), y);
  const __m512i index = _mm512_madd_epi16(column_row, _mm512_set1_epi32(1 | (walk.pitch << 16)));
  const __m512i block = _mm512_i32gather_epi32(index, walk.texels, 2);
  const __m512i mask = _mm512_set1_epi32(63);
  const __m512i full = _mm512_set1_epi32(64);
  const __m512i fx = _mm512_and_si512(_mm512_srli_epi32(x, 10), mask);
  const __m512i fy = _mm512_and_si512(_mm512_srli_epi32(y, 10), mask);
  const __m512i weight_x = _mm512_or_si512(_mm512_slli_epi32(fx, 16), _mm512_sub_epi32(full, fx));
  const __m512i pair = _mm512_or_si512(_mm512_slli_epi32(fy, 8), _mm512_sub_epi32(full, fy));
  const __m512i weight_y = _mm512_or_si512(_mm512_slli_epi32(pair, 16), pair);
  const __m512i columns = _mm512_maddubs_epi16(block, weight_y);
  return _mm512_srli_epi32(_mm512_madd_epi16(columns, weight_x), kTexelBits);
}

DEEPRACER_FAST_AVX512 inline void add_to(std::int32_t* sum, __m512i value, __m512i weight) {
  _mm512_storeu_si512(sum,
                      _mm512_add_epi32(_mm512_loadu_si512(sum), _mm512_madd_epi16(value, weight)));
}

DEEPRACER_FAST_AVX512 inline void add_walk_avx512(const Walk& walk, Columns columns,
                                                  std::int32_t* here, std::int32_t* next) {
  const __m512i lane =
      _mm512_add_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                       _mm512_set1_epi32(columns.begin));
  const __m512i step_x = _mm512_set1_epi32(16 * walk.dx);
  const __m512i step_y = _mm512_set1_epi32(16 * walk.dy);
  const __m512i weight = _mm512_set1_epi32(walk.weight);
  const __m512i weight_next = _mm512_set1_epi32(walk.weight_next);
  const bool has_next = walk.weight_next != 0;
  __m512i x = _mm512_add_epi32(_mm512_set1_epi32(walk.x),
                               _mm512_mullo_epi32(lane, _mm512_set1_epi32(walk.dx)));
  __m512i y = _mm512_add_epi32(_mm512_set1_epi32(walk.y),
                               _mm512_mullo_epi32(lane, _mm512_set1_epi32(walk.dy)));
  for (int column = columns.begin; column < columns.end; column += 16) {
    const __m512i value = sample_avx512(walk, x, y);
    add_to(here + column, value, weight);
    if (has_next) add_to(next + column, value, weight_next);
    x = _mm512_add_epi32(x, step_x);
    y = _mm512_add_epi32(y, step_y);
  }
}

#undef DEEPRACER_FAST_AVX512
#endif

inline AddWalk add_walk_of(InstructionSet path) {
#if defined(__x86_64__)
  if (path == InstructionSet::kAvx512) return add_walk_avx512;
  if (path == InstructionSet::kAvx2) return add_walk_avx2;
#endif
  (void)path;
  return add_walk_portable;
}

// Turns the sums of a row into greys and clears them.
inline void finish_row(Columns columns, std::int32_t* sums, std::uint8_t* out) {
  for (int column = columns.begin; column < columns.end; ++column) {
    out[column] = static_cast<std::uint8_t>(sums[column] >> kRowShift);
  }
  std::fill(sums + columns.begin, sums + columns.end, 0);
}

}  // namespace deepracer_fast
