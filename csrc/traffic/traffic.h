// Traffic: the boxes, parked cars, bots or other racers that each car of a batch meets.
//
// In: the rules of the race and where the cars are. Out: each car's objects, what a reward function
// is told of them, whether the car ran into one of them, and where a car may start or is put back
// among them. Boxes and bots belong to one car alone, as if every car had a track to itself; racers
// of one world (consecutive cars of the batch) are objects to each other. Neighbours: Simulator
// calls it between a car's stages; sensors.h shows the objects.
//
// Like the rest of a step: one-car functions, every random number a function of
// (seed, car, episode, draw).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/fields.h"
#include "base/random.h"
#include "car/vehicle.h"
#include "tracks/lanes.h"
#include "traffic/bots.h"
#include "traffic/objects.h"

namespace deepracer_fast {

enum class RaceType : std::uint8_t { kTimeTrial, kObjectAvoidance, kHeadToBot, kHeadToModel };

inline constexpr Range kPenalty = {0.0, 3599.999};  // s
inline constexpr Range kMetres = {0.0, 1e6};        // m

struct TrafficRules {
  RaceType race_type = RaceType::kTimeTrial;
  int number_of_obstacles = 0, number_of_bot_cars = 0, cars_per_world = 1;
  float min_distance_between_obstacles = 2.0F, min_distance_between_bot_cars = 2.0F;
  bool shrinking_obstacle_distance = false, is_obstacle_bot_car = false;
  bool randomize_obstacle_locations = false, randomize_bot_car_locations = false;
  std::vector<float> object_distances;
  std::vector<std::uint8_t> object_lanes;
  BotRules bots;
  float collision_penalty = 5.0F, reset_behind_dist = 1.0F;

  static constexpr auto fields() {
    using R = TrafficRules;
    constexpr Range kObjects = {0, kMaxObjects};
    constexpr Range kShare = {0.0, 1.0};
    return std::tuple{
        Field{"race_type", &R::race_type, "", "what else is on the road"},
        Field{"number_of_obstacles", &R::number_of_obstacles, "", "with OBJECT_AVOIDANCE",
              kObjects},
        Field{"min_distance_between_obstacles", &R::min_distance_between_obstacles, "%",
              "of the track's length, also from the start line to the first", Range{0.0, 100.0}},
        Field{"shrinking_obstacle_distance", &R::shrinking_obstacle_distance, "",
              "that distance is multiplied anew at each reset, as the original does"},
        Field{"randomize_obstacle_locations", &R::randomize_obstacle_locations, "",
              "other places and lanes in each episode"},
        Field{"is_obstacle_bot_car", &R::is_obstacle_bot_car, "", "parked cars in place of boxes"},
        Field{"object_distances", &R::object_distances, "",
              "share of the track's length, one an obstacle, or empty", kShare},
        Field{"object_lanes", &R::object_lanes, "", "a Lane for each of them", kShare},
        Field{"number_of_bot_cars", &R::number_of_bot_cars, "", "with HEAD_TO_BOT", kObjects},
        Field{"min_distance_between_bot_cars", &R::min_distance_between_bot_cars, "m",
              "also from the start line to the first", kMetres},
        Field{"randomize_bot_car_locations", &R::randomize_bot_car_locations, "",
              "other places and lanes in each episode"},
        Field{"bots", &R::bots, "", "how they drive"},
        Field{"cars_per_world", &R::cars_per_world, "",
              "racers that meet, above 1 only with HEAD_TO_MODEL", Range{1, kMaxObjects + 1}},
        Field{"collision_penalty", &R::collision_penalty, "s",
              "that a car waits that ran into something", kPenalty},
        Field{"reset_behind_dist", &R::reset_behind_dist, "m",
              "before that, on the other lane, where it goes on", kMetres},
    };
  }
};

// Objects that each car meets.
int num_objects(const TrafficRules& rules);

// What a reward function reads of the objects; K a car.
struct ObjectColumns {
  std::vector<float> location, heading, speed, distance, distance_from_center;
  std::vector<std::uint8_t> left_of_center, object_in_camera;
  std::vector<std::int32_t> closest_objects;

