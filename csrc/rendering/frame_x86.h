// What the painters for AVX2 and AVX-512 share. The file that includes it defines
// DEEPRACER_FAST_TARGET and, in an unnamed namespace, Register: that of the columns.
#pragma once

#include <cstddef>
#include <cstdint>

#include "rendering/frame.h"

namespace deepracer_fast {
namespace {

using Lanes = std::int16_t __attribute__((vector_size(sizeof(Register))));  // a number per column
using Words = std::uint16_t __attribute__((vector_size(sizeof(Register))));
using Integers = std::int32_t __attribute__((vector_size(32)));  // one number per group of columns

// 32 columns, in the order in which the halves of 256 bits are packed to bytes: the first 16 of
// them are columns 0 to 7 and 16 to 23.
struct Samples {
  Lanes part[64 / sizeof(Register)];
};

DEEPRACER_FAST_TARGET inline Register bits(Lanes lanes) {
  return reinterpret_cast<Register>(lanes);
}
DEEPRACER_FAST_TARGET inline Lanes lanes(Register bits) { return reinterpret_cast<Lanes>(bits); }

// Of each number the product of the lower halves plus that of the upper halves.
DEEPRACER_FAST_TARGET inline Integers multiply_pairs(Integers a, Integers b) {
  return reinterpret_cast<Integers>(
      _mm256_madd_epi16(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
}

// The lower half of each number from `low`, the upper from `high`.
DEEPRACER_FAST_TARGET inline Integers join_halves(Integers low, Integers high) {
  return reinterpret_cast<Integers>(
      _mm256_blend_epi16(reinterpret_cast<__m256i>(low), reinterpret_cast<__m256i>(high), 0xAA));
}

DEEPRACER_FAST_TARGET inline __m256i both_halves(const void* bytes) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(bytes)));
}

// From the least of a group's columns, for each column of 32.
struct Offsets {
  __m256i x, y;
};

DEEPRACER_FAST_TARGET inline Offsets spread_offsets(std::uint32_t x, std::uint32_t y) {
  return {_mm256_set1_epi32(static_cast<int>(x)), _mm256_set1_epi32(static_cast<int>(y))};
}

constexpr std::int8_t kLowestByte[16] = {0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12};
constexpr std::int8_t kThirdByte[16] = {2, 2, 2, 2, 6, 6, 6, 6, 10, 10, 10, 10, 14, 14, 14, 14};
constexpr std::int8_t kInWindow[17] = {0, 1, 2, 3, -128, -127, -126, -125};

}  // namespace
}  // namespace deepracer_fast
