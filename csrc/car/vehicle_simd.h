// Many cars over one control period: the model of vehicle.h, kCarsTogether cars side by side.
//
// One car's ten substeps wait for each other; those of different cars do not. So a substep runs
// over the lanes of a struct of arrays, which the compiler turns into vector instructions, once for
// each instruction set. The arithmetic is vehicle.h's own, without fused multiplications
// (-ffp-contract=off), so that a car drives to the same bytes alone, in any lane and on any
// instruction set.
#pragma once

#include <array>
#include <span>

#include "base/instruction_set.h"
#include "car/vehicle.h"

namespace deepracer_fast {

inline constexpr int kCarsTogether =
    16;  // one vector of AVX-512, two of AVX2, four of SSE and NEON

// One car's order: obey `command` with wheels that hold with `grip` (m/s^2).
struct DriveOrder {
  VehicleState* vehicle;
  VehicleCommand command;
  float grip;
};

// Drives up to kCarsTogether different cars.
void drive_together(std::span<const DriveOrder> orders, const VehicleLaw& law,
                    InstructionSet instruction_set);

}  // namespace deepracer_fast
