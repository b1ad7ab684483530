// Takes pictures and scans for each car: see sensors.h.
#include "simulator/sensors.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "rendering/object_view.h"

namespace deepracer_fast {
namespace {

constexpr float kNowhere = std::numeric_limits<float>::infinity();
constexpr std::uint32_t kScanDraw = 0x50000000;  // and on: one a step

// Left and right pictures as the two channels of one.
void interleave(const std::uint8_t* left, const std::uint8_t* right, std::uint8_t* out) {
  for (int i = 0; i < kPictureSize; ++i) {
    out[2 * i] = left[i];
    out[2 * i + 1] = right[i];
  }
}

}  // namespace

int SensorOptions::lidar_size() const {
  switch (lidar) {
    case LidarSensor::kRanges:
      return kLidarRays;
    case LidarSensor::kSectors:
      return kNumSectors;
    case LidarSensor::kDiscretizedSectors:
      return num_sectors * num_values_per_sector;
    default:
      return 0;
  }
}

float SensorOptions::lidar_reach() const {
  // Noise may bring nearer what lies a little beyond.
  constexpr float kMargin = 6.0F * kLidarNoise;
  if (lidar == LidarSensor::kRanges) return kLidarClip + kMargin;
  if (lidar == LidarSensor::kSectors) return kSectorClip + kMargin;
  return std::min(clipping_dist + kMargin, kLidarMaxRange);
}

Sensors::Sensors(const SensorOptions& options, const Ground& ground, const SeededCars& batch,
                 InstructionSet instruction_set)
    : options_(options), batch_(batch), instruction_set_(instruction_set), walls_(ground.field()) {
  const auto cars = static_cast<std::size_t>(batch.num_cars);
  pictures_.resize(cars * static_cast<std::size_t>(kPictureSize * options.num_eyes()));
  if (options.final_observations) final_pictures_.resize(pictures_.size());
  if (options.any()) last_places_.resize(cars, {{kNowhere, 0.0F}, 0.0F});
  if (options.lidar == LidarSensor::kNone) return;
  lidar_.resize(cars * static_cast<std::size_t>(options.lidar_size()));
  if (options.final_observations) final_lidar_.resize(lidar_.size());
  scan_ages_.resize(cars, kNoScan);
}

void Sensors::sense(int car, const Sight& sight, const Ground& ground, Randomizer& randomizer) {
  if (!options_.any()) return;
  const Place now = {sight.vehicle.position, sight.vehicle.heading};
  const Place before = std::exchange(last_places_[car], now);
  // A car that stands, before its episode begins or for a penalty, sees what it saw.
  const bool same = now == before && sight.objects.empty() && !randomizer.is_on();
  if (options_.camera != CameraSensor::kNone && !same) look(car, sight, ground, randomizer);
  if (options_.lidar != LidarSensor::kNone) scan_around(car, sight, now, before);
}

void Sensors::keep_final(int car) {
  const auto keep = [this, car](const auto& rows, auto& finals) {
    const std::size_t width = rows.size() / static_cast<std::size_t>(batch_.num_cars);
    const std::size_t first = static_cast<std::size_t>(car) * width;
    std::copy_n(rows.data() + first, width, finals.data() + first);
  };
  keep(pictures_, final_pictures_);
  keep(lidar_, final_lidar_);
}

void Sensors::look(int car, const Sight& sight, const Ground& ground, Randomizer& randomizer) {
  View view = {&camera_, nullptr, sight.vehicle.position, sight.vehicle.heading, 0.0F};
  if (randomizer.is_on()) view = randomizer.view(car, sight.vehicle, camera_);
  const auto paint = [&](float left, int eye, std::uint8_t* out) {
    const Vec2 place = offset(view.position, direction(view.heading), 0.0F, left);
    view.camera->render(ground, place.x, place.y, view.heading, out, view.tone, instruction_set_);
    if (!sight.objects.empty())
      draw_objects(*view.camera, place, view.heading, sight.objects, view.age, view.tone, out);
    if (randomizer.is_on()) randomizer.disturb(car, sight.step, eye, out);
  };
  std::uint8_t* picture =
      pictures_.data() + static_cast<std::size_t>(car) * kPictureSize * options_.num_eyes();
  if (options_.camera == CameraSensor::kFront) {
    paint(0.0F, 0, picture);
    return;
  }
  std::array<std::uint8_t, kPictureSize> left, right;
  paint(kStereoOffset, 0, left.data());
  paint(-kStereoOffset, 1, right.data());
  interleave(left.data(), right.data(), picture);
}

// The LIDAR scans at 10 Hz and a step takes 1/15 s, so in every third step the last scan is of this
// moment, in the next it is that one still, and in the one after it is half a step old.
void Sensors::scan_around(int car, const Sight& sight, const Place& now, const Place& before) {
  std::uint8_t& age = scan_ages_[car];
  age = age == kNoScan ? 0 : static_cast<std::uint8_t>((age + 1) % 3);
  if (age == 1) return;
  Place place = now;
  std::array<Object, kMaxObjects> earlier;
  std::span<const Object> objects = sight.objects;
  if (age == 2) {
    place.position = 0.5F * (now.position + before.position);
    place.heading = before.heading + 0.5F * wrap_angle(now.heading - before.heading);
    for (std::size_t k = 0; k < objects.size(); ++k) {
      earlier[k] = objects[k];
      earlier[k].position = position_before(objects[k], 0.5F * kControlPeriod);
    }
    objects = {earlier.data(), objects.size()};
  }
  LidarRanges ranges;
  scan({place.position, place.heading, objects, walls_, options_.lidar_reach()}, instruction_set_,
       ranges);
  add_lidar_noise(
      batch_.random_bits(car, sight.episode, kScanDraw + static_cast<std::uint32_t>(sight.step)),
      instruction_set_, ranges);
  reduce(ranges, lidar_.data() + static_cast<std::size_t>(car) * options_.lidar_size());
}

void Sensors::reduce(const LidarRanges& ranges, float* out) const {
  if (options_.lidar == LidarSensor::kRanges)
    clip_ranges(ranges, out);
  else if (options_.lidar == LidarSensor::kSectors)
    occupied_sectors(ranges, out);
  else
    discretized_sectors(ranges, options_.num_sectors, options_.num_values_per_sector,
                        options_.clipping_dist, out);
}

}  // namespace deepracer_fast
