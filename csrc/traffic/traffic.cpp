// Places, moves and judges the objects of every car: see traffic.h.
#include "traffic/traffic.h"

namespace deepracer_fast {
namespace {

// No obstacle or bot of a fixed or random layout stands nearer to the end of the lap, and a car
// does not start on the lane of an object that is nearer than this (markov
// agent_ctrl/constants.py).
constexpr float kEndMargin = 1.0F;  // m
// Less than the margin, so that rounding has no say about the last object of a fixed layout.
constexpr float kStartDistance = 0.999F;  // m

// Which random number of an episode is which; the simulator's and the Randomizer's lie below.
enum Draw : std::uint32_t {
  kPlaceDraw = 0x40000000,  // and on: one an object
  kLaneDraw = 0x40000100,
  kFirstChangeDraw = 0x40000200,
  kChangeDraw = 0x40000300,  // and on: one a lane change
};

}  // namespace

int num_objects(const TrafficRules& rules) {
  switch (rules.race_type) {
    case RaceType::kObjectAvoidance:
      return rules.number_of_obstacles;
    case RaceType::kHeadToBot:
      return rules.number_of_bot_cars;
    case RaceType::kHeadToModel:
      return rules.cars_per_world - 1;
    default:
      return 0;
  }
}

Traffic::Traffic(const TrafficRules& rules, std::shared_ptr<const Track> forwards,
                 std::shared_ptr<const Track> backwards, const SeededCars& batch)
    : rules_(rules),
      forwards_(std::move(forwards)),
      backwards_(std::move(backwards)),
      batch_(batch),
      num_objects_(deepracer_fast::num_objects(rules)),
      moves_(rules.race_type != RaceType::kObjectAvoidance) {
  if (!is_on()) return;
  lanes_.emplace_back(*forwards_);
  if (backwards_) lanes_.emplace_back(*backwards_);
  const auto cars = static_cast<std::size_t>(batch.num_cars);
  const std::size_t n = cars * static_cast<std::size_t>(num_objects_);
  cars_.resize(cars);
  objects_.resize(n);
  located_.resize(n);
  if (rules.race_type == RaceType::kHeadToBot) bots_.resize(n);
  resize_columns(columns_, ObjectColumns::params(), batch.num_cars, num_objects_);
  keep_fixed_layouts();
}

std::size_t Traffic::bytes_per_car() const {
  if (!is_on()) return 0;
  const std::size_t each = sizeof(Object) + sizeof(Located) + (bots_.empty() ? 0 : sizeof(Bot));
  return sizeof(CarRecord) + static_cast<std::size_t>(num_objects_) * each +
         bytes_of_columns(columns_, ObjectColumns::params()) / cars_.size();
}

// Obstacles that stand in one place from episode to episode are placed once, with the first car.
void Traffic::keep_fixed_layouts() {
  if (moves_ || rules_.randomize_obstacle_locations || rules_.shrinking_obstacle_distance) return;
  for (std::size_t direction = 0; direction < lanes_.size(); ++direction) {
    cars_[0].is_backwards = direction == 1;
    place_obstacles(0);
    fixed_objects_.insert(fixed_objects_.end(), objects_.begin(), objects_.begin() + num_objects_);
    fixed_located_.insert(fixed_located_.end(), located_.begin(), located_.begin() + num_objects_);
  }
}

float Traffic::draw(int car, std::uint32_t number) const {
  return batch_.uniform(car, cars_[car].episode, number);
}

// Metres along the centre line from one arc length to another, the shorter way round.
float Traffic::gap_ahead(float from, float to) const {
  float gap = to - from;
  if (!forwards_->is_loop()) return gap;
  const float length = forwards_->length();
  if (gap > 0.5F * length) gap -= length;
  if (gap <= -0.5F * length) gap += length;
  return gap;
}

void Traffic::begin_episode(int car, std::uint32_t episode, bool is_backwards) {
  cars_[car] = {.episode = episode, .is_backwards = is_backwards};
  if (rules_.race_type == RaceType::kHeadToBot) place_bots(car);
  if (rules_.race_type != RaceType::kObjectAvoidance) return;
  if (fixed_objects_.empty()) return place_obstacles(car);
  const int from = is_backwards ? num_objects_ : 0;
  std::copy_n(fixed_objects_.begin() + from, num_objects_, objects_.begin() + first(car));
  std::copy_n(fixed_located_.begin() + from, num_objects_, located_.begin() + first(car));
}

// Arc lengths of the car's objects between `low` and the end of the lap: evenly spaced, or drawn
// so that none is nearer to another than `gap`.
void Traffic::spread(int car, float low, float gap, bool at_random, std::span<float> arcs) const {
  const auto count = static_cast<int>(arcs.size());
  const float span = std::max(track_of(car).length() - kEndMargin - low, 0.0F);
  const float free = std::max(span - static_cast<float>(count - 1) * gap, 0.0F);
  for (int k = 0; k < count; ++k) {
    const float even = count > 1 ? span * static_cast<float>(k) / static_cast<float>(count - 1) : 0;
    arcs[k] = at_random ? free * draw(car, kPlaceDraw + static_cast<std::uint32_t>(k)) : even;
  }
  if (at_random) {
    std::sort(arcs.begin(), arcs.end());
    for (int k = 0; k < count; ++k) arcs[k] += static_cast<float>(k) * gap;
  }
  for (float& arc : arcs) arc += low;
}

void Traffic::place_obstacles(int car) {
  const float length = track_of(car).length();
  std::array<float, kMaxObjects> arcs;
  const float scale = 0.01F * length;
  float gap = rules_.min_distance_between_obstacles * scale;
  if (rules_.shrinking_obstacle_distance)
    gap *= std::pow(std::min(scale, 1.0F), static_cast<float>(cars_[car].episode));
  spread(car, gap, gap, rules_.randomize_obstacle_locations,
         {arcs.data(), static_cast<std::size_t>(num_objects_)});
  const bool is_given = !rules_.object_distances.empty() && !rules_.randomize_obstacle_locations;
  for (int k = 0; k < num_objects_; ++k) {
    Lane lane = k % 2 == 0 ? Lane::kInner : Lane::kOuter;
    if (rules_.randomize_obstacle_locations)
      lane =
          draw(car, kLaneDraw + static_cast<std::uint32_t>(k)) < 0.5F ? Lane::kInner : Lane::kOuter;
    if (is_given) {
      arcs[k] = rules_.object_distances[k] * length;
      lane = static_cast<Lane>(rules_.object_lanes[k]);
    }
    const LanePose pose = lanes_of(car).parked_at(lane, arcs[k]);
    const ObjectKind kind = rules_.is_obstacle_bot_car ? ObjectKind::kCar : ObjectKind::kBox;
    objects_[first(car) + k] = {pose.position, direction(pose.heading), 0.0F, kind};
    located_[first(car) + k] = locate(car, pose.position);
  }
}

void Traffic::place_bots(int car) {
  std::array<float, kMaxObjects> arcs;
  spread(car, rules_.min_distance_between_bot_cars, rules_.min_distance_between_bot_cars,
         rules_.randomize_bot_car_locations, {arcs.data(), static_cast<std::size_t>(num_objects_)});
  const float lower = rules_.bots.lower_lane_change_time;
  const float upper = rules_.bots.upper_lane_change_time;
  for (int k = 0; k < num_objects_; ++k) {
    const auto number = static_cast<std::uint32_t>(k);
    Bot& bot = bots_[first(car) + k];
    bot = {.arc = arcs[k], .lane = k % 2 == 0 ? Lane::kInner : Lane::kOuter};
    if (rules_.randomize_bot_car_locations && draw(car, kLaneDraw + number) < 0.5F)
      bot.lane = other_lane(bot.lane);
    bot.until_change = lower + draw(car, kFirstChangeDraw + number) * (upper - lower);
  }
  show_bots(car);
}

// Each bot's object is where the bot is. One loop after the other: while one bot's segments come
// from memory, the next one's are asked for.
void Traffic::show_bots(int car) {
  const Lanes& lanes = lanes_of(car);
  Bot* bots = bots_.data() + first(car);
  Object* objects = objects_.data() + first(car);
  for (int k = 0; k < num_objects_; ++k) {
    const CubicSpline::Point at = course_of(bots[k], lanes, rules_.bots);
    const Vec2 along = (1.0F / length(at.slope)) * at.slope;
    objects[k] = {at.position, along, rules_.bots.speed, ObjectKind::kCar};
  }
  for (int k = 0; k < num_objects_; ++k)
    located_[first(car) + k] = locate(car, objects[k].position);
}

void Traffic::move(int car) {
  if (bots_.empty()) return;
  CarRecord& record = cars_[car];
  const auto draw_change = [&] { return draw(car, kChangeDraw + record.lane_changes++); };
  for (int k = 0; k < num_objects_; ++k)
    advance(bots_[first(car) + k], lanes_of(car), rules_.bots, kControlPeriod, draw_change);
  show_bots(car);
}

void Traffic::meet_racers(int car, std::span<const VehicleState> vehicles) {
  const int world = car - car % rules_.cars_per_world;
  std::size_t k = first(car);
  for (int other = world; other < world + rules_.cars_per_world; ++other) {
    if (other == car) continue;
    const VehicleState& v = vehicles[other];
    objects_[k] = {v.position, direction(v.heading), v.speed, ObjectKind::kCar};
    located_[k++] = locate(car, v.position);
  }
}

void Traffic::place(int car, std::span<const float> location, std::span<const float> heading) {
  for (int k = 0; k < num_objects_; ++k) {
    Object& object = objects_[first(car) + k];
    object.position = {location[2 * k], location[2 * k + 1]};
    object.along = direction(heading[k]);
    located_[first(car) + k] = locate(car, object.position);
    if (bots_.empty()) continue;
    Bot& bot = bots_[first(car) + k];
    bot.arc = located_[first(car) + k].arc;
    bot.lane = lanes_of(car).nearest(object.position);
    bot.changed = 0.0F;
  }
}

LanePose Traffic::start_at(int car, float arc, int count) const {
  const Track& track = track_of(car);
  for (int k = 0; k < count; ++k) {
    if (std::abs(gap_ahead(arc, located_[first(car) + k].arc)) >= kStartDistance) continue;
    const Lane taken = lanes_of(car).nearest(objects_[first(car) + k].position);
    return lanes_of(car).parked_at(other_lane(taken), arc);
  }
  return {track.center_at(arc), track.heading_at(arc)};
}

LanePose Traffic::put_back_at(int car) const {
  const std::size_t k = first(car) + static_cast<std::size_t>(cars_[car].crashed_object);
  const float arc = lanes_of(car).wrap(located_[k].arc - rules_.reset_behind_dist);
  return lanes_of(car).parked_at(other_lane(lanes_of(car).nearest(objects_[k].position)), arc);
}

// An object is left of the centre line if it lies between that and the left border. Bots are always
// on the road.
Traffic::Located Traffic::locate(int car, Vec2 position) const {
  const Track& track = track_of(car);
  const Polyline::Nearest foot = track.center().nearest(position);
  const Vec2 gap = position - foot.point;
  const Vec2 road = track.center().segments()[foot.segment].span;
  const bool is_on_left = cross(road, gap) > 0.0F;
  const bool is_inner =
      is_on_left == track.is_counter_clockwise() && (!bots_.empty() || track.on_road(position));
  return {foot.arc, length(gap), is_inner != !track.is_counter_clockwise()};
}

bool Traffic::observe(int car, const VehicleState& vehicle, float projection) {
  const Vec2 along = direction(vehicle.heading);
  int crashed = -1;
  for (int k = 0; k < num_objects_; ++k) {
    const std::size_t i = first(car) + static_cast<std::size_t>(k);
    const Object& object = objects_[i];
    const Located& at = located_[i];
    columns_.location[2 * i] = object.position.x;
    columns_.location[2 * i + 1] = object.position.y;
    columns_.heading[i] = moves_ ? angle_of(object.along) : 0.0F;
    columns_.speed[i] = object.speed;
    columns_.distance[i] = at.arc;
    columns_.distance_from_center[i] = at.distance;
    columns_.left_of_center[i] = at.is_left;
    if (crashed < 0 && runs_into(vehicle.position, along, object) && is_to_blame(car, vehicle, at))
      crashed = k;
  }
  cars_[car].crashed_object = static_cast<std::int8_t>(crashed);
  find_closest(car, projection);
  columns_.object_in_camera[car] = next_in_camera(car, vehicle, along);
  return crashed >= 0;
}

// Only the car behind has run into an object that drives (markov rollout_agent_ctrl.py). The
// recordings compare the places of both bodies, not that of the front point.
bool Traffic::is_to_blame(int car, const VehicleState& vehicle, const Located& object) const {
  return !moves_ || gap_ahead(track_of(car).locate(vehicle.position).projection, object.arc) > 0.0F;
}

// The original's list of poses begins with the car's own, but it is asked for by the next object's
// number among the objects: so the object before that one is tested, and in place of the first
// object the car, which no camera of it sees. 10,017 of 10,019 recorded rows say so.
bool Traffic::next_in_camera(int car, const VehicleState& vehicle, Vec2 along) const {
  const int next = columns_.closest_objects[2 * car + 1];
  if (next == 0) return false;
  const std::size_t tested = first(car) + static_cast<std::size_t>(next) - 1;
  return in_camera(vehicle.position, along, objects_[tested]);
}

// The last object at or behind the front point and the first one beyond it, round the lap.
void Traffic::find_closest(int car, float projection) {
  int behind = -1, ahead = -1, lowest = 0, highest = 0;
  const Located* at = located_.data() + first(car);
  for (int k = 0; k < num_objects_; ++k) {
    if (at[k].arc < at[lowest].arc) lowest = k;
    if (at[k].arc >= at[highest].arc) highest = k;
    if (at[k].arc <= projection) {
      if (behind < 0 || at[k].arc >= at[behind].arc) behind = k;
    } else if (ahead < 0 || at[k].arc < at[ahead].arc) {
      ahead = k;
    }
  }
  columns_.closest_objects[2 * car] = behind >= 0 ? behind : highest;
  columns_.closest_objects[2 * car + 1] = ahead >= 0 ? ahead : lowest;
}

}  // namespace deepracer_fast
