// What a simulator is made with: its cars, the rules of their episodes, what they carry.
//
// deepracer_fast/world/simulator.py says what each defaults to for people, and checks it.
#pragma once

#include <cstdint>
#include <limits>
#include <tuple>

#include "base/fields.h"
#include "base/instruction_set.h"
#include "simulator/randomization.h"
#include "simulator/sensors.h"
#include "traffic/traffic.h"

namespace deepracer_fast {

inline constexpr int kMostInt = std::numeric_limits<int>::max();
inline constexpr int kMostCars = 1 << 24;
inline constexpr int kMostThreads = 1024;

struct RaceRules {
  double start_position = 0.0, round_robin_advance_dist = 0.0;
  bool random_start = false, continuous = false;
  bool reverse_direction = false, alternate_driving_direction = false;
  int number_of_resets = 0, max_steps = 1;
  float off_track_penalty = 0.0F;
  TrafficRules traffic;

  static constexpr auto fields() {
    using R = RaceRules;
    return std::tuple{
        Field{"start_position", &R::start_position, "",
              "share of the track's length at the first start", Range{0.0, 1.0}},
        Field{"round_robin_advance_dist", &R::round_robin_advance_dist, "",
              "share by which the next episode starts further on", Range{-1e6, 1e6}},
        Field{"random_start", &R::random_start, "", "start anywhere along the centre line instead"},
        Field{"reverse_direction", &R::reverse_direction, "", "drive the route backwards"},
        Field{"alternate_driving_direction", &R::alternate_driving_direction, "",
              "change direction from episode to episode"},
        Field{"continuous", &R::continuous, "", "the next lap goes on where the last one ended"},
        Field{"number_of_resets", &R::number_of_resets, "",
              "times that a car is put back before its episode ends", Range{0, kMostInt}},
        Field{"off_track_penalty", &R::off_track_penalty, "s",
              "that such a car waits, also for driving backwards", kPenalty},
        Field{"max_steps", &R::max_steps, "", "after which it is truncated", Range{1, kMostInt}},
        Field{"traffic", &R::traffic, "", "what else is on the road"},
    };
  }
};

struct SimulatorOptions {
  int num_cars = 1, first_car = 0, cars_in_batch = 1, threads = 1;
  std::uint64_t seed = 0;
  SensorOptions sensors;
  int car_version = 5;
  bool asymmetric = false;
  InstructionSet instruction_set = instruction_sets().front();
  RaceRules rules;
  Randomization randomization;

  static constexpr auto fields() {
    using O = SimulatorOptions;
    return std::tuple{
        Field{"num_cars", &O::num_cars, "", "B; whole worlds", Range{1, kMostCars}},
        Field{"first_car", &O::first_car, "",
              "where they begin in a batch that several simulators drive, to the same bytes as if "
              "one did",
              Range{0, kMostInt - kMostCars}},
        Field{"cars_in_batch", &O::cars_in_batch, "", "of those simulators", Range{1, kMostInt}},
        Field{"threads", &O::threads, "", "worker threads", Range{1, kMostThreads}},
        Field{"seed", &O::seed, "", "of every random choice"},
        Field{"sensors", &O::sensors, "", "what each car carries"},
        Field{"car_version", &O::car_version, "",
              "version of model_metadata.json; selects the car's physics",
              Range{kFirstVersion, kLastVersion}},
        Field{"asymmetric", &O::asymmetric, "", "with the pull to the left that recordings show"},
        Field{"instruction_set", &O::instruction_set, "", "whichever: the same bytes"},
        Field{"rules", &O::rules, "", "of an episode"},
        Field{"randomization", &O::randomization, "", "what differs between episodes"},
    };
  }
};

// Throws std::invalid_argument unless the options fit together and to a track of that length (m),
// std::bad_alloc if this machine has no room for so many cars.
void check_options(const SimulatorOptions& options, double track_length);

}  // namespace deepracer_fast
