// The records of parameters: what each may be set to, and which of them fit together.
//
// A record holds numbers in their range from the moment it is made, so that nothing inside has to
// ask again; deepracer_fast/world/simulator.py, race_config.py and randomization.py say what they
// mean. Neighbours: bindings/simulator.cpp takes them.
#include <cmath>
#include <limits>
#include <type_traits>

#include "bindings/bindings.h"
#include "bindings/checks.h"
#include "simulator/simulator.h"

#if __has_include(<unistd.h>)
#include <unistd.h>
#endif

namespace df = deepracer_fast;
namespace check = deepracer_fast::check;

namespace {

constexpr int kMostInt = std::numeric_limits<int>::max();
constexpr int kMostCars = 1 << 24;
constexpr int kMostThreads = 1024;
constexpr check::Range kNotNegative = {0.0, check::kFinite.high};
constexpr check::Range kSeconds = {0.0, 3599.999};
constexpr check::Range kMetres = {0.0, 1e6};

// A property of a record: handed out as it is, and set to what `checked(value, name)` returns.
template <typename Record, typename Field, typename Checked>
void field(py::class_<Record>& record, const char* name, Field Record::* member,
           const Checked& checked) {
  record.def_property(
      name, [member](const py::object& self) { return check::self<Record>(self).*member; },
      [member, name, checked](const py::object& self, const py::object& value) {
        check::self<Record>(self).*member = checked(value, name);
      });
}

// Numbers and flags.
template <typename Record, typename Number>
void field(py::class_<Record>& record, const char* name, Number Record::* member,
           check::Range range) {
  field(record, name, member, [range](py::handle value, const char* of) {
    if constexpr (std::is_integral_v<Number>)
      return static_cast<Number>(check::integer(value, of, static_cast<std::int64_t>(range.low),
                                                static_cast<std::int64_t>(range.high)));
    else
      return static_cast<Number>(check::number(value, of, range));
  });
}

template <typename Record>
void field(py::class_<Record>& record, const char* name, bool Record::* member) {
  field(record, name, member, &check::flag);
}

template <typename Record, typename Enum>
  requires std::is_enum_v<Enum>
void field(py::class_<Record>& record, const char* name, Enum Record::* member) {
  field(record, name, member, &check::choice<Enum>);
}

// A record within a record, which can also be changed in place.
template <typename Record, typename Part>
  requires std::is_class_v<Part>
void field(py::class_<Record>& record, const char* name, Part Record::* member) {
  record.def_property(
      name,
      py::cpp_function(
          [member](const py::object& self) { return &(check::self<Record>(self).*member); },
          py::return_value_policy::reference_internal),
      [member, name](const py::object& self, const py::object& value) {
        check::self<Record>(self).*member = check::object<Part>(value, name);
      });
}

void bind_vehicle_params(py::module_& m) {
  using Params = df::VehicleParams;
  constexpr check::Range kSlip = {1e-6, 1e6};  // m/s, of which the inverse is taken
  py::class_<Params> params(m, "VehicleParams");
  params.def(py::init([](const py::object& car_version, const py::object& asymmetric) {
               return df::vehicle_params(
                   static_cast<int>(check::integer(car_version, "car_version", 3, 6)),
                   check::flag(asymmetric, "asymmetric"));
             }),
             py::arg("car_version"), py::arg("asymmetric") = false);
  field(params, "delay", &Params::delay, check::Range{0.0, double{df::kControlPeriod}});
  field(params, "speed_gain", &Params::speed_gain, check::Range{0.0, 10.0});
  field(params, "grip", &Params::grip, check::Range{0.0, 1e6});
  field(params, "drive_slip", &Params::drive_slip, kSlip);
  field(params, "side_slip", &Params::side_slip, kSlip);
  field(params, "steering_lag", &Params::steering_lag, kSlip);
  field(params, "steering_kick", &Params::steering_kick, kMetres);
  field(params, "steering_gain", &Params::steering_gain, check::Range{-100.0, 100.0});
  field(params, "steering_offset", &Params::steering_offset, check::kTurns);
}

void bind_traffic_rules(py::module_& m) {
  using Rules = df::TrafficRules;
  using Bots = df::BotRules;
  py::native_enum<df::RaceType>(m, "RaceType", "enum.IntEnum")
      .value("TIME_TRIAL", df::RaceType::kTimeTrial)
      .value("OBJECT_AVOIDANCE", df::RaceType::kObjectAvoidance)
      .value("HEAD_TO_BOT", df::RaceType::kHeadToBot)
      .value("HEAD_TO_MODEL", df::RaceType::kHeadToModel)
      .finalize();
  py::class_<Bots> bots(m, "BotRules");
  bots.def(py::init());
  field(bots, "bot_car_speed", &Bots::speed, check::Range{0.0, 10.0});
  field(bots, "is_lane_change", &Bots::is_lane_change);
  field(bots, "lower_lane_change_time", &Bots::lower_lane_change_time, kNotNegative);
  field(bots, "upper_lane_change_time", &Bots::upper_lane_change_time, kNotNegative);
  field(bots, "lane_change_distance", &Bots::lane_change_distance, check::Range{1e-3, 1e6});

  py::class_<Rules> rules(m, "TrafficRules");
  rules.def(py::init());
  constexpr check::Range kObjects = {0, df::kMaxObjects};
  field(rules, "race_type", &Rules::race_type);
  field(rules, "number_of_obstacles", &Rules::number_of_obstacles, kObjects);
  field(rules, "min_distance_between_obstacles", &Rules::min_distance_between_obstacles,
        check::Range{0.0, 100.0});
  field(rules, "shrinking_obstacle_distance", &Rules::shrinking_obstacle_distance);
  field(rules, "randomize_obstacle_locations", &Rules::randomize_obstacle_locations);
  field(rules, "is_obstacle_bot_car", &Rules::is_obstacle_bot_car);
  field(rules, "object_distances", &Rules::object_distances,
        [](py::handle value, const char* name) {
          const auto shares = check::numbers_of_list(value, name, {0.0, 1.0}, df::kMaxObjects);
          return std::vector<float>(shares.begin(), shares.end());
        });
  field(rules, "object_lanes", &Rules::object_lanes, [](py::handle value, const char* name) {
    std::vector<std::uint8_t> lanes;
    for (const double lane : check::numbers_of_list(value, name, {0.0, 1.0}, df::kMaxObjects))
      lanes.push_back(lane > 0.5 ? 1 : 0);
    return lanes;
  });
  field(rules, "number_of_bot_cars", &Rules::number_of_bot_cars, kObjects);
  field(rules, "min_distance_between_bot_cars", &Rules::min_distance_between_bot_cars, kMetres);
  field(rules, "randomize_bot_car_locations", &Rules::randomize_bot_car_locations);
  field(rules, "bots", &Rules::bots);
  field(rules, "cars_per_world", &Rules::cars_per_world, check::Range{1, df::kMaxObjects + 1});
  field(rules, "collision_penalty", &Rules::collision_penalty, kSeconds);
  field(rules, "reset_behind_dist", &Rules::reset_behind_dist, kMetres);
}

void bind_race_rules(py::module_& m) {
  using Rules = df::RaceRules;
  py::class_<Rules> rules(m, "RaceRules");
  rules.def(py::init());
  field(rules, "start_position", &Rules::start_position, check::Range{0.0, 1.0});
  field(rules, "round_robin_advance_dist", &Rules::round_robin_advance_dist,
        check::Range{-1e6, 1e6});
  field(rules, "random_start", &Rules::random_start);
  field(rules, "reverse_direction", &Rules::reverse_direction);
  field(rules, "alternate_driving_direction", &Rules::alternate_driving_direction);
  field(rules, "continuous", &Rules::continuous);
  field(rules, "number_of_resets", &Rules::number_of_resets, check::Range{0, kMostInt});
  field(rules, "off_track_penalty", &Rules::off_track_penalty, kSeconds);
  field(rules, "max_steps", &Rules::max_steps, check::Range{1, kMostInt});
  field(rules, "traffic", &Rules::traffic);
}

// The ranges of deepracer_fast/world/randomization.py.
void bind_randomization(py::module_& m) {
  using Ranges = df::Randomization;
  const auto up_to = [](double most) { return check::Range{0.0, most}; };
  py::class_<Ranges> ranges(m, "Randomization");
  ranges.def(py::init());
  field(ranges, "surface_grey", &Ranges::surface_grey, up_to(1.0));
  field(ranges, "light_gain", &Ranges::light_gain, up_to(1.0));
  field(ranges, "light_offset", &Ranges::light_offset, up_to(255.0));
  field(ranges, "pixel_noise", &Ranges::pixel_noise, up_to(50.0));
  field(ranges, "blur", &Ranges::blur, up_to(0.7));
  field(ranges, "camera_height", &Ranges::camera_height, up_to(0.1));
  field(ranges, "camera_pitch", &Ranges::camera_pitch, up_to(0.2));
  field(ranges, "camera_yaw", &Ranges::camera_yaw, up_to(0.5));
  field(ranges, "picture_delay", &Ranges::picture_delay, up_to(0.2));
  field(ranges, "grip", &Ranges::grip, up_to(0.9));
  field(ranges, "steering_gain", &Ranges::steering_gain, up_to(0.5));
  field(ranges, "steering_offset", &Ranges::steering_offset, up_to(10.0));
  field(ranges, "speed_gain", &Ranges::speed_gain, up_to(0.5));
  field(ranges, "at_bounds", &Ranges::at_bounds);
}

void bind_sensor_options(py::module_& m) {
  using Options = df::SensorOptions;
  py::native_enum<df::CameraSensor>(m, "CameraSensor", "enum.IntEnum")
      .value("NONE", df::CameraSensor::kNone)
      .value("FRONT", df::CameraSensor::kFront)
      .value("STEREO", df::CameraSensor::kStereo)
      .finalize();
  py::native_enum<df::LidarSensor>(m, "LidarSensor", "enum.IntEnum")
      .value("NONE", df::LidarSensor::kNone)
      .value("RANGES", df::LidarSensor::kRanges)
      .value("SECTORS", df::LidarSensor::kSectors)
      .value("DISCRETIZED_SECTORS", df::LidarSensor::kDiscretizedSectors)
      .finalize();
  py::class_<Options> options(m, "SensorOptions");
  options.def(py::init());
  field(options, "camera", &Options::camera);
  field(options, "lidar", &Options::lidar);
  field(options, "num_sectors", &Options::num_sectors, check::Range{1, df::kLidarRays});
  field(options, "num_values_per_sector", &Options::num_values_per_sector, check::Range{1, 4096});
  field(options, "clipping_dist", &Options::clipping_dist, check::Range{1e-3, 1e6});
  field(options, "final_observations", &Options::final_observations);
}

void bind_camera_params(py::module_& m) {
  using Params = df::CameraParams;
  constexpr check::Range kBeside = {-100.0, 100.0};  // m
  py::class_<Params> params(m, "CameraParams");
  params.def(py::init());
  field(params, "width", &Params::width, check::Range{df::kBlock, df::Camera::kMaxWidth});
  field(params, "height", &Params::height, check::Range{1, df::Camera::kMaxHeight});
  field(params, "hfov", &Params::hfov, check::Range{0.01, 2.99});
  field(params, "x", &Params::x, kBeside);
  field(params, "z", &Params::z, check::Range{0.001, 100.0});
  field(params, "pitch", &Params::pitch, check::Range{0.0, 0.999});
}

void bind_simulator_options(py::module_& m) {
  using Options = df::SimulatorOptions;
  py::class_<Options> options(m, "SimulatorOptions");
  options.def(py::init());
  field(options, "num_cars", &Options::num_cars, check::Range{1, kMostCars});
  field(options, "first_car", &Options::first_car, check::Range{0, kMostInt - kMostCars});
  field(options, "cars_in_batch", &Options::cars_in_batch, check::Range{1, kMostInt});
  field(options, "threads", &Options::threads, check::Range{1, kMostThreads});
  field(options, "seed", &Options::seed, &check::seed);
  field(options, "sensors", &Options::sensors);
  field(options, "car_version", &Options::car_version, check::Range{3, 6});
  field(options, "asymmetric", &Options::asymmetric);
  field(options, "rules", &Options::rules);
  field(options, "randomization", &Options::randomization);
  options.def_property(
      "instruction_set",
      [](const py::object& self) {
        return std::string(df::instruction_set_name(check::self<Options>(self).instruction_set));
      },
      [](const py::object& self, const py::object& name) {
        check::self<Options>(self).instruction_set =
            df::instruction_set_by_name(check::text(name, "instruction_set"));
      });
}

void require(bool holds, const std::string& message) {
  if (!holds) throw py::value_error(message);
}

// Bytes that a car takes, what it observes included: somewhat less than in truth.
double bytes_of_car(const df::SimulatorOptions& options, int num_objects) {
  const df::SensorOptions& sensors = options.sensors;
  const double observation =
      1.0 * df::kPictureSize * sensors.num_eyes() + 4.0 * sensors.lidar_size();
  const df::Randomization& random = options.randomization;
  const bool has_camera = random.camera_height > 0.0F || random.camera_pitch > 0.0F;
  const double camera = has_camera ? sizeof(df::Camera) + df::Camera().bytes() : 0.0;
  return 200.0 + sizeof(df::VehicleState) + (sensors.final_observations ? 2.0 : 1.0) * observation +
         camera + 64.0 * num_objects;
}

// So that too large a batch is refused, not begun and then ended by the system.
void check_memory(double bytes) {
#if defined(_SC_PHYS_PAGES)
  const double memory = 1.0 * sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
  if (memory <= 0.0 || bytes < memory) return;
  const auto gigabytes = [](double size) { return std::to_string(std::llround(size * 1e-9)); };
  const std::string text =
      "they need " + gigabytes(bytes) + " GB and this machine has " + gigabytes(memory) + " GB";
  PyErr_SetString(PyExc_MemoryError, text.c_str());
  throw py::error_already_set();
#else
  static_cast<void>(bytes);
#endif
}

void check_traffic(const df::TrafficRules& rules) {
  const auto places = rules.object_distances.size();
  require(places == rules.object_lanes.size() &&
              (places == 0 || rules.race_type != df::RaceType::kObjectAvoidance ||
               places == static_cast<std::size_t>(rules.number_of_obstacles)),
          "object_distances and object_lanes must be empty or hold " +
              std::to_string(rules.number_of_obstacles) +
              " (number_of_obstacles) values each, "
              "got " +
              std::to_string(places) + " and " + std::to_string(rules.object_lanes.size()));
  require(rules.bots.lower_lane_change_time <= rules.bots.upper_lane_change_time,
          "upper_lane_change_time must not be below lower_lane_change_time");
  require(rules.cars_per_world == 1 || rules.race_type == df::RaceType::kHeadToModel,
          "cars_per_world must be 1 unless race_type is HEAD_TO_MODEL, got " +
              std::to_string(rules.cars_per_world));
}

}  // namespace

