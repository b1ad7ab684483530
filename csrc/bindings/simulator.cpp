// The part of the Python module that is the simulator: its calls in turn, and views of its arrays.
#include "simulator/simulator.h"

#include <mutex>

#include "bindings/bindings.h"

namespace {

constexpr double kAstray = 1000.0;  // m beyond the walls where a car or an object may be put

// Works on a simulator without the GIL, while no other thread does.
template <typename Work>
auto in_turn(df::Simulator& simulator, const Work& work) {
  const py::gil_scoped_release unlocked;
  const std::lock_guard turn(simulator.turns());
  return work();
}

std::unique_ptr<df::Simulator> make_simulator(const py::object& track, const py::object& ground,
                                              const py::object& options) {
  const std::shared_ptr<const df::Track> road = check::shared<df::Track>(track, "track");
  const std::shared_ptr<const df::Ground> floor = check::shared<df::Ground>(ground, "ground");
  const auto chosen = check::object<df::SimulatorOptions>(options, "options");
  df::check_options(chosen, static_cast<double>(road->length()));
  const py::gil_scoped_release unlocked;
  return std::make_unique<df::Simulator>(road, floor, chosen);
}

void reset(const py::object& self) {
  auto& simulator = check::self<df::Simulator>(self);
  in_turn(simulator, [&] { simulator.reset(); });
}

void begin_episodes(const py::object& self, const py::object& number) {
  auto& simulator = check::self<df::Simulator>(self);
  const auto episode =
      static_cast<std::uint32_t>(check::integer(number, "number", 0, 0xffffffffLL));
  in_turn(simulator, [&] { simulator.begin_episodes(episode); });
}

// [B, 2] of so many cars, as `step` takes them: steering angles in degrees and speeds in m/s.
py::array_t<float> actions_of(py::handle actions, int num_cars) {
  return check::numbers<float>(actions, "actions", {num_cars, 2}, df::kFinite);
}

void step(const py::object& self, const py::object& actions) {
  auto& simulator = check::self<df::Simulator>(self);
  const auto commands = actions_of(actions, simulator.cars().num_cars);
  const std::span<const float> data = view(commands);
  in_turn(simulator, [&] { simulator.step(data); });
}

void place(const py::object& self, const py::object& cars, const py::object& x, const py::object& y,
           const py::object& heading, const py::object& steering) {
  auto& simulator = check::self<df::Simulator>(self);
  const df::Rectangle& walls = simulator.ground().field();
  const auto which = check::cars(cars, simulator.cars().num_cars);
  const std::size_t n = which.size();
  const auto xs =
      check::numbers<float>(x, "x", {n}, {walls.min_x - kAstray, walls.max_x + kAstray});
  const auto ys =
      check::numbers<float>(y, "y", {n}, {walls.min_y - kAstray, walls.max_y + kAstray});
  const auto headings = check::numbers<float>(heading, "heading", {n}, check::kAngles);
  const auto angles = check::numbers<float>(steering, "steering", {n}, df::kQuarterTurn);
  const auto at_x = view(xs), at_y = view(ys), along = view(headings), wheels = view(angles);
  in_turn(simulator, [&] { simulator.place(which, at_x, at_y, along, wheels); });
}

void place_objects(const py::object& self, const py::object& cars, const py::object& location,
                   const py::object& heading) {
  auto& simulator = check::self<df::Simulator>(self);
  const df::Rectangle& walls = simulator.ground().field();
  const auto which = check::cars(cars, simulator.cars().num_cars);
  const std::size_t n = which.size();
  const int k = simulator.traffic().num_objects();
  // One range for both coordinates.
  const df::Range reach = {std::min(walls.min_x, walls.min_y) - kAstray,
                           std::max(walls.max_x, walls.max_y) + kAstray};
  const auto places = check::numbers<float>(location, "location", {n, k, 2}, reach);
  const auto headings = check::numbers<float>(heading, "heading", {n, k}, check::kAngles);
  const auto at = view(places), along = view(headings);
  in_turn(simulator, [&] { simulator.place_objects(which, at, along); });
}

py::array_t<float> track_states(const py::object& self) {
  auto& simulator = check::self<df::Simulator>(self);
  py::array_t<float> result({simulator.cars().num_cars, df::kTrackStateSize});
  const std::span out(result.mutable_data(), static_cast<std::size_t>(result.size()));
  in_turn(simulator, [&] { simulator.write_track_states(out); });
  return result;
}

py::array_t<float> vehicle_states(const py::object& self) {
  auto& simulator = check::self<df::Simulator>(self);
  py::array_t<float> result({simulator.cars().num_cars, df::kVehicleStateSize});
  const std::span out(result.mutable_data(), static_cast<std::size_t>(result.size()));
  in_turn(simulator, [&] { simulator.write_vehicle_states(out); });
  return result;
}

py::array_t<float> object_poses(const py::object& self) {
  auto& simulator = check::self<df::Simulator>(self);
  py::array_t<float> result({simulator.cars().num_cars, simulator.traffic().num_objects(), 3});
  const std::span out(result.mutable_data(), static_cast<std::size_t>(result.size()));
  in_turn(simulator, [&] { simulator.write_object_poses(out); });
  return result;
}

// Views of the columns of a table, by name.
template <typename Arrays, typename Table>
py::dict views(const Arrays& arrays, const Table& table, const py::object& self) {
  const auto& simulator = check::self<df::Simulator>(self);
  const int cars = simulator.cars().num_cars, objects = simulator.traffic().num_objects();
  py::dict result;
  df::for_each_row(table, [&](const auto& column) {
    result[column.name] = column_view(arrays, column, cars, objects, self);
  });
  return result;
}

py::dict params(const py::object& self) {
  return views(check::self<df::Simulator>(self).cars(), df::CarBatch::params(), self);
}

// Empty where the race has no objects.
py::dict object_params(const py::object& self) {
  const df::Traffic& traffic = check::self<df::Simulator>(self).traffic();
  if (!traffic.is_on()) return {};
  return views(traffic.columns(), df::ObjectColumns::params(), self);
}

// Rows of observations: one a car; of final ones none unless they are kept.
py::ssize_t num_rows(const df::Simulator& simulator, bool is_final) {
  const bool has_rows = !is_final || simulator.sensors().options().final_observations;
  return has_rows ? simulator.cars().num_cars : 0;
}

template <bool kIsFinal>
py::array pictures(const py::object& self) {
  const auto& simulator = check::self<df::Simulator>(self);
  const df::Sensors& sensors = simulator.sensors();
  const auto data = kIsFinal ? sensors.final_pictures() : sensors.pictures();
  return shaped_view(data.data(),
                     {num_rows(simulator, kIsFinal), df::kPictureHeight, df::kPictureWidth,
                      sensors.options().num_eyes()},
                     self);
}

template <bool kIsFinal>
py::array lidar(const py::object& self) {
  const auto& simulator = check::self<df::Simulator>(self);
  const df::Sensors& sensors = simulator.sensors();
  const auto data = kIsFinal ? sensors.final_lidar() : sensors.lidar();
  return shaped_view(data.data(), {num_rows(simulator, kIsFinal), sensors.options().lidar_size()},
                     self);
}

py::array final_track_states(const py::object& self) {
  const auto& simulator = check::self<df::Simulator>(self);
  return shaped_view(simulator.final_track_states().data(),
                     {num_rows(simulator, true), df::kTrackStateSize}, self);
}

// A lock for what Python does around a simulator's calls, such as the stacking of frames.
void bind_turns(py::module_& m) {
  py::class_<df::Turns>(m, "Turns")
      .def(py::init())
      .def("__enter__",
           [](const py::object& self) {
             auto& turns = check::self<df::Turns>(self);
             const py::gil_scoped_release unlocked;
             turns.lock();
           })
      .def("__exit__",
           [](const py::object& self, const py::args&) { check::self<df::Turns>(self).unlock(); });
  // The one error of the core that no argument causes, so it is a user's from the start.
  py::register_exception_translator([](std::exception_ptr error) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const df::LeftBehind& left_behind) {
      const auto type = py::module_::import("deepracer_fast.errors").attr("SimulatorError");
      py::set_error(type, left_behind.what());
    }
  });
}

}  // namespace

