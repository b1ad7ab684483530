// What differs from episode to episode for the sake of sim-to-real: light, colours, noise, blur,
// camera pose, age of the picture, grip, what steering and motor make of a command. All off by
// default.
//
// In: a Randomization (how much of each), and where a car is. Out: how its pictures are taken and
// disturbed, and its vehicle parameters in this episode. Every draw is a function of (seed, car,
// episode, draw), so neither threads nor the other cars can change it. Neighbours: Simulator asks
// for parameters, Sensors for views.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "car/vehicle.h"
#include "rendering/camera.h"
#include "rendering/ground.h"

namespace deepracer_fast {

// How far each property may differ; a draw is uniform, once per car and episode. "+-a" is
// [-a, a], "1 +- a" a factor in [1 - a, 1 + a], "0 to a" is [0, a].
struct Randomization {
  float surface_grey = 0.0F;   // 1 +- this: road, field, lines, dashes, walls and sky, each its own
  float light_gain = 0.0F;     // 1 +- this, on the whole picture
  float light_offset = 0.0F;   // grey levels, +- this, on the whole picture
  float pixel_noise = 0.0F;    // grey levels, 0 to this: standard deviation, anew in each picture
  float blur = 0.0F;           // pixels, 0 to this (at most 0.7): standard deviation of the kernel
  float camera_height = 0.0F;  // m, +- this
  float camera_pitch = 0.0F;   // rad, +- this
  float camera_yaw = 0.0F;     // rad, +- this
  float picture_delay = 0.0F;  // s, 0 to this (at most 0.2): age of the picture that is shown
  float grip = 0.0F;           // 1 +- this, on the friction between wheels and ground
  float steering_gain = 0.0F;  // 1 +- this, on the steering angle
  float steering_offset = 0.0F;  // degrees, +- this, on the steering angle
  float speed_gain = 0.0F;       // 1 +- this, on the speed
  bool at_bounds = false;        // each draw is one of the ends of its range, "0 to a" is a

  bool any() const {
    return surface_grey > 0.0F || light_gain > 0.0F || light_offset > 0.0F || pixel_noise > 0.0F ||
           blur > 0.0F || camera_height > 0.0F || camera_pitch > 0.0F || camera_yaw > 0.0F ||
           picture_delay > 0.0F || grip > 0.0F || steering_gain > 0.0F || steering_offset > 0.0F ||
           speed_gain > 0.0F;
  }
};

// How a car's pictures of one moment are taken.
struct View {
  const Camera* camera;
  const Tone* tone;  // or null
  Vec2 position;     // of base_link, m
  float heading;     // rad
  float age;         // s since the car was there
};

// Draws for each car at the start of its episode, then paints its pictures. With nothing to
// randomise it holds no memory and must not be asked for anything but is_on().
class Randomizer {
 public:
  // `first_car` is the number of the first car in its batch, for the draws.
  Randomizer(const Randomization& ranges, const Look& look, std::uint64_t seed, int num_cars,
             int first_car);

  bool is_on() const { return !episodes_.empty(); }
  std::size_t bytes_per_car() const;
  void begin_episode(int car, std::uint32_t episode);
  // The car was put somewhere else: no picture may show where it was before.
  void forget_poses(int car, const VehicleState& vehicle);
  // Factor on the friction between wheels and ground.
  float grip(int car) const { return episodes_[static_cast<std::size_t>(car)].grip; }
  // What steering and motor make of a command.
  VehicleCommand obeyed(int car, VehicleCommand asked) const {
    const Episode& episode = episodes_[static_cast<std::size_t>(car)];
    return {episode.steering_gain * asked.steering + episode.steering_offset,
            episode.speed_gain * asked.speed};
  }
  // Once per step, after the motion: from where and with what the car's pictures are taken. A
  // camera that does not differ from `standard` is that.
  View view(int car, const VehicleState& vehicle, const Camera& standard);
  // Blur and noise on a finished picture; `step` numbers those of an episode, `eye` those of a
  // step.
  void disturb(int car, std::int32_t step, int eye, std::uint8_t* out) const;

 private:
  static constexpr int kPoses = 5;  // the present one, and those of the last 4 / 15 s

  struct CarPose {
    Vec2 position;
    float heading;
  };

  // What one car drew for its episode.
  struct Episode {
    std::uint32_t number;
    Tone tone;
    float yaw;    // rad
    float delay;  // control periods
    float grip;
    float steering_gain;
    float steering_offset;  // rad
    float speed_gain;
    std::int32_t noise;                 // 1/64 grey level
    std::int32_t blur;                  // weight of each neighbour, of 256
    std::array<CarPose, kPoses> poses;  // the present one first
  };

  std::uint32_t car_number(int car) const { return first_car_ + static_cast<std::uint32_t>(car); }
  float draw(int car, std::uint32_t number, float low, float high) const;
  float around_one(int car, std::uint32_t number, float range) const {
    return 1.0F + draw(car, number, -range, range);
  }
  Tone draw_tone(int car) const;
  void mount_camera(int car);
  void remember_pose(Episode& episode, const VehicleState& vehicle) const;

  Randomization ranges_;
  Look look_;
  std::uint64_t seed_;
  std::uint32_t first_car_;
  std::vector<Episode> episodes_;  // [B], or empty when nothing is randomised
  std::vector<Camera> cameras_;    // [B], or empty when none differs from the standard
};

}  // namespace deepracer_fast
