// Drives many cars side by side: see vehicle_simd.h.
#include "car/vehicle_simd.h"

#include <algorithm>

namespace deepracer_fast {
namespace {

// A VehicleState and what its substeps share, for kCarsTogether cars; lanes without a car stay at
// rest.
struct Lanes {
  using Floats = float[kCarsTogether];

  Floats x{}, y{}, heading{}, speed{}, side_speed{}, yaw_rate{}, steering{};
  Floats next_steering{}, next_speed{}, last_steering{}, last_speed{};
  Floats grip{}, stiff_along{}, stiff_side{};

  DEEPRACER_FAST_INLINE VehicleState state(int lane) const {
    return {{x[lane], y[lane]},
            heading[lane],
            speed[lane],
            side_speed[lane],
            yaw_rate[lane],
            steering[lane],
            {next_steering[lane], next_speed[lane]}};
  }
  DEEPRACER_FAST_INLINE void set_state(int lane, const VehicleState& s) {
    x[lane] = s.position.x;
    y[lane] = s.position.y;
    heading[lane] = s.heading;
    speed[lane] = s.speed;
    side_speed[lane] = s.side_speed;
    yaw_rate[lane] = s.yaw_rate;
    steering[lane] = s.steering;
    next_steering[lane] = s.command.steering;
    next_speed[lane] = s.command.speed;
  }

  DEEPRACER_FAST_INLINE Contact contact(int lane) const {
    return {grip[lane], stiff_along[lane], stiff_side[lane]};
  }
  DEEPRACER_FAST_INLINE void set_contact(int lane, const Contact& c) {
    grip[lane] = c.grip;
    stiff_along[lane] = c.stiff_along;
    stiff_side[lane] = c.stiff_side;
  }
};

DEEPRACER_FAST_INLINE void drive_lanes(Lanes& cars, const VehicleLaw& law) {
  const VehicleParams params = law.params;  // a copy: stores to the cars can't change it
  for (const Substep step : law.substeps)
    for (int lane = 0; lane < kCarsTogether; ++lane) {
      VehicleState s = cars.state(lane);
      drive_substep(s, params, cars.contact(lane),
                    {cars.last_steering[lane], cars.last_speed[lane]}, step);
      cars.set_state(lane, s);
    }
  for (int lane = 0; lane < kCarsTogether; ++lane)
    cars.heading[lane] = wrap_angle(cars.heading[lane]);
}

}  // namespace

void drive_together(std::span<const DriveOrder> orders, const VehicleLaw& law,
                    InstructionSet instruction_set) {
  if (orders.empty()) return;
  alignas(64) Lanes cars;
  for (int lane = 0; lane < static_cast<int>(orders.size()); ++lane) {
    const DriveOrder& order = orders[lane];
    VehicleState s = *order.vehicle;
    cars.last_steering[lane] = s.command.steering;
    cars.last_speed[lane] = s.command.speed;
    cars.set_contact(lane, contact_of(law.params, order.grip));
    s.command = clip_command(order.command);
    cars.set_state(lane, s);
  }
  run_on<drive_lanes>(instruction_set, cars, law);
  for (int lane = 0; lane < static_cast<int>(orders.size()); ++lane)
    *orders[lane].vehicle = cars.state(lane);
}

}  // namespace deepracer_fast
