// CarBatch: every per-car array, and the only state that a step changes.
//
// A struct of arrays: what is handed to Python is one contiguous array a quantity, and a thread
// that owns a range of cars touches its own stretch of each. The pose and the lags of a car are
// always read and written together, so they stay one record (VehicleState). A table names the
// arrays by their owners: reward parameters, outcomes, state; deepracer_fast.reward.params_table
// and the Numba engine's records are made of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "base/fields.h"
#include "car/vehicle.h"

namespace deepracer_fast {

// What the rules made of a car's step; the words and their order are the original's
// (markov metrics/constants.py).
enum class Status : std::uint8_t {
  kLapComplete,
  kCrashed,
  kOffTrack,
  kInProgress,
  kImmobilized,
  kTimeUp,
  kPause,
  kReversed,
  kPark,
  kPrepare,
};
inline constexpr const char* kStatusNames[] = {
    "lap_complete", "crashed", "off_track", "in_progress", "immobilized",
    "time_up",      "pause",   "reversed",  "park",        "prepare"};

// Where a car is in its episode. Nobody drives while preparing or pausing.
enum class Phase : std::uint8_t { kPrepare, kRun, kPause };

struct CarBatch {
  int num_cars;  // B
  std::vector<std::uint8_t> all_wheels_on_track, is_left_of_center, is_reversed, is_crashed,
      is_offtrack, terminated, truncated, backwards;
  std::vector<float> x, y, heading_deg, distance_from_center, projection_distance, progress, steps,
      speed_command, steering_command_deg, track_width, track_length, last_progress;
  std::vector<double> sim_time, start_ndist;
  std::vector<std::int32_t> closest_waypoints, step_count, still_steps, reverse_steps, resets_left,
      pause_left;
  std::vector<std::uint32_t> episode;
  std::vector<Status> status;
  std::vector<Phase> phase;
  std::vector<VehicleState> vehicle;
  std::vector<Vec2> last_position;

  // What a reward function reads, by its DeepRacer name.
  static constexpr auto params() {
    using C = CarBatch;
    return std::tuple{
        Column{"all_wheels_on_track", &C::all_wheels_on_track, "",
               "all four wheel centres are on the road"},
        Column{"x", &C::x, "m", "front point of the car, 0.14 m ahead of base_link"},
        Column{"y", &C::y, "m", "front point of the car, 0.14 m ahead of base_link"},
        Column{"heading", &C::heading_deg, "deg", "yaw in (-180, 180], 0 along +x, left positive"},
        Column{"distance_from_center", &C::distance_from_center, "m",
               "front point to centre line, unsigned"},
        Column{"projection_distance", &C::projection_distance, "m",
               "along the centre line from waypoint 0"},
        Column{"progress", &C::progress, "%", "of the lap since the start of the episode, to 100"},
        Column{"steps", &C::steps, "steps", "in this episode; the first call sees 2.0"},
        Column{"speed", &C::speed_command, "m/s", "commanded, not measured"},
        Column{"steering_angle", &C::steering_command_deg, "deg", "commanded, left positive"},
        Column{"track_width", &C::track_width, "m", "border to border at the car"},
        Column{"track_length", &C::track_length, "m", "of the centre line"},
        Column{"closest_waypoints", &C::closest_waypoints, "", "waypoints behind and ahead", 2},
        Column{"is_left_of_center", &C::is_left_of_center, "",
               "front point is left of the centre line"},
        Column{"is_reversed", &C::is_reversed, "", "driven against the track's usual direction"},
        Column{"is_crashed", &C::is_crashed, "", "the car ran into an object"},
        Column{"is_offtrack", &C::is_offtrack, "", "no wheel centre is on the road"},
        Column{"sim_time", &C::sim_time, "s", "simulated clock"},
    };
  }

  // What a step did to the episode.
  static constexpr auto outcomes() {
    using C = CarBatch;
    return std::tuple{
        Column{"terminated", &C::terminated, "", "a rule of the race ended it"},
        Column{"truncated", &C::truncated, "", "the limit of steps ended it"},
        Column{"status", &C::status, "", "what the rules made of the step"},
    };
  }

  // Private to the simulator.
  static constexpr auto state() {
    using C = CarBatch;
    return std::tuple{
        Column{"vehicle", &C::vehicle, "", "pose, motion and lags"},
        Column{"phase", &C::phase, "", "where the car is in its episode"},
        Column{"start_ndist", &C::start_ndist, "", "share of the track's length at the start"},
        Column{"backwards", &C::backwards, "", "this episode drives the route backwards"},
        Column{"last_progress", &C::last_progress, "%", "one step earlier"},
        Column{"last_position", &C::last_position, "m", "base_link one step earlier"},
        Column{"step_count", &C::step_count, "steps", "of this episode"},
        Column{"still_steps", &C::still_steps, "steps", "RUN in a row without motion"},
        Column{"reverse_steps", &C::reverse_steps, "steps", "RUN in a row that lost progress"},
        Column{"resets_left", &C::resets_left, "", "times that it may still be put back"},
        Column{"pause_left", &C::pause_left, "steps", "of penalty to come"},
        Column{"episode", &C::episode, "", "episodes begun before this one"},
    };
  }

  static constexpr auto columns() { return std::tuple_cat(params(), outcomes(), state()); }

  explicit CarBatch(int cars) : num_cars(cars) { resize_columns(*this, columns(), cars); }

  // Memory of one car beside what it observes.
  std::size_t bytes_per_car() const {
    return bytes_of_columns(*this, columns()) / static_cast<std::size_t>(num_cars);
  }
};
// No array is missing from the table.
static_assert(sizeof(CarBatch) ==
              sizeof(std::vector<int>) * std::tuple_size_v<decltype(CarBatch::columns())> +
                  sizeof(void*));

}  // namespace deepracer_fast
