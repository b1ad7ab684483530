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

#include "base/fields.h"
#include "base/random.h"
#include "car/vehicle.h"
#include "rendering/camera.h"
#include "rendering/ground.h"

namespace deepracer_fast {

// How far each property may differ; a draw is uniform, once per car and episode. "+-a" is
// [-a, a], "1 +- a" a factor in [1 - a, 1 + a], "0 to a" is [0, a].
struct Randomization {
  float surface_grey = 0.0F, light_gain = 0.0F, light_offset = 0.0F, pixel_noise = 0.0F;
  float blur = 0.0F, camera_height = 0.0F, camera_pitch = 0.0F, camera_yaw = 0.0F;
  float picture_delay = 0.0F, grip = 0.0F, steering_gain = 0.0F, steering_offset = 0.0F;
  float speed_gain = 0.0F;
  bool at_bounds = false;

  static constexpr auto fields() {
    using R = Randomization;
    const auto up_to = [](double most) { return Range{0.0, most}; };
    return std::tuple{
        Field{"surface_grey", &R::surface_grey, "",
              "1 +- this: road, field, lines, dashes, walls and sky, each its own", up_to(1.0)},
        Field{"light_gain", &R::light_gain, "", "1 +- this, on the whole picture", up_to(1.0)},
        Field{"light_offset", &R::light_offset, "grey levels", "+- this, likewise", up_to(255.0)},
        Field{"pixel_noise", &R::pixel_noise, "grey levels",
              "0 to this: standard deviation, anew in each picture", up_to(50.0)},
        Field{"blur", &R::blur, "pixels", "0 to this: deviation of the kernel", up_to(0.7)},
        Field{"camera_height", &R::camera_height, "m", "+- this", up_to(0.1)},
        Field{"camera_pitch", &R::camera_pitch, "rad", "+- this", up_to(0.2)},
        Field{"camera_yaw", &R::camera_yaw, "rad", "+- this", up_to(0.5)},
        Field{"picture_delay", &R::picture_delay, "s", "0 to this: the picture's age", up_to(0.2)},
        Field{"grip", &R::grip, "", "1 +- this, on the friction between wheels and ground",
              up_to(0.9)},
        Field{"steering_gain", &R::steering_gain, "", "1 +- this, on the angle", up_to(0.5)},
        Field{"steering_offset", &R::steering_offset, "deg", "+- this, likewise", up_to(10.0)},
        Field{"speed_gain", &R::speed_gain, "", "1 +- this, on the speed", up_to(0.5)},
        Field{"at_bounds", &R::at_bounds, "",
              "each draw is one of the ends of its range, \"0 to a\" is a"},
    };
  }

  bool any() const {
    bool found = false;
    for_each_row(fields(), [&](const auto& field) {
      if constexpr (std::is_same_v<typename std::decay_t<decltype(field)>::Type, float>)
        found |= this->*field.member > 0.0F;
    });
    return found;
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
  Randomizer(const Randomization& ranges, const Look& look, const SeededCars& batch);

  bool is_on() const { return !episodes_.empty(); }
  std::size_t bytes_per_car() const;
  void begin_episode(int car, std::uint32_t episode);
  // The car was put somewhere else: no picture may show where it was before.
  void forget_poses(int car, const VehicleState& vehicle);
  // Factor on the friction between wheels and ground.
  float grip(int car) const { return episodes_[car].grip; }
  // What steering and motor make of a command.
  VehicleCommand obeyed(int car, VehicleCommand asked) const {
    const Episode& episode = episodes_[car];
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

  float draw(int car, std::uint32_t number, float low, float high) const;
  float around_one(int car, std::uint32_t number, float range) const {
    return 1.0F + draw(car, number, -range, range);
  }
  Tone draw_tone(int car) const;
  void mount_camera(int car);

  Randomization ranges_;
  Look look_;
  SeededCars batch_;
  std::vector<Episode> episodes_;  // [B], or empty when nothing is randomised
  std::vector<Camera> cameras_;    // [B], or empty when none differs from the standard
};

}  // namespace deepracer_fast