void bind_simulator(py::module_& m) {
  bind_turns(m);
  // Throws as Simulator does for options that do not fit together, and builds nothing.
  m.def(
      "check_options",
      [](const py::object& options, const py::object& track_length) {
        df::check_options(check::object<df::SimulatorOptions>(options, "options"),
                          check::number(track_length, "track_length", check::kPlaces));
      },
      py::arg("options"), py::arg("track_length"));
  m.def(
      "actions_of",
      [](const py::object& actions, const py::object& num_cars) {
        return actions_of(actions,
                          static_cast<int>(check::integer(num_cars, "num_cars", 1, 1 << 24)));
      },
      py::arg("actions"), py::arg("num_cars"));
  py::class_<df::Simulator> simulator(m, "Simulator");
  simulator.def(py::init(&make_simulator), py::arg("track"), py::arg("ground"), py::arg("options"))
      .def("reset", &reset)
      .def("begin_episodes", &begin_episodes, py::arg("number"))
      .def("step", &step, py::arg("actions"))
      .def("place", &place, py::arg("cars"), py::arg("x"), py::arg("y"), py::arg("heading"),
           py::arg("steering"))
      .def("place_objects", &place_objects, py::arg("cars"), py::arg("location"),
           py::arg("heading"))
      .def("track_states", &track_states)
      .def("vehicle_states", &vehicle_states)
      .def("object_poses", &object_poses)
      .def_property_readonly(
          "bytes_per_car",
          [](const py::object& self) { return check::self<df::Simulator>(self).bytes_per_car(); })
      .def_property_readonly("params", &params)
      .def_property_readonly("object_params", &object_params)
      .def_property_readonly("pictures", &pictures<false>)
      .def_property_readonly("lidar", &lidar<false>)
      .def_property_readonly("final_pictures", &pictures<true>)
      .def_property_readonly("final_lidar", &lidar<true>)
      .def_property_readonly("final_track_states", &final_track_states);
  df::for_each_row(df::CarBatch::outcomes(), [&](const auto& column) {
    simulator.def_property_readonly(column.name, [column](const py::object& self) {
      const df::CarBatch& cars = check::self<df::Simulator>(self).cars();
      return column_view(cars, column, cars.num_cars, 0, self);
    });
  });
  m.attr("PARAMS") = described(df::CarBatch::params());
  m.attr("OBJECT_PARAMS") = described(df::ObjectColumns::params());
  m.attr("OUTCOMES") = described(df::CarBatch::outcomes());
}
