// The order of events in a step: see simulator.h.
#include "simulator/simulator.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "base/random.h"

namespace deepracer_fast {
namespace {

constexpr std::uint32_t kStartDraw = 0;  // which random number of an episode is which

// Racers of one world start so far behind each other (markov track_geom/constants.py).
constexpr double kStartOffset = 0.75;  // m

SeededCars batch_of(const SimulatorOptions& options) {
  return {options.seed, options.num_cars, options.first_car};
}

std::shared_ptr<const Track> reversed_if_needed(const Track& track, const RaceRules& rules) {
  const bool needed = rules.reverse_direction || rules.alternate_driving_direction;
  return needed ? track.reversed() : nullptr;
}

// A car is stuck once its base_link moved no more than this for so many steps in a row, and drives
// backwards once it lost progress for so many (markov reset/rules, agent_ctrl/constants.py).
constexpr float kStillDistance = 0.0003F;  // m
constexpr int kPatience = 15;              // steps

// The first rule that holds of those that end an episode or cost a penalty, in the original's order
// of precedence.
Status violated_rule(CarBatch& cars, int car) {
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

}  // namespace

Simulator::Simulator(std::shared_ptr<const Track> track, std::shared_ptr<const Ground> ground,
                     const SimulatorOptions& options)
    : track_(std::move(track)),
      reversed_track_(reversed_if_needed(*track_, options.rules)),
      ground_(std::move(ground)),
      options_(options),
      vehicle_(vehicle_params(options.car_version, options.asymmetric)),
      cars_(options.num_cars),
      pool_(options.threads),
      randomizer_(options.randomization, ground_->look(), batch_of(options)),
      traffic_(options.rules.traffic, track_, reversed_track_, batch_of(options)),
      sensors_(options.sensors, *ground_, batch_of(options), options.instruction_set),
      sense_order_(static_cast<std::size_t>(options.num_cars)) {
  if (options.sensors.final_observations)
    final_track_states_.resize(static_cast<std::size_t>(options.num_cars) * kTrackStateSize);
  reset();
}

template <typename Job>
void Simulator::for_worlds(const Job& job) {
  const int size = cars_per_world();
  pool_.parallel_for(cars_.num_cars / size,
                     [&job, size](int begin, int end) { job(begin * size, end * size); });
}

void Simulator::reset() {
  time_ = 0.0;
  begin_episodes(0);
}

void Simulator::begin_episodes(std::uint32_t number) {
  for_worlds([this, number](int begin, int end) {
    for (int car = begin; car < end; ++car) {
      cars_.episode[car] = number;
      cars_.terminated[car] = cars_.truncated[car] = 0;
      cars_.status[car] = Status::kPrepare;
      // Of its rivals, those before it in the batch have been placed already.
      begin_episode(car, car % cars_per_world());
    }
    meet_racers(begin, end);
    for (int car = begin; car < end; ++car) {
      observe(car, 0.0F, 0.0F);
      cars_.is_crashed[car] = 0;
    }
    sense(begin, end);
  });
}

void Simulator::step(std::span<const float> actions) {
  // As many cars at a time as fill the lanes of a vector, in whole worlds.
  const int chunk = cars_per_world() * ((kCarsTogether - 1) / cars_per_world() + 1);
  for_worlds([this, actions, chunk](int begin, int end) {
    for (int car = begin; car < end; car += chunk)
      advance(car, std::min(car + chunk, end), actions);
    sense(begin, end);
    // A lap that leads to the next one ends with what the next one begins with.
    if (options_.sensors.final_observations)
      for (int car = begin; car < end; ++car)
        if (has_ended(car) && drives_on(car)) keep_final(car);
  });
  time_ += kControlPeriod;
}

// One step of the cars of a range, but for what they see.
void Simulator::advance(int begin, int end, std::span<const float> actions) {
  for (int car = begin; car < end; ++car) {
    ++cars_.step_count[car];
    observe(car, actions[2 * car], actions[2 * car + 1]);
    judge(car);
  }
  if (options_.sensors.final_observations)
    for (int car = begin; car < end; car += cars_per_world())
      sense_finals(car, car + cars_per_world());
  // Before any of them drives: whoever begins anew looks where its rivals are.
  for (int car = begin; car < end; ++car)
    if (has_ended(car)) end_episode(car);
  move(begin, end);
  meet_racers(begin, end);
}

void Simulator::place(std::span<const std::int32_t> cars, std::span<const float> x,
                      std::span<const float> y, std::span<const float> heading,
                      std::span<const float> steering) {
  for (std::size_t i = 0; i < cars.size(); ++i) {
    const int car = cars[i];
    set_down(car, {x[i], y[i]}, wrap_angle(heading[i]));
    cars_.vehicle[car].steering = steering[i];
    const float arc = track_of(car).locate({x[i], y[i]}).projection;
    cars_.start_ndist[car] = static_cast<double>(arc / track_of(car).length());
    restart_counters(car);
    cars_.phase[car] = Phase::kRun;
    cars_.step_count[car] = 1;
    cars_.terminated[car] = cars_.truncated[car] = 0;
    cars_.status[car] = Status::kInProgress;
  }
  meet_racers(0, cars_.num_cars);
  for (const int car : cars) {
    observe(car, 0.0F, 0.0F);
    sense_car(car);
  }
}

void Simulator::place_objects(std::span<const std::int32_t> cars, std::span<const float> location,
                              std::span<const float> heading) {
  const auto k = static_cast<std::size_t>(traffic_.num_objects());
  for (std::size_t i = 0; i < cars.size(); ++i) {
    const int car = cars[i];
    traffic_.place(car, location.subspan(2 * k * i, 2 * k), heading.subspan(k * i, k));
    observe(car, cars_.steering_command_deg[car], cars_.speed_command[car]);
    sensors_.forget(car);
    sense_car(car);
  }
}

void Simulator::write_vehicle_states(std::span<float> out) const {
  float* row = out.data();
  for (const VehicleState& vehicle : cars_.vehicle) row = write_state(vehicle, row);
}

void Simulator::write_object_poses(std::span<float> out) const {
  float* next = out.data();
  for (int car = 0; car < cars_.num_cars; ++car)
    for (const Object& object : traffic_.objects(car))
      for (const float value : {object.position.x, object.position.y, angle_of(object.along)})
        *next++ = value;
}

void Simulator::write_track_states(std::span<float> out) {
  pool_.parallel_for(cars_.num_cars, [this, out](int begin, int end) {
    for (int car = begin; car < end; ++car)
      write_track_state_of(car, cars_.last_progress[car], out);
  });
}

// Into the car's row of `out`.
void Simulator::write_track_state_of(int car, float progress, std::span<float> out) const {
  write_track_state(track_of(car), cars_.vehicle[car], progress, traffic_.objects(car),
                    out.data() + static_cast<std::size_t>(car) * kTrackStateSize);
}

// Where the car is: every parameter that its pose and its command determine.
void Simulator::observe(int car, float steering_deg, float speed) {
  const VehicleState& v = cars_.vehicle[car];
  const Vec2 along = direction(v.heading);
  const Vec2 front = offset(v.position, along, kFrontPoint, 0.0F);
  const TrackPoint at = track_of(car).locate(front);

  const bool wheels[] = {
      track_of(car).on_road(offset(v.position, along, kRearAxle, kHalfRearTrack)),
      track_of(car).on_road(offset(v.position, along, kFrontAxle, kHalfFrontTrack)),
      track_of(car).on_road(offset(v.position, along, kRearAxle, -kHalfRearTrack)),
      track_of(car).on_road(offset(v.position, along, kFrontAxle, -kHalfFrontTrack)),
  };
  cars_.all_wheels_on_track[car] = wheels[0] && wheels[1] && wheels[2] && wheels[3];
  cars_.is_offtrack[car] = !(wheels[0] || wheels[1] || wheels[2] || wheels[3]);
  cars_.x[car] = front.x;
  cars_.y[car] = front.y;
  cars_.heading_deg[car] = degrees(v.heading);
  cars_.distance_from_center[car] = at.distance_from_center;
  cars_.projection_distance[car] = at.projection;
  cars_.progress[car] = progress_at(car, at.projection);
  cars_.steps[car] = static_cast<float>(cars_.step_count[car]);
  cars_.speed_command[car] = speed;
  cars_.steering_command_deg[car] = steering_deg;
  cars_.track_width[car] = at.width;
  cars_.track_length[car] = track_of(car).length();
  cars_.closest_waypoints[2 * car] = at.prev_waypoint;
  cars_.closest_waypoints[2 * car + 1] = at.next_waypoint;
  cars_.is_left_of_center[car] = at.nearer_inner != !track_of(car).is_counter_clockwise();
  cars_.is_reversed[car] = cars_.backwards[car];
  cars_.sim_time[car] = time_;
  if (traffic_.is_on()) cars_.is_crashed[car] = traffic_.observe(car, v, at.projection);
}

// Share of the lap since the start, in percent. The wraps keep it continuous with the last value
// when the car crosses the start line in either direction (markov agent_ctrl/utils.py).
float Simulator::progress_at(int car, float projection) const {
  const double share =
      static_cast<double>(projection) / static_cast<double>(track_of(car).length());
  const auto since_start = static_cast<float>(100.0 * (share - cars_.start_ndist[car]));
  const float last = cars_.last_progress[car];
  float progress = since_start <= 0.0F ? since_start + 100.0F : since_start;
  if (last > progress + 50.0F) progress += 100.0F;
  if (progress > last + 50.0F) progress -= 100.0F;
  return std::min(progress, 100.0F);
}

// What the rules say of the pose just observed.
void Simulator::judge(int car) {
  cars_.terminated[car] = cars_.truncated[car] = 0;
  if (cars_.step_count[car] >= options_.rules.max_steps) {
    cars_.status[car] = Status::kTimeUp;
    cars_.truncated[car] = 1;
  } else if (cars_.phase[car] == Phase::kPrepare) {
    cars_.status[car] = Status::kPrepare;
    cars_.is_crashed[car] = 0;
  } else if (cars_.phase[car] == Phase::kPause) {
    cars_.status[car] = Status::kPause;
    cars_.is_crashed[car] = 0;
  } else {
    cars_.status[car] = violated_rule(cars_, car);
    if (cars_.status[car] == Status::kLapComplete)
      cars_.terminated[car] = 1;
    else if (cars_.status[car] != Status::kInProgress)
      penalise_or_end(car, cars_.status[car]);
  }
  cars_.last_progress[car] = cars_.progress[car];
  cars_.last_position[car] = cars_.vehicle[car].position;
}

void Simulator::penalise_or_end(int car, Status violation) {
  if (cars_.resets_left[car] == 0) {
    cars_.terminated[car] = 1;
    return;
  }
  --cars_.resets_left[car];
  // The original has no penalty for a car that is stuck (markov evaluation_worker.py).
  float penalty = options_.rules.off_track_penalty;
  if (violation == Status::kImmobilized) penalty = 0.0F;
  if (violation == Status::kCrashed) penalty = options_.rules.traffic.collision_penalty;
  put_back(car, violation);
  cars_.phase[car] = Phase::kPause;
  cars_.pause_left[car] = static_cast<std::int32_t>(std::lround(penalty / kControlPeriod));
}

// Cars that drive do so side by side; the others begin an episode or wait. Bots drive on, but for a
// car that is being prepared.
void Simulator::move(int begin, int end) {
  std::array<DriveOrder, kCarsTogether> orders;
  std::size_t drivers = 0;
  for (int car = begin; car < end; ++car) {
    if (has_ended(car) && cars_.phase[car] == Phase::kPrepare) continue;  // begins anew
    if (traffic_.is_on() && cars_.phase[car] != Phase::kPrepare) traffic_.move(car);
    if (!may_drive(car)) continue;
    orders[drivers++] = order(car);
    if (drivers < orders.size()) continue;
    drive_together(orders, vehicle_, options_.instruction_set);
    drivers = 0;
  }
  drive_together({orders.data(), drivers}, vehicle_, options_.instruction_set);
}

// Whether the action moves the car: not while it is being prepared or serves a penalty.
bool Simulator::may_drive(int car) {
  const bool drives = cars_.phase[car] == Phase::kRun;
  const bool waits = cars_.phase[car] == Phase::kPause && --cars_.pause_left[car] > 0;
  if (!waits) cars_.phase[car] = Phase::kRun;
  return drives;
}

DriveOrder Simulator::order(int car) {
  const VehicleCommand asked{radians(cars_.steering_command_deg[car]), cars_.speed_command[car]};
  const float grip = vehicle_.params.grip;
  if (!randomizer_.is_on()) return {&cars_.vehicle[car], asked, grip};
  return {&cars_.vehicle[car], randomizer_.obeyed(car, asked), grip * randomizer_.grip(car)};
}

// In a continuous race the next lap begins where the last one ended, in this very step.
void Simulator::end_episode(int car) {
  ++cars_.episode[car];
  if (!drives_on(car)) return begin_episode(car, traffic_.num_objects());
  restart_counters(car);
  cars_.phase[car] = Phase::kRun;
}

// Which way the car drives is a matter of its track alone: each way has a track of its own.
const Track& Simulator::track_of(int car) const {
  return cars_.backwards[car] ? *reversed_track_ : *track_;
}

// At rest on the centre line, heading along it, at the episode's start position, or in a lane if an
// object stands near: one of its own, or one of the first `known_racers` others of its world.
void Simulator::begin_episode(int car, int known_racers) {
  const bool alternate = options_.rules.alternate_driving_direction && episode_number(car) % 2 == 1;
  cars_.backwards[car] = options_.rules.reverse_direction != alternate;
  cars_.start_ndist[car] = next_start(car);
  const float arc = static_cast<float>(cars_.start_ndist[car]) * track_of(car).length();
  if (randomizer_.is_on()) randomizer_.begin_episode(car, cars_.episode[car]);
  LanePose start = {track_of(car).center_at(arc), track_of(car).heading_at(arc)};
  if (traffic_.is_on()) {
    traffic_.begin_episode(car, cars_.episode[car], cars_.backwards[car] != 0);
    meet_racers(car, car + 1);
    start =
        traffic_.start_at(car, arc, traffic_.has_racers() ? known_racers : traffic_.num_objects());
  }
  set_down(car, start.position, start.heading);
  restart_counters(car);
  cars_.phase[car] = Phase::kPrepare;
}

// At rest somewhere else.
void Simulator::set_down(int car, Vec2 position, float heading) {
  cars_.vehicle[car] = {};
  cars_.vehicle[car].position = position;
  cars_.vehicle[car].heading = heading;
  sensors_.forget(car);
  if (randomizer_.is_on()) randomizer_.forget_poses(car, cars_.vehicle[car]);
}

// Cars of one world see each other where they are now.
void Simulator::meet_racers(int begin, int end) {
  if (!traffic_.has_racers()) return;
  for (int car = begin; car < end; ++car) traffic_.meet_racers(car, cars_.vehicle);
}

void Simulator::restart_counters(int car) {
  cars_.step_count[car] = 0;
  cars_.last_progress[car] = 0.0F;
  cars_.last_position[car] = cars_.vehicle[car].position;
  cars_.still_steps[car] = cars_.reverse_steps[car] = 0;
  cars_.resets_left[car] = options_.rules.number_of_resets;
  cars_.pause_left[car] = 0;
}

// Numbers the episodes of all worlds of the batch as if they were driven one after the other.
std::uint64_t Simulator::episode_number(int car) const {
  const int size = cars_per_world();
  return static_cast<std::uint64_t>(car_number(car) / size) +
         std::uint64_t{cars_.episode[car]} *
             static_cast<std::uint64_t>(options_.cars_in_batch / size);
}

// Share of the track's length, in the direction of driving, where the car's next episode starts.
double Simulator::next_start(int car) const {
  const RaceRules& rules = options_.rules;
  if (!track_->is_loop()) return rules.start_position;  // from elsewhere there is no whole lap
  const int world = car_number(car) / cars_per_world();
  const double behind = kStartOffset * (car % cars_per_world()) / double{track_->length()};
  double start = rules.start_position +
                 rules.round_robin_advance_dist * static_cast<double>(episode_number(car));
  if (rules.random_start)
    start = double{
        uniform(options_.seed, static_cast<std::uint32_t>(world), cars_.episode[car], kStartDraw)};
  start -= behind;
  return start - std::floor(start);
}

// After a violation: at rest where the last progress was made, on the nearer lane; after a crash
// before the object and on the other lane.
void Simulator::put_back(int car, Status violation) {
  const float arc = cars_.projection_distance[car];
  LanePose pose = {track_of(car).lane_at(arc, cars_.vehicle[car].position),
                   track_of(car).heading_at(arc)};
  if (violation == Status::kCrashed) pose = traffic_.put_back_at(car);
  set_down(car, pose.position, pose.heading);
  cars_.still_steps[car] = cars_.reverse_steps[car] = 0;
}

// What every car of a range sees where it is now. In the order of the track: cars near each other
// see the same ground, which then still lies in the cache (a fifth to a third of the time at 1,024
// cars).
void Simulator::sense(int begin, int end) {
  if (!sensors_.options().any()) return;
  const auto first = sense_order_.begin() + begin;
  const auto last = sense_order_.begin() + end;
  std::iota(first, last, begin);
  if (sensors_.options().camera != CameraSensor::kNone)
    std::sort(first, last, [this](int a, int b) {
      return cars_.projection_distance[a] < cars_.projection_distance[b];
    });
  std::for_each(first, last, [this](int car) { sense_car(car); });
}

void Simulator::sense_car(int car) {
  sensors_.sense(
      car, {cars_.vehicle[car], traffic_.objects(car), cars_.episode[car], cars_.step_count[car]},
      *ground_, randomizer_);
}

// What cars of one world see last whose episodes have ended and who will begin anew: where this
// step takes them, in the world as it is then. After it everyone stands again where the step began;
// what else it changed of cars, bots and sensors, the new episode sets anew.
void Simulator::sense_finals(int begin, int end) {
  const auto leaves = [this](int car) { return has_ended(car) && !drives_on(car); };
  int leaving = 0;
  for (int car = begin; car < end; ++car) leaving += leaves(car);
  if (leaving == 0) return;

  struct Stand {
    VehicleState vehicle;
    Phase phase;
    std::int32_t pause_left;
  };
  std::array<Stand, kMaxObjects + 1> before;
  for (int car = begin; car < end; ++car)
    before[car - begin] = {cars_.vehicle[car], cars_.phase[car], cars_.pause_left[car]};
  move(begin, end);
  meet_racers(begin, end);
  for (int car = begin; car < end; ++car) {
    if (!leaves(car)) continue;
    sense_car(car);
    keep_final(car);
  }
  for (int car = begin; car < end; ++car) {
    cars_.vehicle[car] = before[car - begin].vehicle;
    cars_.phase[car] = before[car - begin].phase;
    cars_.pause_left[car] = before[car - begin].pause_left;
  }
}

void Simulator::keep_final(int car) {
  sensors_.keep_final(car);
  // The last progress is that of the next lap already if the car drives on.
  write_track_state_of(car, cars_.progress[car], final_track_states_);
}

}  // namespace deepracer_fast
