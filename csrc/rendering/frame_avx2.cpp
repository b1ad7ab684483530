// The frame painter for AVX2: 32 columns at a time.
#if defined(__x86_64__)
#include <immintrin.h>

#define DEEPRACER_FAST_TARGET __attribute__((target("avx2")))

namespace {
using Register = __m256i;
}

#include "rendering/frame_x86.h"

namespace deepracer_fast {
namespace {

DEEPRACER_FAST_TARGET inline Lanes multiply_rounded(Lanes a, Lanes b) {
  return lanes(_mm256_mulhrs_epi16(bits(a), bits(b)));
}

// Four columns each of a strip from two starts: byte 4 * column + row.
DEEPRACER_FAST_TARGET inline __m256i strips(const std::uint32_t* columns, std::ptrdiff_t first,
                                            std::ptrdiff_t second) {
  const auto* low = reinterpret_cast<const __m128i*>(columns + first);
  const auto* high = reinterpret_cast<const __m128i*>(columns + second);
  return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(low)),
                                 _mm_loadu_si128(high), 1);
}

// The bilinear samples of half of the columns: two windows' texels, left ones before right ones,
// and the shares of the row above and of the texels on the right.
DEEPRACER_FAST_TARGET inline Lanes blend(__m256i even, __m256i odd, __m256i rows, __m256i right) {
  const Lanes l = lanes(_mm256_maddubs_epi16(_mm256_unpacklo_epi64(even, odd), rows));
  const Lanes r = lanes(_mm256_maddubs_epi16(_mm256_unpackhi_epi64(even, odd), rows));
  return l + multiply_rounded(r - l, lanes(right));
}

// GCC would make a constant anew for every scanline; a value that it can't see through is made once
// and, short of registers, read from the stack.
DEEPRACER_FAST_TARGET inline __m256i made_once(__m256i value) {
  asm("" : "+x"(value));
  return value;
}

// Takes bilinear samples; holds the constants of that.
class Sampler {
 public:
  DEEPRACER_FAST_TARGET Sampler() {}

  DEEPRACER_FAST_TARGET Samples operator()(const std::uint32_t* lower, const std::uint32_t* upper,
                                           const std::int32_t* starts, const std::uint32_t* origins,
                                           const Offsets& offsets) const {
    const __m256i least = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(origins));
    const __m256i x = _mm256_add_epi8(_mm256_shuffle_epi8(least, lowest_), offsets.x);
    const __m256i y = _mm256_add_epi8(_mm256_shuffle_epi8(least, third_), offsets.y);
    // Of each column, the bytes of its texel and of the texel in the next row.
    const __m256i row = _mm256_and_si256(_mm256_srli_epi16(y, 5), seven_);
    const __m256i column = _mm256_and_si256(_mm256_srli_epi16(x, 4), twelve_);
    const __m256i below = _mm256_add_epi8(_mm256_shuffle_epi8(in_window_, row), column);
    const __m256i above = _mm256_add_epi8(_mm256_shuffle_epi8(above_in_window_, row), column);
    // Pairs of them for eight columns in each half, and for their right neighbours.
    const __m256i low = _mm256_unpacklo_epi8(below, above);
    const __m256i high = _mm256_unpackhi_epi8(below, above);
    const __m256i low_right = _mm256_add_epi8(low, four_);
    const __m256i high_right = _mm256_add_epi8(high, four_);
    const auto pick = [=, this](int group, __m256i bytes) DEEPRACER_FAST_TARGET {
      const std::ptrdiff_t first = starts[group];
      const std::ptrdiff_t second = starts[group + 4];
      const __m256i in_upper = _mm256_xor_si256(bytes, upper_);
      return _mm256_or_si256(_mm256_shuffle_epi8(strips(lower, first, second), bytes),
                             _mm256_shuffle_epi8(strips(upper, first, second), in_upper));
    };
    const __m256i a = pick(0, _mm256_unpacklo_epi64(low, low_right));
    const __m256i b = pick(1, _mm256_unpackhi_epi64(low, low_right));
    const __m256i c = pick(2, _mm256_unpacklo_epi64(high, high_right));
    const __m256i d = pick(3, _mm256_unpackhi_epi64(high, high_right));
    const __m256i share = _mm256_and_si256(y, thirty_one_);
    const __m256i rest = _mm256_sub_epi8(thirty_two_, share);
    const __m256i fraction = _mm256_and_si256(x, sixty_three_);
    const __m256i twice = _mm256_add_epi8(fraction, fraction);
    const __m256i zero = _mm256_setzero_si256();
    return {{blend(a, b, _mm256_unpacklo_epi8(rest, share), _mm256_unpacklo_epi8(zero, twice)),
             blend(c, d, _mm256_unpackhi_epi8(rest, share), _mm256_unpackhi_epi8(zero, twice))}};
  }

 private:
  DEEPRACER_FAST_TARGET static __m256i all(char value) {
    return made_once(_mm256_set1_epi8(value));
  }

  // The first and third byte of each group, for its four columns.
  __m256i lowest_ = made_once(both_halves(kLowestByte));
  __m256i third_ = made_once(both_halves(kThirdByte));
  // Bytes of a window's rows; those of the upper strip have bit 7 set.
  __m256i in_window_ = made_once(both_halves(kInWindow));
  __m256i above_in_window_ = made_once(both_halves(kInWindow + 1));
  __m256i upper_ = all(-128);
  __m256i four_ = all(4), seven_ = all(7), twelve_ = all(12), thirty_one_ = all(31);
  __m256i thirty_two_ = all(32), sixty_three_ = all(63);
};

DEEPRACER_FAST_TARGET inline Lanes load_bytes(const std::uint8_t* bytes) {
  return lanes(_mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes))));
}

DEEPRACER_FAST_TARGET inline void store_bytes(std::uint8_t* bytes, const Samples& samples) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(bytes),
                      _mm256_packus_epi16(bits(samples.part[0]), bits(samples.part[1])));
}

DEEPRACER_FAST_TARGET inline void store_bytes(std::uint8_t* bytes, Lanes values) {
  const __m256i packed = _mm256_packus_epi16(bits(values), bits(values));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes),
                   _mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08)));
}

}  // namespace
}  // namespace deepracer_fast

#include "rendering/frame_painter.h"

namespace deepracer_fast {

DEEPRACER_FAST_TARGET void paint_frame_avx2(const Frame& frame, std::uint8_t* out) {
  paint_frame(frame, out);
}

}  // namespace deepracer_fast
#endif
