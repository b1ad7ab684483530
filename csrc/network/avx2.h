// What the files for AVX2 with FMA share.
#pragma once

#include <immintrin.h>

#define DEEPRACER_FAST_TARGET __attribute__((target("avx2,fma")))

namespace deepracer_fast::network {

inline constexpr int kLanes = 8;  // numbers of a register

}  // namespace deepracer_fast::network
