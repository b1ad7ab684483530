// Gathers words as the camera gathers texels: see gather.h.
#include "base/gather.h"

#include <cstddef>

#if defined(__x86_64__)
#include "base/intrinsics.h"
#endif

namespace deepracer_fast {
namespace {

using Words = std::span<const std::uint32_t>;
using Offsets = std::span<const std::int32_t>;

std::uint32_t sum_portable(Words words, Offsets offsets) {
  std::uint32_t sum = 0;
  for (const std::int32_t offset : offsets) sum += words[static_cast<std::size_t>(offset)];
  return sum;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) std::uint32_t sum_avx2(Words words, Offsets offsets) {
  const auto* base = reinterpret_cast<const int*>(words.data());
  __m256i sum = _mm256_setzero_si256();
  for (std::size_t i = 0; i < offsets.size(); i += 8) {
    const auto* at = reinterpret_cast<const __m256i*>(offsets.data() + i);
    sum = _mm256_add_epi32(sum, _mm256_i32gather_epi32(base, _mm256_loadu_si256(at), 4));
  }
  alignas(32) std::uint32_t lanes[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), sum);
  std::uint32_t total = 0;
  for (const std::uint32_t lane : lanes) total += lane;
  return total;
}

__attribute__((target("avx512f"))) std::uint32_t sum_avx512(Words words, Offsets offsets) {
  __m512i sum = _mm512_setzero_si512();
  for (std::size_t i = 0; i < offsets.size(); i += 16) {
    const __m512i at = _mm512_loadu_si512(offsets.data() + i);
    sum = _mm512_add_epi32(sum, _mm512_i32gather_epi32(at, words.data(), 4));
  }
  return static_cast<std::uint32_t>(_mm512_reduce_add_epi32(sum));
}
#endif

}  // namespace

std::uint32_t gather_sum(Words words, Offsets offsets, InstructionSet instruction_set) {
#if defined(__x86_64__)
  if (instruction_set == InstructionSet::kAvx512) return sum_avx512(words, offsets);
  if (instruction_set == InstructionSet::kAvx2) return sum_avx2(words, offsets);
#endif
  return instruction_set == InstructionSet::kPortable ? sum_portable(words, offsets) : 0;
}

}  // namespace deepracer_fast
