// One car over one control period: how steering and speed commands become motion.
//
// A rigid body on four wheels that slide on the ground. The original turns all four wheels at one
// common speed and both front ones to one angle (markov agent_ctrl/rollout_agent_ctrl.py), on
// contacts with mu = 0.5 (racecar.gazebo): in a bend the wheels can't all roll, and what the car
// does is the balance of their sliding. Understeer, the limits of acceleration and braking, the
// grip limit and the slide or spin beyond it all follow from that one law:
//
//   slip_along = speed of the wheel's centre along the wheel - speed_gain * v_cmd
//   slip_side  = speed of the wheel's centre across the wheel
//   force_along / mass = -grip / 4 * clip(slip_along / drive_slip, -1, 1)
//   force_side / mass  = -grip / 4 * clip(slip_side / side_slip, -1, 1)
//   ddelta/dt = (delta_cmd - delta) / steering_lag, after delta has followed a jump of delta_cmd at
//   once, by steering_kick at most;   the front wheels stand at
//   steering_gain * (delta + steering_offset);   a command works after `delay`
//
// The lag and the kick are what the original's controller of versions 3 and 4 does (racecar_control
// yaml: p = 1, d = 0.5; URDF: effort 10): the lag is d / p, and in the tick that sees a command
// jump the derivative part asks for far more than the joint's effort, so that whatever the jump,
// the wheels are thrown about as far before they are caught. A kick in proportion to the jump
// misses version-4 recordings by 8.5 % where this one misses by 7 %.
//
// Within a substep of length dt a push takes away grip * dt of the slip that causes it, so the slip
// at full grip is that much larger than the parameter: stable for any grip, and part of what was
// fitted. The two directions saturate apart from each other, as in the friction pyramid of the
// original's physics engine (a friction circle doubles the error on version-5 recordings).
// Parameters are fits of benchmarks/fit_vehicle.py to step traces of the original; geometry, wheel
// loads (even) and inertia are those of the car description (deepracer URDF).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <tuple>

#include "base/fields.h"
#include "base/geometry.h"

namespace deepracer_fast {

// One control period: a camera frame at 15 Hz (racecar.gazebo: update_rate 15).
inline constexpr float kControlPeriod = 1.0F / 15.0F;  // s

// Limits that the original puts on every command (markov agent_ctrl/constants.py).
inline constexpr float kMaxSteeringDeg = 30.0F;
inline constexpr float kMaxSteering = radians(kMaxSteeringDeg);  // rad
inline constexpr float kMinSpeed = 0.1F;                         // m/s
inline constexpr float kMaxSpeed = 4.0F;                         // m/s

inline constexpr Range kQuarterTurn = {-1.58, 1.58};  // rad, of a wheel to each side

// Geometry of the car (deepracer URDF), in metres from base_link, which lies on the ground.
inline constexpr float kFrontPoint = 0.14F;  // the point whose x, y and progress are reported
inline constexpr float kRearAxle = -0.081663F;
inline constexpr float kFrontAxle = 0.082311F;
inline constexpr float kHalfRearTrack = 0.08105F;
inline constexpr float kHalfFrontTrack = 0.079601F;
// Yaw inertia / mass of chassis, hinges and wheels together, m^2; the centre of mass is base_link.
inline constexpr float kGyration2 = 0.0122F;

inline constexpr int kFirstVersion = 3, kLastVersion = 6;  // of model_metadata.json, as known here

struct VehicleParams {
  float delay, speed_gain, grip, drive_slip, side_slip;
  float steering_lag, steering_kick, steering_gain, steering_offset;

