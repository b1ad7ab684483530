#include "simulator.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "random.h"

namespace deepracer_fast {
namespace {

// A car is stuck once its base_link moved no more than this for so many steps in a row, and drives
// backwards once it lost progress for so many (markov reset/rules, agent_ctrl/constants.py).
constexpr float kStillDistance = 0.0003f;  // m
constexpr int kPatience = 15;              // steps

constexpr std::uint32_t kStartDraw = 0;  // which random number of an episode is which

}  // namespace

Simulator::Simulator(std::shared_ptr<const Track> track, std::shared_ptr<const Ground> ground,
                     const SimulatorOptions& options)
    : track_(std::move(track)),
      ground_(std::move(ground)),
      options_(options),
      vehicle_(vehicle_params(options.car_version, options.asymmetric)),
      cars_(options.num_cars),
      pool_(options.num_threads),
      randomizer_(options.randomization, ground_->look(), options.seed, options.num_cars,
                  options.first_car) {
  if (options_.rules.reverse_direction || options_.rules.alternate_driving_direction)
    reversed_track_ = track_->reversed();
  if (options_.paint_camera) {
    pictures_.resize(static_cast<std::size_t>(options_.num_cars) * kPictureSize);
    paint_order_.resize(static_cast<std::size_t>(options_.num_cars));
  }
  reset();
}

void Simulator::reset() {
  time_ = 0.0;
  begin_episodes(0);
}

void Simulator::begin_episodes(std::uint32_t number) {
  pool_.parallel_for(cars_.num_cars, [this, number](int begin, int end) {
    for (int car = begin; car < end; ++car) {
      cars_.episode[car] = number;
      cars_.terminated[car] = cars_.truncated[car] = 0;
      cars_.status[car] = Status::kPrepare;
      begin_episode(car);
      observe(car, 0.0f, 0.0f);
    }
    paint(begin, end);
  });
}

void Simulator::step(std::span<const float> actions) {
  pool_.parallel_for(cars_.num_cars, [this, actions](int begin, int end) {
    for (int car = begin; car < end; car += kLanes)
      advance(car, std::min(car + kLanes, end), actions);
    paint(begin, end);
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
  move(begin, end);
}

void Simulator::place(std::span<const std::int32_t> cars, std::span<const float> x,
                      std::span<const float> y, std::span<const float> heading,
                      std::span<const float> steering) {
  for (std::size_t i = 0; i < cars.size(); ++i) {
    const int car = cars[i];
    cars_.vehicle[car] = {};
    cars_.vehicle[car].position = {x[i], y[i]};
    cars_.vehicle[car].heading = wrap_angle(heading[i]);
    cars_.vehicle[car].steering = steering[i];
    const float arc = track_of(car).locate({x[i], y[i]}).projection;
    cars_.start_ndist[car] = static_cast<double>(arc / track_of(car).length());
    restart_counters(car);
    if (randomizer_.is_on()) randomizer_.forget_poses(car, cars_.vehicle[car]);
    cars_.phase[car] = Phase::kRun;
    cars_.step_count[car] = 1;
    cars_.terminated[car] = cars_.truncated[car] = 0;
    cars_.status[car] = Status::kInProgress;
    observe(car, 0.0f, 0.0f);
    if (options_.paint_camera) paint_car(car);
  }
}

void Simulator::write_track_states(std::span<float> out) {
  pool_.parallel_for(cars_.num_cars, [this, out](int begin, int end) {
    for (int car = begin; car < end; ++car)
      write_track_state(track_of(car), cars_.vehicle[car], cars_.last_progress[car],
                        out.data() + static_cast<std::size_t>(car) * kTrackStateSize);
  });
}

// Where the car is: every parameter that its pose and its command determine.
void Simulator::observe(int car, float steering_deg, float speed) {
  const VehicleState& v = cars_.vehicle[car];
  const Vec2 along = direction(v.heading);
  const Vec2 front = offset(v.position, along, kFrontPoint, 0.0f);
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
}

// Share of the lap since the start, in percent. The wraps keep it continuous with the last value
// when the car crosses the start line in either direction (markov agent_ctrl/utils.py).
float Simulator::progress_at(int car, float projection) const {
  const double share =
      static_cast<double>(projection) / static_cast<double>(track_of(car).length());
  const auto since_start = static_cast<float>(100.0 * (share - cars_.start_ndist[car]));
  const float last = cars_.last_progress[car];
  float progress = since_start <= 0.0f ? since_start + 100.0f : since_start;
  if (last > progress + 50.0f) progress += 100.0f;
  if (progress > last + 50.0f) progress -= 100.0f;
  return std::min(progress, 100.0f);
}

// What the rules say of the pose just observed.
void Simulator::judge(int car) {
  cars_.terminated[car] = cars_.truncated[car] = 0;
  if (cars_.step_count[car] >= options_.rules.max_steps) {
    cars_.status[car] = Status::kTimeUp;
    cars_.truncated[car] = 1;
  } else if (cars_.phase[car] == Phase::kPrepare) {
    cars_.status[car] = Status::kPrepare;
  } else if (cars_.phase[car] == Phase::kPause) {
    cars_.status[car] = Status::kPause;
  } else {
    cars_.status[car] = violated_rule(car);
    if (cars_.status[car] == Status::kLapComplete)
      cars_.terminated[car] = 1;
    else if (cars_.status[car] != Status::kInProgress)
      penalise_or_end(car, cars_.status[car]);
  }
  cars_.last_progress[car] = cars_.progress[car];
  cars_.last_position[car] = cars_.vehicle[car].position;
}

// The first rule that holds, in the original's order of precedence.
Status Simulator::violated_rule(int car) {
  const float moved = distance(cars_.last_position[car], cars_.vehicle[car].position);
  cars_.still_steps[car] = moved <= kStillDistance ? cars_.still_steps[car] + 1 : 0;
  const bool lost_progress = cars_.progress[car] < cars_.last_progress[car];
  cars_.reverse_steps[car] = lost_progress ? cars_.reverse_steps[car] + 1 : 0;

  if (cars_.progress[car] >= 100.0f) return Status::kLapComplete;
  if (cars_.is_offtrack[car]) return Status::kOffTrack;
  if (cars_.still_steps[car] >= kPatience) return Status::kImmobilized;
  if (cars_.reverse_steps[car] >= kPatience) return Status::kReversed;
  return Status::kInProgress;
}

void Simulator::penalise_or_end(int car, Status violation) {
  if (cars_.resets_left[car] == 0) {
    cars_.terminated[car] = 1;
    return;
  }
  --cars_.resets_left[car];
  // The original has no penalty for a car that is stuck (markov evaluation_worker.py).
  const float penalty = violation == Status::kImmobilized ? 0.0f : options_.rules.off_track_penalty;
  put_back(car);
  cars_.phase[car] = Phase::kPause;
  cars_.pause_left[car] = static_cast<std::int32_t>(std::lround(penalty / kControlPeriod));
}

// Cars that drive do so side by side; the others begin an episode or wait.
void Simulator::move(int begin, int end) {
  std::array<DriveOrder, kLanes> orders;
  std::size_t drivers = 0;
  for (int car = begin; car < end; ++car) {
    const bool ended = cars_.terminated[car] || cars_.truncated[car];
    if (!(ended ? end_episode(car) : may_drive(car))) continue;
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
  const float grip = vehicle_.params.grip * (randomizer_.is_on() ? randomizer_.grip(car) : 1.0f);
  return {&cars_.vehicle[car],
          {radians(cars_.steering_command_deg[car]), cars_.speed_command[car]},
          grip};
}

// True if the car drives on in this very step: its next lap begins where the last one ended.
bool Simulator::end_episode(int car) {
  ++cars_.episode[car];
  if (!options_.rules.continuous || cars_.status[car] != Status::kLapComplete) {
    begin_episode(car);
    return false;
  }
  restart_counters(car);
  cars_.phase[car] = Phase::kRun;
  return true;
}

// Which way the car drives is a matter of its track alone: each way has a track of its own.
const Track& Simulator::track_of(int car) const {
  return cars_.backwards[car] ? *reversed_track_ : *track_;
}

// At rest on the centre line, heading along it, at the episode's start position.
void Simulator::begin_episode(int car) {
  const bool alternate = options_.rules.alternate_driving_direction && episode_number(car) % 2 == 1;
  cars_.backwards[car] = options_.rules.reverse_direction != alternate;
  cars_.start_ndist[car] = next_start(car);
  const float arc = static_cast<float>(cars_.start_ndist[car]) * track_of(car).length();
  cars_.vehicle[car] = {};
  cars_.vehicle[car].position = track_of(car).center_at(arc);
  cars_.vehicle[car].heading = track_of(car).heading_at(arc);
  restart_counters(car);
  cars_.phase[car] = Phase::kPrepare;
  if (!randomizer_.is_on()) return;
  randomizer_.begin_episode(car, cars_.episode[car]);
  randomizer_.forget_poses(car, cars_.vehicle[car]);
}

void Simulator::restart_counters(int car) {
  cars_.step_count[car] = 0;
  cars_.last_progress[car] = 0.0f;
  cars_.last_position[car] = cars_.vehicle[car].position;
  cars_.still_steps[car] = cars_.reverse_steps[car] = 0;
  cars_.resets_left[car] = options_.rules.number_of_resets;
  cars_.pause_left[car] = 0;
}

// Numbers the episodes of all cars of the batch as if they were driven one after the other.
std::uint64_t Simulator::episode_number(int car) const {
  return static_cast<std::uint64_t>(options_.first_car + car) +
         std::uint64_t{cars_.episode[car]} * static_cast<std::uint64_t>(options_.cars_in_batch);
}

// Share of the track's length, in the direction of driving, where the car's next episode starts.
double Simulator::next_start(int car) const {
  const RaceRules& rules = options_.rules;
  if (!track_->is_loop()) return rules.start_position;  // from elsewhere there is no whole lap
  if (rules.random_start)
    return uniform(options_.seed, static_cast<std::uint32_t>(options_.first_car + car),
                   cars_.episode[car], kStartDraw);
  const auto number = static_cast<double>(episode_number(car));
  const double start = rules.start_position + rules.round_robin_advance_dist * number;
  return start - std::floor(start);
}

// After a violation: at rest where the last progress was made, on the nearer lane.
void Simulator::put_back(int car) {
  const float arc = cars_.projection_distance[car];
  const Vec2 lane = track_of(car).lane_at(arc, cars_.vehicle[car].position);
  cars_.vehicle[car] = {};
  cars_.vehicle[car].position = lane;
  cars_.vehicle[car].heading = track_of(car).heading_at(arc);
  cars_.still_steps[car] = cars_.reverse_steps[car] = 0;
  if (randomizer_.is_on()) randomizer_.forget_poses(car, cars_.vehicle[car]);
}

// In the order of the track: cars near each other see the same ground, which then still lies in the
// cache (a fifth to a third of the time at 1,024 cars).
void Simulator::paint(int begin, int end) {
  if (!options_.paint_camera) return;
  const auto first = paint_order_.begin() + begin;
  const auto last = paint_order_.begin() + end;
  std::iota(first, last, begin);
  std::sort(first, last, [this](int a, int b) {
    return cars_.projection_distance[a] < cars_.projection_distance[b];
  });
  std::for_each(first, last, [this](int car) { paint_car(car); });
}

void Simulator::paint_car(int car) {
  const VehicleState& v = cars_.vehicle[car];
  std::uint8_t* picture = pictures_.data() + static_cast<std::size_t>(car) * kPictureSize;
  if (randomizer_.is_on())
    randomizer_.paint(car, cars_.step_count[car], v, *ground_, picture);
  else
    camera_.render(*ground_, v.position.x, v.position.y, v.heading, picture, nullptr,
                   options_.instruction_set);
}

}  // namespace deepracer_fast
