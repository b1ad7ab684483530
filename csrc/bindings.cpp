// The Python module `_core`: checks arrays, releases the GIL, calls, hands out views.
//
// Nothing is computed here. Arrays that come back are read-only views of native memory, kept alive
// by their owner and overwritten by its next step.
#include "bindings.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <bit>
#include <string>
#include <vector>

#include "allocator.h"
#include "gather.h"
#include "simulator.h"
#ifdef DEEPRACER_FAST_NETWORK
#include "network_ffi.h"
#endif

namespace df = deepracer_fast;

namespace {

std::span<const double> points(const DoubleArray& array, const char* name) {
  if (array.ndim() != 2 || array.shape(1) != 2)
    throw py::value_error(std::string(name) + " must have shape [N, 2]");
  return view(array);
}

std::vector<df::Vec2> to_vec2(std::span<const double> xy) {
  std::vector<df::Vec2> result(xy.size() / 2);
  for (std::size_t i = 0; i < result.size(); ++i)
    result[i] = {static_cast<float>(xy[2 * i]), static_cast<float>(xy[2 * i + 1])};
  return result;
}

py::dict params(const df::CarBatch& cars, const py::object& owner) {
  py::dict result;
  result["all_wheels_on_track"] = flags(cars.all_wheels_on_track, owner);
  result["x"] = column(cars.x, owner);
  result["y"] = column(cars.y, owner);
  result["heading"] = column(cars.heading_deg, owner);
  result["distance_from_center"] = column(cars.distance_from_center, owner);
  result["projection_distance"] = column(cars.projection_distance, owner);
  result["progress"] = column(cars.progress, owner);
  result["steps"] = column(cars.steps, owner);
  result["speed"] = column(cars.speed_command, owner);
  result["steering_angle"] = column(cars.steering_command_deg, owner);
  result["track_width"] = column(cars.track_width, owner);
  result["track_length"] = column(cars.track_length, owner);
  result["closest_waypoints"] = column(cars.closest_waypoints, owner, 2);
  result["is_left_of_center"] = flags(cars.is_left_of_center, owner);
  result["is_reversed"] = flags(cars.is_reversed, owner);
  result["is_crashed"] = flags(cars.is_crashed, owner);
  result["is_offtrack"] = flags(cars.is_offtrack, owner);
  result["sim_time"] = column(cars.sim_time, owner);
  return result;
}

// [B] record of what the vehicle model holds: x, y, heading, speed, steering (m, rad, m/s).
py::array_t<float> vehicle_states(const df::CarBatch& cars) {
  py::array_t<float> result({cars.num_cars, 5});
  auto row = result.mutable_unchecked<2>();
  for (int car = 0; car < cars.num_cars; ++car) {
    const df::VehicleState& v = cars.vehicle[car];
    const float values[] = {v.position.x, v.position.y, v.heading, v.speed, v.steering};
    for (int i = 0; i < 5; ++i) row(car, i) = values[i];
  }
  return result;
}

// Cars on an endless plane: where base_link is before the first command and after each of them.
py::array_t<float> drive_open_loop(const df::VehicleParams& vehicle, const FloatArray& starts,
                                   const FloatArray& commands) {
  if (starts.ndim() != 2 || starts.shape(1) != 4 || commands.ndim() != 3 ||
      commands.shape(0) != starts.shape(0) || commands.shape(2) != 2)
    throw py::value_error("starts must have shape [B, 4], commands [B, T, 2]");
  py::array_t<float> result({commands.shape(0), commands.shape(1) + 1, py::ssize_t{5}});
  const df::VehicleLaw law(vehicle);
  const auto start = starts.unchecked<2>();
  const auto command = commands.unchecked<3>();
  auto row = result.mutable_unchecked<3>();
  for (py::ssize_t car = 0; car < commands.shape(0); ++car) {
    df::VehicleState v;
    v.position = {start(car, 0), start(car, 1)};
    v.heading = start(car, 2);
    v.steering = start(car, 3);
    for (py::ssize_t t = 0; t <= commands.shape(1); ++t) {
      if (t > 0) df::drive(v, law, vehicle.grip, {command(car, t - 1, 0), command(car, t - 1, 1)});
      const float values[] = {v.position.x, v.position.y, v.heading, v.speed, v.steering};
      for (int i = 0; i < 5; ++i) row(car, t, i) = values[i];
    }
  }
  return result;
}

void bind_vehicle(py::module_& m) {
  py::class_<df::VehicleParams>(m, "VehicleParams")
      .def(py::init(&df::vehicle_params), py::arg("version"), py::arg("asymmetric") = false)
      .def_readwrite("delay", &df::VehicleParams::delay)
      .def_readwrite("speed_gain", &df::VehicleParams::speed_gain)
      .def_readwrite("grip", &df::VehicleParams::grip)
      .def_readwrite("drive_slip", &df::VehicleParams::drive_slip)
      .def_readwrite("side_slip", &df::VehicleParams::side_slip)
      .def_readwrite("steering_lag", &df::VehicleParams::steering_lag)
      .def_readwrite("steering_kick", &df::VehicleParams::steering_kick)
      .def_readwrite("steering_gain", &df::VehicleParams::steering_gain)
      .def_readwrite("steering_offset", &df::VehicleParams::steering_offset);
  // Cosines and sines [N, 2] of angles [N], as the physics has them.
  m.def("direction", [](const FloatArray& angles) {
    py::array_t<float> result({angles.size(), py::ssize_t{2}});
    for (py::ssize_t i = 0; i < angles.size(); ++i) {
      const df::Vec2 along = df::direction(angles.at(i));
      result.mutable_at(i, 0) = along.x;
      result.mutable_at(i, 1) = along.y;
    }
    return result;
  });
  // starts [B, 4]: x, y, heading, steering angle; commands [B, T, 2]: steering, speed (rad, m/s).
  // Returns [B, T + 1, 5] as vehicle_states does.
  m.def("drive_open_loop", &drive_open_loop, py::arg("vehicle"), py::arg("starts"),
        py::arg("commands"));
}

// The table of a track family's looks, for painters other than Ground; lengths in metres, greys
// 0..255; a surface is (grey, sigma of its grain), a wall (grey at the foot, gain per metre).
py::dict look(const std::string& name) {
  const df::Look look = df::look_by_name(name);
  const auto pair = [](const df::Surface& s) { return py::make_tuple(s.grey, s.sigma); };
  py::list walls;
  for (const df::WallShade& wall : look.walls) walls.append(py::make_tuple(wall.foot, wall.gain));
  py::dict result;
  result["road"] = pair(look.road);
  result["field"] = pair(look.field);
  result["line"] = pair(look.line);
  result["dash"] = pair(look.dash);
  result["line_outer"] = look.line_outer;
  result["line_inner"] = look.line_inner;
  result["dash_width"] = look.dash_width;
  result["dash_length"] = look.dash_length;
  result["dash_pitch"] = look.dash_pitch;
  result["dash_first"] = look.dash_first;
  result["start_length"] = look.start_length;
  result["field_margin"] = look.field_margin;
  result["wall_height"] = look.wall_height;
  result["walls"] = walls;
  result["sky_grey"] = look.sky_grey;
  return result;
}

void bind_world(py::module_& m) {
  m.def("look", &look, py::arg("name"));
  py::enum_<df::Channel>(m, "Channel")
      .value("GREY", df::Channel::kGrey)
      .value("RED", df::Channel::kRed)
      .value("GREEN", df::Channel::kGreen)
      .value("BLUE", df::Channel::kBlue);
  py::class_<df::Track, std::shared_ptr<df::Track>>(m, "Track")
      .def(py::init([](const DoubleArray& center, const DoubleArray& inner,
                       const DoubleArray& outer, bool is_loop, bool rows_stand_opposite) {
             return std::make_shared<df::Track>(
                 to_vec2(points(center, "center")), to_vec2(points(inner, "inner")),
                 to_vec2(points(outer, "outer")), is_loop, rows_stand_opposite);
           }),
           py::arg("center"), py::arg("inner"), py::arg("outer"), py::arg("is_loop"),
           py::arg("rows_stand_opposite") = true)
      .def_property_readonly("length", &df::Track::length)
      .def_property_readonly("bytes", &df::Track::bytes);

  py::class_<df::Ground, std::shared_ptr<df::Ground>>(m, "Ground")
      .def(
          py::init([](const DoubleArray& center, const DoubleArray& inner, const DoubleArray& outer,
                      bool is_loop, const std::string& look, df::Channel channel) {
            return std::make_shared<df::Ground>(points(center, "center"), points(inner, "inner"),
                                                points(outer, "outer"), is_loop,
                                                df::look_by_name(look, channel));
          }),
          py::arg("center"), py::arg("inner"), py::arg("outer"), py::arg("is_loop"),
          py::arg("look"), py::arg("channel") = df::Channel::kGrey)
      // Where the walls stand: min x, min y, max x, max y, metres.
      .def_property_readonly("field",
                             [](const df::Ground& self) {
                               const df::Rectangle& r = self.field();
                               return py::make_tuple(r.min_x, r.min_y, r.max_x, r.max_y);
                             })
      .def_property_readonly("texel", &df::Ground::texel)
      .def_property_readonly("bytes", &df::Ground::bytes);
}

void bind_options(py::module_& m) {
  py::class_<df::RaceRules>(m, "RaceRules")
      .def(py::init())
      .def_readwrite("start_position", &df::RaceRules::start_position)
      .def_readwrite("round_robin_advance_dist", &df::RaceRules::round_robin_advance_dist)
      .def_readwrite("random_start", &df::RaceRules::random_start)
      .def_readwrite("reverse_direction", &df::RaceRules::reverse_direction)
      .def_readwrite("alternate_driving_direction", &df::RaceRules::alternate_driving_direction)
      .def_readwrite("continuous", &df::RaceRules::continuous)
      .def_readwrite("number_of_resets", &df::RaceRules::number_of_resets)
      .def_readwrite("off_track_penalty", &df::RaceRules::off_track_penalty)
      .def_readwrite("max_steps", &df::RaceRules::max_steps);

  py::class_<df::Randomization>(m, "Randomization")
      .def(py::init())
      .def_readwrite("surface_grey", &df::Randomization::surface_grey)
      .def_readwrite("light_gain", &df::Randomization::light_gain)
      .def_readwrite("light_offset", &df::Randomization::light_offset)
      .def_readwrite("pixel_noise", &df::Randomization::pixel_noise)
      .def_readwrite("blur", &df::Randomization::blur)
      .def_readwrite("camera_height", &df::Randomization::camera_height)
      .def_readwrite("camera_pitch", &df::Randomization::camera_pitch)
      .def_readwrite("camera_yaw", &df::Randomization::camera_yaw)
      .def_readwrite("picture_delay", &df::Randomization::picture_delay)
      .def_readwrite("grip", &df::Randomization::grip);

  py::class_<df::SimulatorOptions>(m, "SimulatorOptions")
      .def(py::init())
      .def_readwrite("num_cars", &df::SimulatorOptions::num_cars)
      .def_readwrite("first_car", &df::SimulatorOptions::first_car)
      .def_readwrite("cars_in_batch", &df::SimulatorOptions::cars_in_batch)
      .def_readwrite("num_threads", &df::SimulatorOptions::num_threads)
      .def_readwrite("seed", &df::SimulatorOptions::seed)
      .def_readwrite("car_version", &df::SimulatorOptions::car_version)
      .def_readwrite("asymmetric", &df::SimulatorOptions::asymmetric)
      .def_property(
          "instruction_set",
          [](const df::SimulatorOptions& self) {
            return std::string(df::instruction_set_name(self.instruction_set));
          },
          [](df::SimulatorOptions& self, const std::string& name) {
            self.instruction_set = df::instruction_set_by_name(name);
          })
      .def_readwrite("rules", &df::SimulatorOptions::rules)
      .def_readwrite("randomization", &df::SimulatorOptions::randomization);
}

// Index of the first number that is not finite, or -1.
py::ssize_t first_not_finite(const FloatArray& numbers) {
  constexpr std::uint32_t kExponent = 0x7f800000;
  const auto is_bad = [](float number) {
    return (std::bit_cast<std::uint32_t>(number) & kExponent) == kExponent;
  };
  const auto data = view(numbers);
  bool any = false;  // without a way out: this loop becomes vector instructions
  for (const float number : data) any |= is_bad(number);
  return any ? std::find_if(data.begin(), data.end(), is_bad) - data.begin() : -1;
}

void bind_simulator(py::module_& m) {
  m.def("first_not_finite", &first_not_finite);
  const auto release = py::call_guard<py::gil_scoped_release>();
  py::class_<df::Simulator>(m, "Simulator")
      .def(py::init<std::shared_ptr<const df::Track>, std::shared_ptr<const df::Ground>,
                    const df::SimulatorOptions&>(),
           py::arg("track"), py::arg("ground"), py::arg("options"), release)
      .def("reset", &df::Simulator::reset, release)
      .def("begin_episodes", &df::Simulator::begin_episodes, release)
      .def("step",
           [](df::Simulator& self, const FloatArray& actions) {
             const auto data = view(actions);
             py::gil_scoped_release unlocked;
             self.step(data);
           })
      .def("place",
           [](df::Simulator& self, const IntArray& cars, const FloatArray& x, const FloatArray& y,
              const FloatArray& heading, const FloatArray& steering) {
             self.place(view(cars), view(x), view(y), view(heading), view(steering));
           })
      .def_property_readonly("bytes_per_car", &df::Simulator::bytes_per_car)
      .def_property_readonly("params",
                             [](const py::object& self) {
                               return params(self.cast<const df::Simulator&>().cars(), self);
                             })
      .def_property_readonly("terminated",
                             [](const py::object& self) {
                               return flags(self.cast<const df::Simulator&>().cars().terminated,
                                            self);
                             })
      .def_property_readonly("truncated",
                             [](const py::object& self) {
                               return flags(self.cast<const df::Simulator&>().cars().truncated,
                                            self);
                             })
      .def_property_readonly(
          "status",
          [](const py::object& self) {
            const auto& status = self.cast<const df::Simulator&>().cars().status;
            py::array result(py::dtype::of<std::uint8_t>(),
                             std::vector<py::ssize_t>{static_cast<py::ssize_t>(status.size())},
                             status.data(), self);
            result.attr("setflags")(py::arg("write") = false);
            return result;
          })
      .def("track_states",
           [](df::Simulator& self) {
             py::array_t<float> result({self.cars().num_cars, df::kTrackStateSize});
             const std::span out(result.mutable_data(), static_cast<std::size_t>(result.size()));
             py::gil_scoped_release unlocked;
             self.write_track_states(out);
             return result;
           })
      .def("vehicle_states", [](const df::Simulator& self) { return vehicle_states(self.cars()); });
}

void bind_camera(py::module_& m) {
  py::class_<df::CameraParams>(m, "CameraParams")
      .def(py::init())
      .def_readwrite("width", &df::CameraParams::width)
      .def_readwrite("height", &df::CameraParams::height)
      .def_readwrite("hfov", &df::CameraParams::hfov)
      .def_readwrite("x", &df::CameraParams::x)
      .def_readwrite("z", &df::CameraParams::z)
      .def_readwrite("pitch", &df::CameraParams::pitch);
  py::class_<df::Camera>(m, "Camera")
      .def(py::init<const df::CameraParams&>(), py::arg("params"))
      .def(py::init([](double height, double pitch) {
             df::CameraParams params;
             params.z = height;
             params.pitch = pitch;
             return df::Camera(params);
           }),
           py::arg("height") = df::CameraParams{}.z, py::arg("pitch") = df::CameraParams{}.pitch)
      .def(
          "render",
          [](const df::Camera& self, const df::Ground& ground, const FloatArray& x,
             const FloatArray& y, const FloatArray& heading, const std::string& path) {
            const py::ssize_t height = self.params().height;
            const py::ssize_t width = self.params().width;
            py::array_t<std::uint8_t> out({x.size(), height, width});
            const df::InstructionSet chosen = df::instruction_set_by_name(path);
            for (py::ssize_t i = 0; i < x.size(); ++i)
              self.render(ground, x.at(i), y.at(i), heading.at(i),
                          out.mutable_data() + i * height * width, nullptr, chosen);
            return out;
          },
          py::arg("ground"), py::arg("x"), py::arg("y"), py::arg("heading"), py::arg("path") = "");
}

std::uint32_t gather_sum(const WordArray& words, const IntArray& offsets, const std::string& set) {
  const auto count = static_cast<std::uint32_t>(words.size());
  bool outside = false;
  for (const std::int32_t offset : view(offsets))
    outside |= static_cast<std::uint32_t>(offset) >= count;
  if (outside || offsets.size() % 16 != 0)
    throw py::value_error("offsets must lie within the words and be a multiple of 16 in number");
  return df::gather_sum(view(words), view(offsets), df::instruction_set_by_name(set));
}

void bind_machine(py::module_& m) {
  m.def("instruction_sets", [] {
    std::vector<std::string> names;
    for (const df::InstructionSet set : df::instruction_sets())
      names.emplace_back(df::instruction_set_name(set));
    return names;
  });
  m.def("gather_sum", &gather_sum, py::arg("words"), py::arg("offsets"),
        py::arg("instruction_set") = "");
}

void bind_network(py::module_& m) {
  m.def("tune_allocator", &df::tune_allocator);
#ifdef DEEPRACER_FAST_NETWORK
  m.attr("NETWORK_JAXLIB") = DEEPRACER_FAST_NETWORK;  // the version it was built for
  m.def("network_kernels", &df::network::kernel_names);
  m.def("network_handlers", [] {
    py::dict result;
    for (const auto& [name, address] : df::network::handlers())
      result[py::str(name)] = py::capsule(address, "xla._CUSTOM_CALL_TARGET");
    return result;
  });
#endif
}

}  // namespace

PYBIND11_MODULE(_core, m) {
  m.doc() = "The native core of deepracer_fast; use deepracer_fast.simulator instead.";
  bind_machine(m);
  bind_vehicle(m);
  bind_lines(m);
  bind_world(m);
  bind_options(m);
  bind_object_records(m);
  bind_simulator(m);
  bind_camera(m);
  bind_object_methods(m);
  bind_network(m);
  py::list names, visible;
  for (const char* name : df::kStatusNames) names.append(name);
  for (const int column : df::kVisibleColumns) visible.append(column);
  m.attr("CONTROL_PERIOD") = double{df::kControlPeriod};
  m.attr("TRACK_STATE_SIZE") = df::kTrackStateSize;
  m.attr("OBJECT_COLUMNS") = df::kObjectColumns;
  m.attr("OBJECTS_TOLD") = df::kObjectsTold;
  m.attr("VISIBLE_TRACK_STATE") = py::tuple(visible);
  m.attr("STATUS_NAMES") = py::tuple(names);
}