  static constexpr auto fields() {
    using P = VehicleParams;
    constexpr Range kInverted = {1e-6, 1e6};
    return std::tuple{
        Field{"delay", &P::delay, "s", "from a command to its effect", Range{0.0, kControlPeriod}},
        Field{"speed_gain", &P::speed_gain, "",
              "wheel speed / commanded speed (the wheel is larger than believed)",
              Range{0.0, 10.0}},
        Field{"grip", &P::grip, "m/s^2", "with which all wheels push together", Range{0.0, 1e6}},
        Field{"drive_slip", &P::drive_slip, "m/s",
              "along a wheel at which it pushes with its full grip", kInverted},
        Field{"side_slip", &P::side_slip, "m/s", "across it, likewise", kInverted},
        Field{"steering_lag", &P::steering_lag, "s", "in which the steering loses its error",
              kInverted},
        Field{"steering_kick", &P::steering_kick, "rad",
              "of a command's jump that the steering follows at once, at most", Range{0.0, 1e6}},
        Field{"steering_gain", &P::steering_gain, "",
              "angle of the front wheels / angle of the steering", Range{-100.0, 100.0}},
        Field{"steering_offset", &P::steering_offset, "rad", "recordings pull left", kQuarterTurn},
    };
  }
};

// The fitted cars, in the order of the members.
//
// `version` 3 and 4 of model_metadata.json: effort controllers (a slow steering, soft wheels).
// Fit to 543 episodes of one training up to 2 m/s.
inline constexpr VehicleParams kVersion4 = {0.0098F, 1.022F, 3.33F,  0.515F, 0.015F,
                                            0.482F,  0.037F, 0.776F, 0.0115F};

// `version` 5: velocity and position joint controllers, which have no derivative part. Fit to 20
// episodes up to 3 m/s and to the understeer of 9,059 samples of other runs up to 4 m/s.
inline constexpr VehicleParams kVersion5 = {0.0455F, 1.021F, 3.78F,  0.257F, 0.0294F,
                                            0.0023F, 0.0F,   0.606F, 0.0405F};

// `version` 6: the same controllers in the ROS 2 release, on another physics engine. Fit to three
// laps up to 2.5 m/s and to the understeer of 15,281 samples of two runs; none shows a limit of
// grip, and any above 18 fits them.
inline constexpr VehicleParams kVersion6 = {0.0545F, 1.014F, 30.0F, 0.22F,  0.03F,
                                            0.148F,  0.0F,   0.99F, 0.0063F};

// The car that `version` of model_metadata.json selects, 3 to 6; straight unless `asymmetric`.
inline VehicleParams vehicle_params(int car_version, bool asymmetric) {
  VehicleParams params = car_version <= 4 ? kVersion4 : car_version == 5 ? kVersion5 : kVersion6;
  if (!asymmetric) params.steering_offset = 0.0F;
  return params;
}

struct VehicleCommand {
  float steering = 0.0F;  // rad, left positive
  float speed = 0.0F;     // m/s
};

struct VehicleState {
  Vec2 position;            // base_link, m
  float heading = 0.0F;     // rad
  float speed = 0.0F;       // m/s of base_link along the heading
  float side_speed = 0.0F;  // m/s of base_link to the left of it
  float yaw_rate = 0.0F;    // rad/s
  float steering = 0.0F;    // rad, before gain and offset
  VehicleCommand command;   // the last one given
};

// What others are told of a state: x, y, heading, speed, steering. Returns the end of the row.
inline constexpr int kVehicleStateSize = 5;
inline float* write_state(const VehicleState& v, float* row) {
  for (const float value : {v.position.x, v.position.y, v.heading, v.speed, v.steering})
    *row++ = value;
  return row;
}

inline constexpr int kSubsteps = 10;                           // the fits hold for these 6.7 ms
inline constexpr float kSubstep = kControlPeriod / kSubsteps;  // s

// What a substep obeys: the last command until the delay has passed, then the car's own.
struct Substep {
  float old;             // share of the last command
  float newly;           // share of it that the car's own replaces in this substep
  float steering_share;  // of its error that the steering loses
};

// What the parameters make of every control period alike, worked out once.
struct VehicleLaw {
  // Throws std::invalid_argument for a kick that no substep has room for.
  explicit VehicleLaw(const VehicleParams& p) : params(p) {
    if (p.steering_kick > 0.0F && p.delay > kControlPeriod - kSubstep)
      throw std::invalid_argument("delay must be at most 0.06 s where there is a steering_kick");
    float old_before = 1.0F;
    for (int i = 0; i < kSubsteps; ++i) {
      const float old = std::clamp(p.delay / kSubstep - static_cast<float>(i), 0.0F, 1.0F);
      substeps[i] = {old, old_before - old, 1.0F - std::exp(-kSubstep / p.steering_lag)};
      old_before = old;
    }
  }

