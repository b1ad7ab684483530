// The rules that end an episode, or cost a penalty: the lap is complete, the car crashed, left the
// track, is stuck, or drives backwards.
//
// In: what a step made of a car. Out: the rule that holds. Neighbours: Simulator judges by it each
// step, and puts the car back or ends its episode.
#pragma once

#include "base/geometry.h"
#include "car/car_batch.h"

namespace deepracer_fast {

// A car is stuck once its base_link moved no more than this for so many steps in a row, and drives
// backwards once it lost progress for so many (markov reset/rules, agent_ctrl/constants.py).
inline constexpr float kStillDistance = 0.0003F;  // m
inline constexpr int kPatience = 15;              // steps

// The first rule that holds, in the original's order of precedence.
inline Status violated_rule(CarBatch& cars, int car) {
  const float moved = distance(cars.last_position[car], cars.vehicle[car].position);
  cars.still_steps[car] = moved <= kStillDistance ? cars.still_steps[car] + 1 : 0;
  const bool lost_progress = cars.progress[car] < cars.last_progress[car];
  cars.reverse_steps[car] = lost_progress ? cars.reverse_steps[car] + 1 : 0;

  if (cars.progress[car] >= 100.0F) return Status::kLapComplete;
  if (cars.is_crashed[car]) return Status::kCrashed;
  if (cars.is_offtrack[car]) return Status::kOffTrack;
  if (cars.still_steps[car] >= kPatience) return Status::kImmobilized;
  if (cars.reverse_steps[car] >= kPatience) return Status::kReversed;
  return Status::kInProgress;
}

}  // namespace deepracer_fast
