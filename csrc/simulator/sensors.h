// Sensors: what the cars of a batch see after each step.
//
// In: where a car and its objects are. Out: one picture a car (grey, or left and right) and one
// LIDAR observation, in arrays that Python reads; on request also what each car saw last in the
// episode that it ended last. Neighbours: Simulator calls `sense` after the motion; camera.h,
// object_view.h and lidar.h do the work, randomization.h disturbs it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/fields.h"
#include "base/huge_pages.h"
#include "base/random.h"
#include "rendering/camera.h"
#include "rendering/lidar.h"
#include "simulator/randomization.h"

namespace deepracer_fast {

inline constexpr int kPictureHeight = 120;
inline constexpr int kPictureWidth = 160;
inline constexpr int kPictureSize = kPictureHeight * kPictureWidth;  // bytes

enum class CameraSensor : std::uint8_t { kNone, kFront, kStereo };
enum class LidarSensor : std::uint8_t { kNone, kRanges, kSectors, kDiscretizedSectors };

inline constexpr float kStereoOffset = 0.03F;  // m to either side (deepracer_stereo_cam.urdf)

struct SensorOptions {
  CameraSensor camera = CameraSensor::kFront;
  LidarSensor lidar = LidarSensor::kNone;
  int num_sectors = 8, num_values_per_sector = 8;
  float clipping_dist = 2.0F;
  bool final_observations = false;

  static constexpr auto fields() {
    using O = SensorOptions;
    return std::tuple{
        Field{"camera", &O::camera, "", "one picture a car, or left and right"},
        Field{"lidar", &O::lidar, "", "what its 64 ranges become"},
        Field{"num_sectors", &O::num_sectors, "",
              "lidar_config of model_metadata.json, for the discretized sectors",
              Range{1, kLidarRays}},
        Field{"num_values_per_sector", &O::num_values_per_sector, "", "likewise", Range{1, 4096}},
        Field{"clipping_dist", &O::clipping_dist, "m", "likewise", Range{1e-3, 1e6}},
        Field{"final_observations", &O::final_observations, "",
              "keep the last of an ended episode, beside the first of the next one"},
    };
  }

  bool any() const { return camera != CameraSensor::kNone || lidar != LidarSensor::kNone; }
  int num_eyes() const { return static_cast<int>(camera); }
  // Numbers in a car's LIDAR observation.
  int lidar_size() const;
  // m, beyond which nothing changes it.
  float lidar_reach() const;
};

// One car at one moment.
struct Sight {
  const VehicleState& vehicle;
  std::span<const Object> objects;
  std::uint32_t episode;
  std::int32_t step;  // of the episode, 0 before the first
};

class Sensors {
 public:
  Sensors(const SensorOptions& options, const Ground& ground, const SeededCars& batch,
          InstructionSet instruction_set);

  // Fills the car's rows; what the randomizer does to pictures, it does here.
  void sense(int car, const Sight& sight, const Ground& ground, Randomizer& randomizer);
  // What the car sees now is the last of its episode; only with `final_observations`.
  void keep_final(int car);
  // The car was put somewhere else: its next scan is a new one.
  void forget(int car) {
    if (!scan_ages_.empty()) scan_ages_[car] = kNoScan;
  }

  const SensorOptions& options() const { return options_; }
  // Memory of one car beside what it observes.
  std::size_t bytes_per_car() const {
    return (last_places_.empty() ? 0 : sizeof(Place)) +
           (scan_ages_.empty() ? 0 : sizeof(scan_ages_[0]));
  }
  std::span<const std::uint8_t> pictures() const { return pictures_; }  // [B, 120, 160, eyes]
  std::span<const float> lidar() const { return lidar_; }               // [B, lidar_size]
  // Likewise, or empty without `final_observations`: a row a car, which changes as it ends an
  // episode.
  std::span<const std::uint8_t> final_pictures() const { return final_pictures_; }
  std::span<const float> final_lidar() const { return final_lidar_; }

 private:
  static constexpr std::uint8_t kNoScan = 255;

  struct Place {
    Vec2 position;
    float heading;

    bool operator==(const Place&) const = default;
  };

  void look(int car, const Sight& sight, const Ground& ground, Randomizer& randomizer);
  void scan_around(int car, const Sight& sight, const Place& now, const Place& before);
  void reduce(const LidarRanges& ranges, float* out) const;

  SensorOptions options_;
  SeededCars batch_;
  InstructionSet instruction_set_;
  Camera camera_;
  Rectangle walls_;
  std::vector<std::uint8_t, HugePages<std::uint8_t>> pictures_, final_pictures_;
  std::vector<float> lidar_, final_lidar_;
  std::vector<std::uint8_t> scan_ages_;  // [B] steps since the LIDAR's cycle began, with a LIDAR
  std::vector<Place> last_places_;       // [B] that were sensed from last, with any sensor
};

}  // namespace deepracer_fast
