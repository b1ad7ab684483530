// What the machine's gathers cost, for benchmarks/simulator.py: the camera cannot be faster.
#pragma once

#include <cstdint>
#include <span>

#include "base/instruction_set.h"

namespace deepracer_fast {

// Sum, modulo 2^32, of the words at these offsets; their number is a multiple of 16 and each lies
// within the words.
std::uint32_t gather_sum(std::span<const std::uint32_t> words,
                         std::span<const std::int32_t> offsets, InstructionSet instruction_set);

}  // namespace deepracer_fast
