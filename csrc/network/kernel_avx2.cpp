// The kernels for AVX2 with FMA, float32.
#include "network/kernel.h"

#if defined(__x86_64__)
#include <bit>

#include "network/avx2.h"

namespace deepracer_fast::network {
namespace {

using Vector = __m256;
constexpr int kTallest = 6;  // of two vectors: 12 of the 16 registers hold sums

DEEPRACER_FAST_TARGET inline Vector load(const float* from) { return _mm256_loadu_ps(from); }
DEEPRACER_FAST_TARGET inline void store(float* to, Vector v) { _mm256_storeu_ps(to, v); }
DEEPRACER_FAST_TARGET inline Vector broadcast(const Word* word) {
  return _mm256_set1_ps(std::bit_cast<float>(*word));
}
// Of two operands `max` hands on the second if either is not a number.
DEEPRACER_FAST_TARGET inline Vector relu(Vector v) { return _mm256_max_ps(_mm256_setzero_ps(), v); }

template <int kPerWord>
DEEPRACER_FAST_TARGET inline Vector multiply_add(Vector a, Vector b, Vector sum) {
  return _mm256_fmadd_ps(a, b, sum);
}

}  // namespace
}  // namespace deepracer_fast::network

#include "network/kernel_tile.h"

namespace deepracer_fast::network {

std::vector<Kernels> avx2_kernels() {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return {};
  return {{"avx2", 1, kLanes, kTiles<1, 2, kTallest>, {}, copy_values, copy_first}};
}

}  // namespace deepracer_fast::network
#endif
