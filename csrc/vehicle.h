// One car over one control period: how steering and speed commands become motion.
//
// The model is the simplest that follows recordings of the original: a pure delay before a
// command takes effect, first-order lag of speed (with limits of acceleration and braking) and of
// the steering angle, and a single-track car whose yaw rate falls short of the geometric one. The
// original drives four wheels at one common speed with both front wheels at one angle on mu = 0.5,
// so it understeers already at walking pace:
//
//   dv/dt     = clip((speed_gain * v_cmd - v) / speed_lag, -max_braking, max_acceleration)
//   ddelta/dt = (delta_cmd - delta) / steering_lag
//   w0        = yaw_gain * v * tan(delta) / wheelbase
//   w         = w0 / sqrt(1 + (v * w0 / max_lateral)^2)
//   dheading/dt = w;   the middle of the rear axle moves at v along the heading (it does not slip)
//
// The form and the parameters are fits to step traces of the original service and of its open
// successors; the rear axle without slip is what those traces show (sideslip at the chassis
// centre = w * wheelbase / 2 / v).
#pragma once

#include <algorithm>
#include <cmath>

#include "geometry.h"

namespace deepracer_fast {

// One control period: a camera frame at 15 Hz (racecar.gazebo: update_rate 15).
inline constexpr float kControlPeriod = 1.0f / 15.0f;  // s

// Limits that the original puts on every command (markov agent_ctrl/constants.py).
inline constexpr float kMaxSteering = radians(30.0f);  // rad
inline constexpr float kMinSpeed = 0.1f;               // m/s
inline constexpr float kMaxSpeed = 4.0f;               // m/s

// Geometry of the car (deepracer URDF), in metres from base_link, which lies on the ground.
inline constexpr float kWheelbase = 0.163974f;
inline constexpr float kFrontPoint = 0.14f;  // the point whose x, y and progress are reported
inline constexpr float kRearAxle = -0.081663f;
inline constexpr float kFrontAxle = 0.082311f;
inline constexpr float kHalfRearTrack = 0.08105f;
inline constexpr float kHalfFrontTrack = 0.079601f;

struct VehicleParams {
  float delay;             // s from a command to its first effect; at most one control period
  float speed_gain;        // steady speed / commanded speed
  float speed_lag;         // s
  float max_acceleration;  // m/s^2
  float max_braking;       // m/s^2
  float steering_lag;      // s
  float yaw_gain;          // yaw rate / that of the geometric bicycle, at low speed
  float understeer;        // s^2/m^2, by which that share falls with the square of the speed
  float max_lateral;       // m/s^2, approached asymptotically by |v * w|
  float asymmetry;         // share by which left turns are tighter and right turns wider
};

// `version` 3 and 4 of model_metadata.json: effort controllers.
inline constexpr VehicleParams kVersion4 = {.delay = 0.020f,
                                            .speed_gain = 1.036f,
                                            .speed_lag = 0.134f,
                                            .max_acceleration = 3.45f,
                                            .max_braking = 6.35f,
                                            .steering_lag = 0.44f,
                                            .yaw_gain = 0.776f,
                                            .understeer = 0.0264f,
                                            .max_lateral = 2.74f,
                                            .asymmetry = 0.139f};

// `version` 5: velocity and position joint controllers.
inline constexpr VehicleParams kVersion5 = {.delay = 0.017f,
                                            .speed_gain = 0.975f,
                                            .speed_lag = 0.215f,
                                            .max_acceleration = 3.36f,
                                            .max_braking = 2.84f,
                                            .steering_lag = 0.128f,
                                            .yaw_gain = 0.998f,
                                            .understeer = 0.0675f,
                                            .max_lateral = 2.24f,
                                            .asymmetry = 0.254f};

// `version` 6: the same controllers in the ROS 2 release, on another physics engine.
inline constexpr VehicleParams kVersion6 = {.delay = 0.023f,
                                            .speed_gain = 1.008f,
                                            .speed_lag = 0.052f,
                                            .max_acceleration = 18.0f,
                                            .max_braking = 13.4f,
                                            .steering_lag = 0.197f,
                                            .yaw_gain = 0.685f,
                                            .understeer = 0.023f,
                                            .max_lateral = 22.3f,
                                            .asymmetry = 0.055f};

// The car that `version` of model_metadata.json selects; 3 to 6.
inline VehicleParams vehicle_params(int version, bool asymmetric = false) {
  VehicleParams params = version <= 4 ? kVersion4 : version == 5 ? kVersion5 : kVersion6;
  if (!asymmetric) params.asymmetry = 0.0f;
  return params;
}

struct VehicleCommand {
  float steering = 0.0f;  // rad, left positive
  float speed = 0.0f;     // m/s
};

struct VehicleState {
  Vec2 position;           // base_link, m
  float heading = 0.0f;    // rad
  float speed = 0.0f;      // m/s of the rear axle, along the heading
  float steering = 0.0f;   // rad, of both front wheels
  VehicleCommand command;  // the one in effect
};

inline VehicleCommand clip_command(VehicleCommand c) {
  return {std::clamp(c.steering, -kMaxSteering, kMaxSteering),
          std::clamp(c.speed, kMinSpeed, kMaxSpeed)};
}

// `seconds` of motion under `s.command` in `substeps` equal parts (midpoint rule for the pose,
// exact decay for the lags).
inline void advance(VehicleState& s, const VehicleParams& p, float seconds, int substeps) {
  const float dt = seconds / static_cast<float>(substeps);
  const float speed_share = 1.0f - std::exp(-dt / p.speed_lag);
  const float steering_share = 1.0f - std::exp(-dt / p.steering_lag);
  for (int i = 0; i < substeps; ++i) {
    const float wanted = speed_share * (p.speed_gain * s.command.speed - s.speed);
    s.speed += std::clamp(wanted, -p.max_braking * dt, p.max_acceleration * dt);
    s.steering += steering_share * (s.command.steering - s.steering);

    const float share = (p.yaw_gain + std::copysign(p.yaw_gain * p.asymmetry, s.steering)) /
                        (1.0f + p.understeer * s.speed * s.speed);
    const float geometric = share * s.speed * std::tan(s.steering) / kWheelbase;
    const float load = s.speed * geometric / p.max_lateral;
    const float yaw_rate = geometric / std::sqrt(1.0f + load * load);

    const float middle = s.heading + 0.5f * dt * yaw_rate;
    const Vec2 along = {std::cos(middle), std::sin(middle)};
    // base_link sits ahead of the rear axle and is swung sideways by the yaw.
    s.position = offset(s.position, along, s.speed * dt, -kRearAxle * yaw_rate * dt);
    s.heading = wrap_angle(s.heading + yaw_rate * dt);
  }
}

// One control period: the old command until the delay has passed, then the new one.
inline void drive(VehicleState& s, const VehicleParams& p, VehicleCommand next) {
  constexpr int kSubstepsPerPart = 5;  // under 10 ms each; halving them moves a lap by < 1 mm
  advance(s, p, p.delay, kSubstepsPerPart);
  s.command = clip_command(next);
  advance(s, p, kControlPeriod - p.delay, kSubstepsPerPart);
}

}  // namespace deepracer_fast
