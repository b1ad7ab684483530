// Which options fit together: see options.h.
#include "simulator/options.h"

#include <cmath>
#include <new>
#include <stdexcept>
#include <string>

#if __has_include(<unistd.h>)
#include <unistd.h>
#endif

namespace deepracer_fast {
namespace {

// What Python calls a MemoryError, in words.
class NoRoom : public std::bad_alloc {
 public:
  explicit NoRoom(std::string message) : message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

void require(bool holds, const std::string& message) {
  if (!holds) throw std::invalid_argument(message);
}

// Bytes that a car takes, what it observes included: somewhat less than in truth.
double bytes_of_car(const SimulatorOptions& options) {
  const SensorOptions& sensors = options.sensors;
  const double observation = 1.0 * kPictureSize * sensors.num_eyes() + 4.0 * sensors.lidar_size();
  const Randomization& random = options.randomization;
  const bool has_camera = random.camera_height > 0.0F || random.camera_pitch > 0.0F;
  const double camera = has_camera ? sizeof(Camera) + Camera().bytes() : 0.0;
  return 200.0 + sizeof(VehicleState) + (sensors.final_observations ? 2.0 : 1.0) * observation +
         camera + 64.0 * num_objects(options.rules.traffic);
}

// So that too large a batch is refused, not begun and then ended by the system.
void check_memory(double bytes) {
#if defined(_SC_PHYS_PAGES)
  const double memory = 1.0 * sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
  if (memory <= 0.0 || bytes < memory) return;
  const auto gigabytes = [](double size) { return std::to_string(std::llround(size * 1e-9)); };
  throw NoRoom("they need " + gigabytes(bytes) + " GB and this machine has " + gigabytes(memory) +
               " GB");
#else
  static_cast<void>(bytes);
#endif
}

void check_traffic(const TrafficRules& rules, double track_length) {
  const auto places = rules.object_distances.size();
  require(places == rules.object_lanes.size() &&
              (places == 0 || rules.race_type != RaceType::kObjectAvoidance ||
               places == static_cast<std::size_t>(rules.number_of_obstacles)),
          "object_distances and object_lanes must be empty or hold " +
              std::to_string(rules.number_of_obstacles) +
              " (number_of_obstacles) values each, got " + std::to_string(places) + " and " +
              std::to_string(rules.object_lanes.size()));
  require(rules.bots.lower_lane_change_time <= rules.bots.upper_lane_change_time,
          "upper_lane_change_time must not be below lower_lane_change_time");
  require(rules.cars_per_world == 1 || rules.race_type == RaceType::kHeadToModel,
          "cars_per_world must be 1 unless race_type is HEAD_TO_MODEL, got " +
              std::to_string(rules.cars_per_world));
  const double gap = static_cast<double>(rules.min_distance_between_bot_cars);
  require(rules.race_type != RaceType::kHeadToBot || rules.number_of_bot_cars * gap <= track_length,
          "min_distance_between_bot_cars must leave room for number_of_bot_cars bots on the track");
}

}  // namespace

void check_options(const SimulatorOptions& options, double track_length) {
  check_traffic(options.rules.traffic, track_length);
  const int size = options.rules.traffic.cars_per_world;
  require(options.num_cars <= options.cars_in_batch - options.first_car,
          "cars " + std::to_string(options.first_car) + " and on, " +
              std::to_string(options.num_cars) + " of them (num_cars), must lie in a batch of " +
              std::to_string(options.cars_in_batch) + " cars (cars_in_batch)");
  require(options.num_cars % size == 0 && options.first_car % size == 0 &&
              options.cars_in_batch % size == 0,
          "num_cars, first_car and cars_in_batch must be multiples of cars_per_world (" +
              std::to_string(size) + ")");
  require(options.sensors.lidar != LidarSensor::kDiscretizedSectors ||
              kLidarRays % options.sensors.num_sectors == 0,
          "num_sectors must divide " + std::to_string(kLidarRays) + ", got " +
              std::to_string(options.sensors.num_sectors));
  check_memory(options.num_cars * bytes_of_car(options));
}

}  // namespace deepracer_fast
