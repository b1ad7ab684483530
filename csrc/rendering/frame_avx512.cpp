// The frame painter for AVX-512: 32 columns at a time. frame_avx2.cpp explains the same steps.
#if defined(__x86_64__)
#include <immintrin.h>

#define DEEPRACER_FAST_TARGET __attribute__((target("avx512f,avx512bw")))

namespace {
using Register = __m512i;
}

#include "rendering/frame_x86.h"

namespace deepracer_fast {
namespace {

DEEPRACER_FAST_TARGET inline Lanes multiply_rounded(Lanes a, Lanes b) {
  return lanes(_mm512_mulhrs_epi16(bits(a), bits(b)));
}

DEEPRACER_FAST_TARGET inline __m512i join(__m256i low, __m256i high) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

// Four columns each of a strip, for every other window: byte 4 * column + row.
DEEPRACER_FAST_TARGET inline __m512i strips(const std::uint32_t* columns,
                                            const std::int32_t* starts) {
  const auto four = [columns](std::ptrdiff_t start) DEEPRACER_FAST_TARGET {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(columns + start));
  };
  __m512i all = _mm512_castsi128_si512(four(starts[0]));
  all = _mm512_inserti32x4(all, four(starts[4]), 1);
  all = _mm512_inserti32x4(all, four(starts[2]), 2);
  return _mm512_inserti32x4(all, four(starts[6]), 3);
}

// Takes bilinear samples.
struct Sampler {
  // Inline, however it is compiled: GCC 12 ends a function that returns a record in a 512-bit
  // register by clearing all of that but its lowest 128 bits.
  [[gnu::always_inline]] DEEPRACER_FAST_TARGET Samples operator()(const std::uint32_t* lower,
                                                                  const std::uint32_t* upper,
                                                                  const std::int32_t* starts,
                                                                  const std::uint32_t* origins,
                                                                  const Offsets& offsets) const {
    const __m256i least = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(origins));
    const __m256i x =
        _mm256_add_epi8(_mm256_shuffle_epi8(least, both_halves(kLowestByte)), offsets.x);
    const __m256i y =
        _mm256_add_epi8(_mm256_shuffle_epi8(least, both_halves(kThirdByte)), offsets.y);
    const __m256i row = _mm256_and_si256(_mm256_srli_epi16(y, 5), _mm256_set1_epi8(7));
    const __m256i column = _mm256_and_si256(_mm256_srli_epi16(x, 4), _mm256_set1_epi8(12));
    const __m256i below = _mm256_add_epi8(_mm256_shuffle_epi8(both_halves(kInWindow), row), column);
    const __m256i above =
        _mm256_add_epi8(_mm256_shuffle_epi8(both_halves(kInWindow + 1), row), column);
    const __m512i left = pairs(below, above);
    const __m512i right = _mm512_add_epi8(left, _mm512_set1_epi8(4));
    const auto pick = [=](int group, __m512i bytes) DEEPRACER_FAST_TARGET {
      const __m512i in_upper = _mm512_xor_si512(bytes, _mm512_set1_epi8(-128));
      return _mm512_or_si512(_mm512_shuffle_epi8(strips(lower, starts + group), bytes),
                             _mm512_shuffle_epi8(strips(upper, starts + group), in_upper));
    };
    const __m512i even = pick(0, _mm512_unpacklo_epi64(left, right));
    const __m512i odd = pick(1, _mm512_unpackhi_epi64(left, right));
    const __m256i share = _mm256_and_si256(y, _mm256_set1_epi8(31));
    const __m512i rows = pairs(_mm256_sub_epi8(_mm256_set1_epi8(32), share), share);
    const __m256i fraction = _mm256_and_si256(x, _mm256_set1_epi8(63));
    const __m512i columns = pairs(_mm256_setzero_si256(), _mm256_add_epi8(fraction, fraction));
    const Lanes l = lanes(_mm512_maddubs_epi16(_mm512_unpacklo_epi64(even, odd), rows));
    const Lanes r = lanes(_mm512_maddubs_epi16(_mm512_unpackhi_epi64(even, odd), rows));
    return {{l + multiply_rounded(r - l, lanes(columns))}};
  }

 private:
  // The bytes of each column side by side.
  DEEPRACER_FAST_TARGET static __m512i pairs(__m256i first, __m256i second) {
    return join(_mm256_unpacklo_epi8(first, second), _mm256_unpackhi_epi8(first, second));
  }
};

DEEPRACER_FAST_TARGET inline Lanes load_bytes(const std::uint8_t* bytes) {
  return lanes(_mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes))));
}

DEEPRACER_FAST_TARGET inline void store_bytes(std::uint8_t* bytes, const Samples& samples) {
  const __m512i words = bits(samples.part[0]);
  _mm256_storeu_si256(
      reinterpret_cast<__m256i*>(bytes),
      _mm256_packus_epi16(_mm512_castsi512_si256(words), _mm512_extracti64x4_epi64(words, 1)));
}

DEEPRACER_FAST_TARGET inline void store_bytes(std::uint8_t* bytes, Lanes values) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(bytes), _mm512_cvtepi16_epi8(bits(values)));
}

}  // namespace
}  // namespace deepracer_fast

#include "rendering/frame_painter.h"

namespace deepracer_fast {

DEEPRACER_FAST_TARGET void paint_frame_avx512(const Frame& frame, std::uint8_t* out) {
  paint_frame(frame, out);
}

}  // namespace deepracer_fast
#endif