void check_options(const df::SimulatorOptions& options, double track_length) {
  const df::TrafficRules& traffic = options.rules.traffic;
  check_traffic(traffic);
  const int size = traffic.cars_per_world;
  require(options.num_cars <= options.cars_in_batch - options.first_car,
          "cars " + std::to_string(options.first_car) + " and on, " +
              std::to_string(options.num_cars) + " of them (num_cars), must lie in a batch of " +
              std::to_string(options.cars_in_batch) + " cars (cars_in_batch)");
  require(options.num_cars % size == 0 && options.first_car % size == 0 &&
              options.cars_in_batch % size == 0,
          "num_cars, first_car and cars_in_batch must be multiples of cars_per_world (" +
              std::to_string(size) + ")");
  require(options.sensors.lidar != df::LidarSensor::kDiscretizedSectors ||
              df::kLidarRays % options.sensors.num_sectors == 0,
          "num_sectors must divide " + std::to_string(df::kLidarRays) + ", got " +
              std::to_string(options.sensors.num_sectors));
  const double gap = static_cast<double>(traffic.min_distance_between_bot_cars);
  require(traffic.race_type != df::RaceType::kHeadToBot ||
              traffic.number_of_bot_cars * gap <= track_length,
          "min_distance_between_bot_cars must leave room for number_of_bot_cars bots on the track");
  check_memory(options.num_cars * bytes_of_car(options, df::num_objects(traffic)));
}

void bind_records(py::module_& m) {
  bind_vehicle_params(m);
  bind_traffic_rules(m);
  bind_race_rules(m);
  bind_randomization(m);
  bind_sensor_options(m);
  bind_camera_params(m);
  bind_simulator_options(m);
  m.attr("MAX_OBJECTS") = df::kMaxObjects;
}