  VehicleParams params;
  std::array<Substep, kSubsteps> substeps;
};

// How the wheels hold on to the ground; the grip is the one parameter that differs between cars.
struct Contact {
  float grip;         // m/s^2
  float stiff_along;  // 1 / slip at full grip, s/m
  float stiff_side;
};

// The slip that a push takes away within a substep softens it: stable for any grip.
DEEPRACER_FAST_INLINE Contact contact_of(const VehicleParams& p, float grip) {
  return {grip, 1.0F / (p.drive_slip + grip * kSubstep), 1.0F / (p.side_slip + grip * kSubstep)};
}

// What the wheels do to a car: accelerations in its own frame.
struct Push {
  float ahead;  // m/s^2
  float left;   // m/s^2
  float turn;   // rad/s^2
};

DEEPRACER_FAST_INLINE float saturate(float share) { return limit(share, -1.0F, 1.0F); }

DEEPRACER_FAST_INLINE VehicleCommand clip_command(VehicleCommand c) {
  return {limit(c.steering, -kMaxSteering, kMaxSteering), limit(c.speed, kMinSpeed, kMaxSpeed)};
}

// Share of its full push that a wheel gives, in the car's frame: it points along `wheel` and its
// centre moves with `motion` over the ground.
DEEPRACER_FAST_INLINE Vec2 push_of_wheel(Vec2 wheel, Vec2 motion, float wheel_speed,
                                         const Contact& contact) {
  const float along = saturate((wheel_speed - dot(motion, wheel)) * contact.stiff_along);
  const float across = -saturate(cross(wheel, motion) * contact.stiff_side);
  return offset({}, wheel, along, across);
}

DEEPRACER_FAST_INLINE Push push_of_wheels(const VehicleState& s, const VehicleParams& p,
                                          const Contact& contact, float wheel_speed) {
  // The rear wheels point along the car and slide sideways alike.
  const float rear_swing = s.yaw_rate * kHalfRearTrack;
  const float rear_left = saturate((wheel_speed - s.speed + rear_swing) * contact.stiff_along);
  const float rear_right = saturate((wheel_speed - s.speed - rear_swing) * contact.stiff_along);
  const float rear_side =
      -2.0F * saturate((s.side_speed + s.yaw_rate * kRearAxle) * contact.stiff_side);

  const Vec2 wheel = direction(p.steering_gain * (s.steering + p.steering_offset));
  const float side = s.side_speed + s.yaw_rate * kFrontAxle;
  const float front_swing = s.yaw_rate * kHalfFrontTrack;
  const Vec2 left = push_of_wheel(wheel, {s.speed - front_swing, side}, wheel_speed, contact);
  const Vec2 right = push_of_wheel(wheel, {s.speed + front_swing, side}, wheel_speed, contact);

  const float wheel_grip = 0.25F * contact.grip;
  const float turn = kFrontAxle * (left.y + right.y) + kRearAxle * rear_side +
                     kHalfFrontTrack * (right.x - left.x) +
                     kHalfRearTrack * (rear_right - rear_left);
  return {wheel_grip * ((left.x + right.x) + (rear_left + rear_right)),
          wheel_grip * ((left.y + right.y) + rear_side), wheel_grip / kGyration2 * turn};
}

DEEPRACER_FAST_INLINE void drive_substep(VehicleState& s, const VehicleParams& p,
                                         const Contact& contact, VehicleCommand last,
                                         Substep step) {
  constexpr float dt = kSubstep;
  const float steering = step.old * last.steering + (1.0F - step.old) * s.command.steering;
  const float speed = step.old * last.speed + (1.0F - step.old) * s.command.speed;
  const float jump = s.command.steering - last.steering;
  s.steering += step.newly * limit(jump, -p.steering_kick, p.steering_kick);
  s.steering += step.steering_share * (steering - s.steering);

  const Push push = push_of_wheels(s, p, contact, p.speed_gain * speed);
  // The frame turns under the velocity.
  const float ahead = push.ahead + s.yaw_rate * s.side_speed;
  s.side_speed += dt * (push.left - s.yaw_rate * s.speed);
  s.speed += dt * ahead;
  s.yaw_rate += dt * push.turn;

  const Vec2 along = direction(s.heading + 0.5F * dt * s.yaw_rate);
  s.position = offset(s.position, along, s.speed * dt, s.side_speed * dt);
  s.heading += s.yaw_rate * dt;
}

// One control period of one car. Many at once: vehicle_simd.h.
inline void drive(VehicleState& s, const VehicleLaw& law, float grip, VehicleCommand next) {
  const Contact contact = contact_of(law.params, grip);
  const VehicleCommand last = s.command;
  s.command = clip_command(next);
  for (const Substep& step : law.substeps) drive_substep(s, law.params, contact, last, step);
  s.heading = wrap_angle(s.heading);
}

// One car on an endless plane: where it is before the first of its commands [T] and after each of
// them, as [T + 1, kVehicleStateSize].
inline void drive_open_loop(VehicleState start, const VehicleLaw& law,
                            std::span<const VehicleCommand> commands, float* out) {
  out = write_state(start, out);
  for (const VehicleCommand command : commands) {
    drive(start, law, law.params.grip, command);
    out = write_state(start, out);
  }
}

}  // namespace deepracer_fast
