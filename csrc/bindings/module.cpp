// The Python module `_core`: checks arguments, releases the GIL, calls, hands out views.
//
// Nothing is computed here. Arrays that come back are read-only views of native memory, kept alive
// by their owner and overwritten by its next step. This file holds what belongs to no track and no
// batch; the rest of the module is in the other files of this folder.
#include <charconv>
#include <string>
#include <vector>

#include "base/allocator.h"
#include "bindings/bindings.h"
#include "simulator/simulator.h"
#ifdef DEEPRACER_FAST_NETWORK
#include "network/ffi.h"
#endif

namespace {

// Cars on an endless plane: where base_link is before the first command and after each of them.
// starts [B, 4]: x, y, heading, steering angle; commands [B, T, 2]: steering, speed (rad, m/s).
// Returns [B, T + 1, 5] as Simulator.vehicle_states does.
py::array_t<float> drive_open_loop(const py::object& vehicle, const py::object& starts,
                                   const py::object& commands) {
  const auto& params = check::object<df::VehicleParams>(vehicle, "vehicle");
  const auto first = check::numbers<float>(starts, "starts", {'B', 4}, check::kAngles);
  const auto all =
      check::numbers<float>(commands, "commands", {first.shape(0), 'T', 2}, df::kFinite);
  const py::ssize_t steps = all.shape(1);
  py::array_t<float> result({all.shape(0), steps + 1, py::ssize_t{df::kVehicleStateSize}});
  const df::VehicleLaw law(params);
  const auto start = first.unchecked<2>();
  static_assert(sizeof(df::VehicleCommand) == 2 * sizeof(float));
  const auto* command = reinterpret_cast<const df::VehicleCommand*>(all.data());
  for (py::ssize_t car = 0; car < all.shape(0); ++car) {
    df::VehicleState state;
    state.position = {start(car, 0), start(car, 1)};
    state.heading = start(car, 2);
    state.steering = start(car, 3);
    df::drive_open_loop(state, law, {command + car * steps, static_cast<std::size_t>(steps)},
                        result.mutable_data(car));
  }
  return result;
}

// Cosines and sines [N, 2] of angles [N], as the physics has them.
py::array_t<float> direction(const py::object& angles) {
  const auto all = check::numbers<float>(angles, "angles", {'N'}, check::kAngles);
  py::array_t<float> result({all.size(), py::ssize_t{2}});
  for (py::ssize_t i = 0; i < all.size(); ++i) {
    const df::Vec2 along = df::direction(all.at(i));
    result.mutable_at(i, 0) = along.x;
    result.mutable_at(i, 1) = along.y;
  }
  return result;
}

void bind_functions(py::module_& m) {
  m.def("direction", &direction, py::arg("angles"));
  m.def("drive_open_loop", &drive_open_loop, py::arg("vehicle"), py::arg("starts"),
        py::arg("commands"));
  m.def("tune_allocator", &df::tune_allocator);
  m.def("instruction_sets", [] {
    std::vector<std::string> names;
    for (const df::InstructionSet set : df::instruction_sets())
      names.emplace_back(df::instruction_set_name(set));
    return names;
  });
}

void bind_network(py::module_& m) {
#ifdef DEEPRACER_FAST_NETWORK
  m.attr("NETWORK_JAXLIB") = DEEPRACER_FAST_NETWORK;  // the version it was built for
  m.def("network_instruction_sets", &df::network::instruction_sets);
  m.def("network_handlers", [] {
    py::dict result;
    for (const auto& [name, address] : df::network::handlers())
      result[py::str(name)] = py::capsule(address, "xla._CUSTOM_CALL_TARGET");
    return result;
  });
#endif
}

// The number that a constant of the core was written as.
double written(float value) {
  char text[32];
  double result = 0.0;
  std::from_chars(text, std::to_chars(text, text + sizeof text, value).ptr, result);
  return result;
}

void bind_constants(py::module_& m) {
  py::list names, visible;
  for (const char* name : df::kStatusNames) names.append(name);
  for (const int column : df::kVisibleColumns) visible.append(column);
  m.attr("CONTROL_PERIOD") = double{df::kControlPeriod};
  m.attr("FRONT_POINT") = written(df::kFrontPoint);
  m.attr("STEERING_LIMIT_DEG") = written(df::kMaxSteeringDeg);
  m.attr("SPEED_LIMITS") = py::make_tuple(written(df::kMinSpeed), written(df::kMaxSpeed));
  m.attr("MAX_OBJECTS") = df::kMaxObjects;
  m.attr("PICTURE_SHAPE") = py::make_tuple(df::kPictureHeight, df::kPictureWidth);
  m.attr("LIDAR_RAYS") = df::kLidarRays;
  m.attr("LIDAR_SECTORS") = df::kNumSectors;
  m.attr("TRACK_STATE_SIZE") = df::kTrackStateSize;
  m.attr("OBJECT_COLUMNS") = df::kObjectColumns;
  m.attr("OBJECTS_TOLD") = df::kObjectsTold;
  m.attr("VISIBLE_TRACK_STATE") = py::tuple(visible);
  m.attr("STATUS_NAMES") = py::tuple(names);
}

}  // namespace

PYBIND11_MODULE(_core, m) {
  m.doc() = "The native core of deepracer_fast; use deepracer_fast.world.simulator instead.";
  bind_functions(m);
  bind_lines(m);
  bind_records(m);
  bind_world(m);
  bind_simulator(m);
  bind_network(m);
  bind_constants(m);
}
