// Simulator: one track, a batch of cars on it, and the order of events in a step.
//
// A step takes one action per car and covers one control period (1/15 s). Its order is the
// original's (markov environments/deepracer_racetrack_env.py): the pose is read before the action
// moves the car, so the parameters and the status that a step returns describe the car where the
// action was chosen, and leaving the track shows one step later; the picture is the one after the
// motion. On request a car whose episode ends is seen twice: where its last action takes it, and
// then at its next start.
//
// Threads: each stage runs over contiguous ranges of whole worlds, which are single cars unless
// racers meet; a car writes its own rows and reads those of its world only, and every random number
// is a function of (seed, car, episode, draw), so the number of threads cannot change a result.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "base/turns.h"
#include "car/car_batch.h"
#include "car/vehicle_simd.h"
#include "rendering/ground.h"
#include "simulator/options.h"
#include "simulator/randomization.h"
#include "simulator/sensors.h"
#include "simulator/track_state.h"
#include "tracks/track.h"
#include "traffic/traffic.h"

namespace deepracer_fast {

class Simulator {
 public:
  Simulator(std::shared_ptr<const Track> track, std::shared_ptr<const Ground> ground,
            const SimulatorOptions& options);

  // Begins the first episode of every car, at time 0.
  void reset();
  // Begins episode `number` of every car, whatever they were doing; the clock goes on.
  void begin_episodes(std::uint32_t number);
  // actions: [B, 2] steering angle in degrees (left positive) and speed in m/s; finite.
  void step(std::span<const float> actions);
  // Puts cars at poses of base_link, at rest and with their steering at these angles, in an episode
  // that is ready to drive.
  void place(std::span<const std::int32_t> cars, std::span<const float> x, std::span<const float> y,
             std::span<const float> heading, std::span<const float> steering);
  // Puts the objects of cars at poses: location [cars, K, 2], heading [cars, K].
  void place_objects(std::span<const std::int32_t> cars, std::span<const float> location,
                     std::span<const float> heading);

  // Writes [B, kVehicleStateSize] numbers: x, y (m), heading (rad), speed (m/s), steering (rad).
  void write_vehicle_states(std::span<float> out) const;
  // Writes [B, K, 3] numbers: x, y (m) and heading (rad) of each car's objects.
  void write_object_poses(std::span<float> out) const;
  // Writes [B, kTrackStateSize] numbers of where the cars are now, after the last motion.
  void write_track_states(std::span<float> out);

  const CarBatch& cars() const { return cars_; }
  // [B, kTrackStateSize] as they were when the car ended an episode; empty unless the sensors keep
  // final observations.
  std::span<const float> final_track_states() const { return final_track_states_; }
  const Traffic& traffic() const { return traffic_; }
  const Sensors& sensors() const { return sensors_; }
  const Ground& ground() const { return *ground_; }
  // One caller at a time: who shares a simulator among threads holds this meanwhile.
  Turns& turns() { return turns_; }
  // Memory of one car beside what it observes.
  std::size_t bytes_per_car() {
    return cars_.bytes_per_car() + randomizer_.bytes_per_car() + traffic_.bytes_per_car() +
           sensors_.bytes_per_car() +
           final_track_states_.size() / static_cast<std::size_t>(cars_.num_cars) * sizeof(float);
  }

 private:
  // The stages of a step: for one car, or for the cars of a range where that is faster.
  void advance(int begin, int end, std::span<const float> actions);
  void observe(int car, float steering_deg, float speed);
  void judge(int car);
  void penalise_or_end(int car, Status violation);
  void move(int begin, int end);
  bool may_drive(int car);
  DriveOrder order(int car);
  void sense(int begin, int end);
  void sense_car(int car);
  void sense_finals(int begin, int end);
  void keep_final(int car);
  void write_track_state_of(int car, float progress, std::span<float> out) const;

  void meet_racers(int begin, int end);
  void begin_episode(int car, int known_racers);
  void restart_counters(int car);
  void put_back(int car, Status violation);
  void set_down(int car, Vec2 position, float heading);
  bool has_ended(int car) const { return cars_.terminated[car] || cars_.truncated[car]; }
  // Whether the lap that ended leads to the next one, in a continuous race.
  bool drives_on(int car) const {
    return options_.rules.continuous && cars_.status[car] == Status::kLapComplete;
  }
  void end_episode(int car);
  float progress_at(int car, float projection) const;
  double next_start(int car) const;
  std::uint64_t episode_number(int car) const;
  // Calls `job(begin, end)` with ranges of cars that hold whole worlds.
  template <typename Job>
  void for_worlds(const Job& job);
  int cars_per_world() const { return options_.rules.traffic.cars_per_world; }
  int car_number(int car) const { return options_.first_car + car; }  // in its batch
  const Track& track_of(int car) const;

  std::shared_ptr<const Track> track_;
  std::shared_ptr<const Track> reversed_track_;  // null unless a rule needs it
  std::shared_ptr<const Ground> ground_;
  SimulatorOptions options_;
  VehicleLaw vehicle_;
  CarBatch cars_;
  ThreadPool pool_;
  Randomizer randomizer_;
  Traffic traffic_;
  Sensors sensors_;
  std::vector<float> final_track_states_;
  std::vector<int> sense_order_;  // [B] room for each thread to sort its cars
  double time_ = 0.0;             // s since the first reset
  Turns turns_;
};

}  // namespace deepracer_fast
