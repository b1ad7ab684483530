// CarBatch: every per-car array, and the only state that a step changes.
//
// A struct of arrays: what is handed to Python is one contiguous array a quantity, and a thread
// that owns a range of cars touches its own stretch of each. The pose and the lags of a car are
// always read and written together, so they stay one record (VehicleState).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

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
  explicit CarBatch(int cars) : num_cars(cars) {
    visit([cars](auto& column, int width) {
      column.resize(static_cast<std::size_t>(cars) * static_cast<std::size_t>(width));
    });
  }

  // Memory of one car beside what it observes.
  std::size_t bytes_per_car() {
    std::size_t bytes = 0;
    visit([&bytes](auto& column, int width) {
      bytes += sizeof(column[0]) * static_cast<std::size_t>(width);
    });
    return bytes;
  }

  int num_cars;  // B

  // What a reward function reads, by its DeepRacer name.
  std::vector<std::uint8_t> all_wheels_on_track;  // [B] 1 if all four wheel centres are on the road
  std::vector<float> x, y;                        // [B] m, front point of the car
  std::vector<float> heading_deg;                 // [B] degrees in (-180, 180]
  std::vector<float> distance_from_center;        // [B] m, >= 0
  std::vector<float> projection_distance;         // [B] m along the centre line from waypoint 0
  std::vector<float> progress;                    // [B] % of a lap since the episode's start
  std::vector<float> steps;                       // [B] 1 in the step that prepares the car
  std::vector<float> speed_command;               // [B] m/s, as the action says, not clipped
  std::vector<float> steering_command_deg;        // [B] degrees, as the action says
  std::vector<float> track_width;                 // [B] m, at the nearest centre point
  std::vector<float> track_length;                // [B] m, the same for all
  std::vector<std::int32_t> closest_waypoints;    // [B, 2] behind and ahead along the centre line
  std::vector<std::uint8_t> is_left_of_center;    // [B]
  std::vector<std::uint8_t> is_reversed;          // [B] driving against the route's own direction
  std::vector<std::uint8_t> is_crashed;           // [B]
  std::vector<std::uint8_t> is_offtrack;          // [B] 1 if no wheel centre is on the road
  std::vector<double> sim_time;                   // [B] s of simulated time since the first reset

  // What a step did to the episode.
  std::vector<std::uint8_t> terminated;  // [B] a rule of the race ended it
  std::vector<std::uint8_t> truncated;   // [B] the limit of steps ended it
  std::vector<Status> status;            // [B]

  // Private to the simulator.
  std::vector<VehicleState> vehicle;        // [B]
  std::vector<Phase> phase;                 // [B]
  std::vector<double> start_ndist;          // [B] share of the track's length at the start
  std::vector<std::uint8_t> backwards;      // [B] this episode drives the route backwards
  std::vector<float> last_progress;         // [B] %
  std::vector<Vec2> last_position;          // [B] m, base_link one step earlier
  std::vector<std::int32_t> step_count;     // [B] steps of this episode
  std::vector<std::int32_t> still_steps;    // [B] RUN steps in a row without motion
  std::vector<std::int32_t> reverse_steps;  // [B] RUN steps in a row that lost progress
  std::vector<std::int32_t> resets_left;    // [B]
  std::vector<std::int32_t> pause_left;     // [B] steps of penalty to come
  std::vector<std::uint32_t> episode;       // [B] episodes begun before this one

 private:
  // Calls `visitor(column, width)` for every array below: [B], or [B, width].
  template <typename Visitor>
  void visit(const Visitor& visitor) {
    for (auto* flags : {&all_wheels_on_track, &is_left_of_center, &is_reversed, &is_crashed,
                        &is_offtrack, &terminated, &truncated, &backwards})
      visitor(*flags, 1);
    for (auto* floats :
         {&x, &y, &heading_deg, &distance_from_center, &projection_distance, &progress, &steps,
          &speed_command, &steering_command_deg, &track_width, &track_length, &last_progress})
      visitor(*floats, 1);
    for (auto* counters : {&step_count, &still_steps, &reverse_steps, &resets_left, &pause_left})
      visitor(*counters, 1);
    for (auto* doubles : {&sim_time, &start_ndist}) visitor(*doubles, 1);
    visitor(closest_waypoints, 2);
    visitor(status, 1);
    visitor(vehicle, 1);
    visitor(phase, 1);
    visitor(last_position, 1);
    visitor(episode, 1);
  }
};

}  // namespace deepracer_fast