  // By its DeepRacer name.
  static constexpr auto params() {
    using O = ObjectColumns;
    return std::tuple{
        Column{"closest_objects", &O::closest_objects, "", "objects behind and ahead", 2},
        Column{"objects_location", &O::location, "m", "centre of each object", 2, true},
        Column{"objects_left_of_center", &O::left_of_center, "",
               "object is left of the centre line", 1, true},
        Column{"object_in_camera", &O::object_in_camera, "",
               "the next object is in the camera's view"},
        Column{"objects_speed", &O::speed, "m/s", "of each object", 1, true},
        Column{"objects_heading", &O::heading, "rad", "bot cars' yaw; 0.0 for a box", 1, true},
        Column{"objects_distance_from_center", &O::distance_from_center, "m", "unsigned", 1, true},
        Column{"objects_distance", &O::distance, "m", "along the centre line from waypoint 0", 1,
               true},
    };
  }
};

class Traffic {
 public:
  // `backwards` is the same road driven the other way, or null if no car ever does.
  Traffic(const TrafficRules& rules, std::shared_ptr<const Track> forwards,
          std::shared_ptr<const Track> backwards, const SeededCars& batch);

  int num_objects() const { return num_objects_; }  // K, of each car
  bool is_on() const { return num_objects_ > 0; }
  bool has_racers() const { return rules_.race_type == RaceType::kHeadToModel; }
  std::span<const Object> objects(int car) const {
    return {objects_.data() + first(car), static_cast<std::size_t>(num_objects_)};
  }
  const ObjectColumns& columns() const { return columns_; }
  std::size_t bytes_per_car() const;

  // Puts boxes and bots where an episode begins with them. Racers stay where they are.
  void begin_episode(int car, std::uint32_t episode, bool is_backwards);
  // Where a car starts that is to start at arc length `arc`: on the centre line, or in the lane
  // across from the first of its first `count` objects that is near.
  LanePose start_at(int car, float arc, int count) const;
  // Where a car goes on that ran into an object.
  LanePose put_back_at(int car) const;
  // One control period of the car's bots.
  void move(int car);
  // A racer sees the others of its world where they are now.
  void meet_racers(int car, std::span<const VehicleState> vehicles);
  // Puts the car's objects at given poses: location [K, 2], heading [K].
  void place(int car, std::span<const float> location, std::span<const float> heading);
  // Fills the car's columns, and returns whether it ran into an object so that it counts.
  // `projection` is the front point's along the centre line.
  bool observe(int car, const VehicleState& vehicle, float projection);

 private:
  // What the centre line makes of an object's position.
  struct Located {
    float arc;       // m from waypoint 0
    float distance;  // m from the line
    bool is_left;
  };
  struct CarRecord {
    std::uint32_t episode = 0;
    std::uint32_t lane_changes = 0;
    bool is_backwards = false;
    std::int8_t crashed_object = -1;
  };

  std::size_t first(int car) const {
    return static_cast<std::size_t>(car) * static_cast<std::size_t>(num_objects_);
  }
  const Track& track_of(int car) const {
    return cars_[car].is_backwards ? *backwards_ : *forwards_;
  }
  const Lanes& lanes_of(int car) const { return lanes_[cars_[car].is_backwards ? 1 : 0]; }
  float draw(int car, std::uint32_t number) const;
  float gap_ahead(float from, float to) const;
  Located locate(int car, Vec2 position) const;
  void place_obstacles(int car);
  void keep_fixed_layouts();
  void place_bots(int car);
  void spread(int car, float low, float gap, bool at_random, std::span<float> arcs) const;
  void show_bots(int car);
  bool is_to_blame(int car, const VehicleState& vehicle, const Located& object) const;
  void find_closest(int car, float projection);
  bool next_in_camera(int car, const VehicleState& vehicle, Vec2 along) const;

  TrafficRules rules_;
  std::shared_ptr<const Track> forwards_, backwards_;
  std::vector<Lanes> lanes_;  // of the two directions
  SeededCars batch_;
  int num_objects_ = 0;
  bool moves_ = false;  // bots or racers, not boxes
  // [directions, K] where obstacles stand that do so in every episode; empty if they don't.
  std::vector<Object> fixed_objects_;
  std::vector<Located> fixed_located_;
  std::vector<CarRecord> cars_;   // [B]
  std::vector<Object> objects_;   // [B, K]
  std::vector<Located> located_;  // [B, K] of those
  std::vector<Bot> bots_;         // [B, K], empty without bots
  ObjectColumns columns_;
};

}  // namespace deepracer_fast
