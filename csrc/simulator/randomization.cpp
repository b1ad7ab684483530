// Draws and applies what differs from episode to episode: see randomization.h.
#include "simulator/randomization.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

namespace deepracer_fast {
namespace {

// Which random number of an episode is which; the simulator's own come before.
enum Draw : std::uint32_t {
  kRoadDraw = 16,  // then those of field, dashes and lines
  kWallDraw = 20,
  kSkyDraw,
  kGainDraw,
  kOffsetDraw,
  kNoiseDraw,
  kBlurDraw,
  kHeightDraw,
  kPitchDraw,
  kYawDraw,
  kDelayDraw,
  kGripDraw,
  kSteeringGainDraw,
  kSteeringOffsetDraw,
  kSpeedDraw,
  kPixelDraw = 1024,       // and on: one for each row of each picture
  kEyeDraws = 0x20000000,  // from the rows of one eye to those of the other
};

// Between the greys of two surfaces the mixture of both is mapped in proportion, so an edge stays
// an edge. `known` are the greys as painted, ascending, and `wanted` what they are to become.
std::array<std::uint8_t, 256> tone_curve(const std::array<float, 4>& known,
                                         const std::array<float, 4>& wanted, float gain,
                                         float offset) {
  std::array<std::uint8_t, 256> curve;
  for (int grey = 0; grey < 256; ++grey) {
    const auto value = static_cast<float>(grey);
    std::size_t above = 0;
    while (above < known.size() && known[above] < value) ++above;
    float mapped = value * wanted.front() / known.front();
    if (above == known.size()) mapped = value * wanted.back() / known.back();
    if (above > 0 && above < known.size()) {
      const float share = (value - known[above - 1]) / (known[above] - known[above - 1]);
      mapped = wanted[above - 1] + share * (wanted[above] - wanted[above - 1]);
    }
    curve[grey] =
        static_cast<std::uint8_t>(std::clamp(gain * mapped + offset + 0.5F, 0.0F, 255.0F));
  }
  return curve;
}

// What is done to a finished picture, in place, in integers: the same bytes everywhere. One
// direction of the kernel (w, 256 - 2 w, w) / 256.
std::uint8_t blurred(int before, int here, int after, int w) {
  return static_cast<std::uint8_t>((w * (before + after) + (256 - 2 * w) * here + 128) >> 8);
}

// Smooths with that kernel along rows and columns; the border repeats itself.
void blur_picture(std::uint8_t* picture, int width, int height, int w) {
  const auto size = static_cast<std::size_t>(width);
  std::array<std::uint8_t, CameraParams::kMaxWidth> first;
  std::array<std::uint8_t, CameraParams::kMaxWidth> second;
  std::uint8_t* above = first.data();
  std::uint8_t* here = second.data();
  for (int row = 0; row < height; ++row) {
    std::uint8_t* line = picture + row * width;
    std::memcpy(here, line, size);
    line[0] = blurred(here[0], here[0], here[1], w);
    for (int c = 1; c + 1 < width; ++c) line[c] = blurred(here[c - 1], here[c], here[c + 1], w);
    line[width - 1] = blurred(here[width - 2], here[width - 1], here[width - 1], w);
  }
  std::memcpy(above, picture, size);
  for (int row = 0; row < height; ++row) {
    std::uint8_t* line = picture + row * width;
    std::memcpy(here, line, size);
    const std::uint8_t* below = row + 1 < height ? line + width : here;
    for (int c = 0; c < width; ++c) line[c] = blurred(above[c], here[c], below[c], w);
    std::swap(above, here);
  }
}

// Adds normal noise of `sigma` (1/64 grey level) to a row.
void add_noise(std::uint8_t* line, int width, std::int32_t sigma, std::uint64_t bits) {
  // Standard normal numbers times 32, cut at +-3.9, by the thousands: rows of noise are read from
  // it at random places, which costs a tenth of drawing them.
  constexpr std::size_t kSize = 1 << 14;
  static const auto table = [] {
    std::array<std::int8_t, kSize + CameraParams::kMaxWidth> values;
    for (std::uint32_t i = 0; i < values.size(); ++i)
      values[i] =
          static_cast<std::int8_t>(std::lround(32.0F * std::clamp(normal(0, i), -3.9F, 3.9F)));
    return values;
  }();
  const std::int8_t* noise = table.data() + (bits & (kSize - 1));
  for (int c = 0; c < width; ++c) {
    const std::int32_t value = line[c] + ((noise[c] * sigma + 1024) >> 11);
    line[c] = static_cast<std::uint8_t>(std::clamp(value, 0, 255));
  }
}

}  // namespace

Randomizer::Randomizer(const Randomization& ranges, const Look& look, const SeededCars& batch)
    : ranges_(ranges), look_(look), batch_(batch) {
  const auto count = static_cast<std::size_t>(batch.num_cars);
  if (ranges.any()) episodes_.resize(count);
  if (ranges.camera_height > 0.0F || ranges.camera_pitch > 0.0F) cameras_.resize(count);
}

std::size_t Randomizer::bytes_per_car() const {
  const std::size_t camera = cameras_.empty() ? 0 : sizeof(Camera) + cameras_.front().bytes();
  return is_on() ? sizeof(Episode) + camera : 0;
}

float Randomizer::draw(int car, std::uint32_t number, float low, float high) const {
  const float share = batch_.uniform(car, episodes_[car].number, number);
  if (ranges_.at_bounds) return low == 0.0F || share >= 0.5F ? high : low;
  return low + (high - low) * share;
}

void Randomizer::begin_episode(int car, std::uint32_t number) {
  Episode& episode = episodes_[car];
  episode.number = number;
  episode.tone = draw_tone(car);
  if (!cameras_.empty()) mount_camera(car);
  episode.yaw = draw(car, kYawDraw, -ranges_.camera_yaw, ranges_.camera_yaw);
  episode.delay = draw(car, kDelayDraw, 0.0F, ranges_.picture_delay) / kControlPeriod;
  episode.grip = around_one(car, kGripDraw, ranges_.grip);
  episode.steering_gain = around_one(car, kSteeringGainDraw, ranges_.steering_gain);
  episode.steering_offset =
      radians(draw(car, kSteeringOffsetDraw, -ranges_.steering_offset, ranges_.steering_offset));
  episode.speed_gain = around_one(car, kSpeedDraw, ranges_.speed_gain);
  episode.noise =
      static_cast<std::int32_t>(64.0F * draw(car, kNoiseDraw, 0.0F, ranges_.pixel_noise));
  // A kernel (w, 1 - 2 w, w) has variance 2 w.
  const float blur = draw(car, kBlurDraw, 0.0F, ranges_.blur);
  episode.blur = static_cast<std::int32_t>(128.0F * blur * blur + 0.5F);
}

Tone Randomizer::draw_tone(int car) const {
  const float range = ranges_.surface_grey;
  const float gain = around_one(car, kGainDraw, ranges_.light_gain);
  const float offset = draw(car, kOffsetDraw, -ranges_.light_offset, ranges_.light_offset);
  const std::array<float, 4> known{look_.road.grey, look_.field.grey, look_.dash.grey,
                                   std::min(look_.line.grey, 255.0F)};
  std::array<float, 4> wanted{};
  for (std::uint32_t i = 0; i < 4; ++i)
    wanted[i] = known[i] * around_one(car, kRoadDraw + i, range);
  Tone tone{tone_curve(known, wanted, gain, offset), look_.walls, look_.sky_grey};
  const float wall = gain * around_one(car, kWallDraw, range);
  for (WallShade& shade : tone.walls) shade = {wall * shade.foot + offset, wall * shade.gain};
  tone.sky_grey =
      std::clamp(gain * tone.sky_grey * around_one(car, kSkyDraw, range) + offset, 0.0F, 255.0F);
  return tone;
}

void Randomizer::mount_camera(int car) {
  constexpr CameraParams kStandard;
  const float up = draw(car, kHeightDraw, -ranges_.camera_height, ranges_.camera_height);
  const float down = draw(car, kPitchDraw, -ranges_.camera_pitch, ranges_.camera_pitch);
  const auto z = kStandard.z + static_cast<double>(up);
  const auto pitch = kStandard.pitch + static_cast<double>(down);
  cameras_[car].mount(z, pitch);
}

void Randomizer::forget_poses(int car, const VehicleState& vehicle) {
  episodes_[car].poses.fill({vehicle.position, vehicle.heading});
}

View Randomizer::view(int car, const VehicleState& vehicle, const Camera& standard) {
  Episode& episode = episodes_[car];
  std::copy_backward(episode.poses.begin(), episode.poses.end() - 1, episode.poses.end());
  episode.poses[0] = {vehicle.position, vehicle.heading};
  const int whole = std::min(static_cast<int>(episode.delay), kPoses - 2);
  const float share = episode.delay - static_cast<float>(whole);
  const CarPose& later = episode.poses[whole];
  const CarPose& earlier = episode.poses[whole + 1];
  return {cameras_.empty() ? &standard : &cameras_[car], &episode.tone,
          later.position + share * (earlier.position - later.position),
          later.heading + share * wrap_angle(earlier.heading - later.heading) + episode.yaw,
          episode.delay * kControlPeriod};
}

void Randomizer::disturb(int car, std::int32_t step, int eye, std::uint8_t* out) const {
  const Episode& episode = episodes_[car];
  constexpr CameraParams size;
  if (episode.blur > 0) blur_picture(out, size.width, size.height, episode.blur);
  if (episode.noise == 0) return;
  for (int row = 0; row < size.height; ++row) {
    const auto number = kPixelDraw + static_cast<std::uint32_t>(eye) * kEyeDraws +
                        static_cast<std::uint32_t>(step) * static_cast<std::uint32_t>(size.height) +
                        static_cast<std::uint32_t>(row);
    add_noise(out + row * size.width, size.width, episode.noise,
              batch_.random_bits(car, episode.number, number));
  }
}

}  // namespace deepracer_fast
