// The part of the Python module that belongs to objects on the road and to sensors.
#include <pybind11/stl.h>

#include <array>
#include <string>

#include "bindings.h"
#include "object_view.h"
#include "simulator.h"

namespace df = deepracer_fast;

namespace {

template <typename T>
py::class_<T> bound(py::module_& m, const char* name) {
  return py::reinterpret_borrow<py::class_<T>>(m.attr(name));
}

// [B, K] and the like of the objects; empty where the race has none.
py::dict object_params(const py::object& self) {
  const auto& simulator = self.cast<const df::Simulator&>();
  py::dict result;
  if (!simulator.traffic().is_on()) return result;
  const df::ObjectColumns& columns = simulator.traffic().columns();
  const py::ssize_t cars = simulator.cars().num_cars;
  const py::ssize_t k = simulator.traffic().num_objects();
  const auto each = [&](const auto& data) { return shaped_view(data.data(), {cars, k}, self); };
  result["closest_objects"] = column(columns.closest_objects, self, 2);
  result["objects_location"] = shaped_view(columns.location.data(), {cars, k, 2}, self);
  result["objects_left_of_center"] = each(columns.left_of_center).attr("view")("bool");
  result["object_in_camera"] = flags(columns.object_in_camera, self);
  result["objects_speed"] = each(columns.speed);
  result["objects_heading"] = each(columns.heading);
  result["objects_distance_from_center"] = each(columns.distance_from_center);
  result["objects_distance"] = each(columns.distance);
  return result;
}

// [B, K, 3] x, y (m) and heading (rad) of each car's objects.
py::array_t<float> object_poses(const df::Simulator& simulator) {
  const py::ssize_t cars = simulator.cars().num_cars;
  const py::ssize_t k = simulator.traffic().num_objects();
  py::array_t<float> result({cars, k, py::ssize_t{3}});
  auto row = result.mutable_unchecked<3>();
  for (py::ssize_t car = 0; car < cars; ++car) {
    const auto objects = simulator.traffic().objects(static_cast<int>(car));
    for (py::ssize_t i = 0; i < k; ++i) {
      const df::Object& object = objects[static_cast<std::size_t>(i)];
      row(car, i, 0) = object.position.x;
      row(car, i, 1) = object.position.y;
      row(car, i, 2) = df::angle_of(object.along);
    }
  }
  return result;
}

py::array pictures(const py::object& self) {
  const auto& simulator = self.cast<const df::Simulator&>();
  const df::Sensors& sensors = simulator.sensors();
  return shaped_view(sensors.pictures().data(),
                     {simulator.cars().num_cars, df::kPictureHeight, df::kPictureWidth,
                      sensors.options().num_eyes()},
                     self);
}

py::array lidar(const py::object& self) {
  const auto& simulator = self.cast<const df::Simulator&>();
  const df::Sensors& sensors = simulator.sensors();
  return shaped_view(sensors.lidar().data(),
                     {simulator.cars().num_cars, sensors.options().lidar_size()}, self);
}

// Draws objects over one of a camera's pictures: poses [K, 3] are x, y (m) and heading (rad),
// is_car [K] says what they look like. The camera is that of a car at (x, y, heading).
void draw_objects(const df::Camera& camera, py::array_t<std::uint8_t, py::array::c_style>& picture,
                  const std::array<float, 3>& car, const FloatArray& poses, const IntArray& is_car,
                  df::Channel channel) {
  const df::CameraParams& params = camera.params();
  if (picture.size() != py::ssize_t{params.height} * params.width)
    throw py::value_error("picture must be one that this camera has rendered");
  if (poses.ndim() != 2 || poses.shape(1) != 3 || is_car.size() != poses.shape(0) ||
      poses.shape(0) > df::kMostDrawn)
    throw py::value_error("poses must have shape [K, 3], is_car [K], K up to " +
                          std::to_string(df::kMostDrawn));
  std::vector<df::Object> objects;
  for (py::ssize_t i = 0; i < poses.shape(0); ++i) {
    objects.push_back({{poses.at(i, 0), poses.at(i, 1)},
                       df::direction(poses.at(i, 2)),
                       0.0F,
                       is_car.at(i) != 0 ? df::ObjectKind::kCar : df::ObjectKind::kBox});
  }
  df::draw_objects(camera, {car[0], car[1]}, car[2], objects, 0.0F, nullptr, picture.mutable_data(),
                   channel);
}

void bind_traffic_rules(py::module_& m) {
  using Rules = df::TrafficRules;
  using Bots = df::BotRules;
  py::enum_<df::RaceType>(m, "RaceType")
      .value("TIME_TRIAL", df::RaceType::kTimeTrial)
      .value("OBJECT_AVOIDANCE", df::RaceType::kObjectAvoidance)
      .value("HEAD_TO_BOT", df::RaceType::kHeadToBot)
      .value("HEAD_TO_MODEL", df::RaceType::kHeadToModel);
  py::class_<Bots>(m, "BotRules")
      .def(py::init())
      .def_readwrite("bot_car_speed", &Bots::speed)
      .def_readwrite("is_lane_change", &Bots::is_lane_change)
      .def_readwrite("lower_lane_change_time", &Bots::lower_lane_change_time)
      .def_readwrite("upper_lane_change_time", &Bots::upper_lane_change_time)
      .def_readwrite("lane_change_distance", &Bots::lane_change_distance);
  py::class_<Rules>(m, "TrafficRules")
      .def(py::init())
      .def_readwrite("race_type", &Rules::race_type)
      .def_readwrite("number_of_obstacles", &Rules::number_of_obstacles)
      .def_readwrite("min_distance_between_obstacles", &Rules::min_distance_between_obstacles)
      .def_readwrite("shrinking_obstacle_distance", &Rules::shrinking_obstacle_distance)
      .def_readwrite("randomize_obstacle_locations", &Rules::randomize_obstacle_locations)
      .def_readwrite("is_obstacle_bot_car", &Rules::is_obstacle_bot_car)
      .def_readwrite("object_distances", &Rules::object_distances)
      .def_readwrite("object_lanes", &Rules::object_lanes)
      .def_readwrite("number_of_bot_cars", &Rules::number_of_bot_cars)
      .def_readwrite("min_distance_between_bot_cars", &Rules::min_distance_between_bot_cars)
      .def_readwrite("randomize_bot_car_locations", &Rules::randomize_bot_car_locations)
      .def_readwrite("bots", &Rules::bots)
      .def_readwrite("cars_per_world", &Rules::cars_per_world)
      .def_readwrite("collision_penalty", &Rules::collision_penalty)
      .def_readwrite("reset_behind_dist", &Rules::reset_behind_dist);
}

void bind_sensor_options(py::module_& m) {
  py::enum_<df::CameraSensor>(m, "CameraSensor")
      .value("NONE", df::CameraSensor::kNone)
      .value("FRONT", df::CameraSensor::kFront)
      .value("STEREO", df::CameraSensor::kStereo);
  py::enum_<df::LidarSensor>(m, "LidarSensor")
      .value("NONE", df::LidarSensor::kNone)
      .value("RANGES", df::LidarSensor::kRanges)
      .value("SECTORS", df::LidarSensor::kSectors)
      .value("DISCRETIZED_SECTORS", df::LidarSensor::kDiscretizedSectors);
  py::class_<df::SensorOptions>(m, "SensorOptions")
      .def(py::init())
      .def_readwrite("camera", &df::SensorOptions::camera)
      .def_readwrite("lidar", &df::SensorOptions::lidar)
      .def_readwrite("num_sectors", &df::SensorOptions::num_sectors)
      .def_readwrite("num_values_per_sector", &df::SensorOptions::num_values_per_sector)
      .def_readwrite("clipping_dist", &df::SensorOptions::clipping_dist);
}

}  // namespace

void bind_object_records(py::module_& m) {
  bind_traffic_rules(m);
  bind_sensor_options(m);
  m.attr("MAX_OBJECTS") = df::kMaxObjects;
}

void bind_object_methods(py::module_& m) {
  bound<df::Camera>(m, "Camera")
      .def("draw_objects", &draw_objects, py::arg("picture").noconvert(), py::arg("car"),
           py::arg("poses"), py::arg("is_car"), py::arg("channel") = df::Channel::kGrey);
  bound<df::RaceRules>(m, "RaceRules").def_readwrite("traffic", &df::RaceRules::traffic);
  bound<df::SimulatorOptions>(m, "SimulatorOptions")
      .def_readwrite("sensors", &df::SimulatorOptions::sensors);
  bound<df::Simulator>(m, "Simulator")
      .def_property_readonly("pictures", &pictures)
      .def_property_readonly("lidar", &lidar)
      .def_property_readonly("object_params", &object_params)
      .def("object_poses", &object_poses)
      .def("place_objects", [](df::Simulator& self, const IntArray& cars,
                               const FloatArray& location, const FloatArray& heading) {
        self.place_objects(view(cars), view(location), view(heading));
      });
}
