// Casts the rays of one LIDAR and reduces them: see lidar.h.
#include "rendering/lidar.h"

#include <limits>

#include "base/random.h"
#include "rendering/blocks.h"

namespace deepracer_fast {
namespace {

constexpr float kNothing = std::numeric_limits<float>::infinity();

// Directions of the rays in the car's frame.
struct Rays {
  Rays() {
    for (int i = 0; i < kLidarRays; ++i) {
      const double share = static_cast<double>(i) / (kLidarRays - 1);
      const double angle = kLidarYaw + (2.0 * share - 1.0) * kLidarHalfAngle;
      x[i] = static_cast<float>(std::cos(angle));
      y[i] = static_cast<float>(std::sin(angle));
    }
  }
  alignas(32) std::array<float, kLidarRays> x, y;
};

const Rays kRays;

// A rectangle as a ray's origin sees it: `turn` is the car's heading in the rectangle's frame.
struct Slab {
  Vec2 low, high;  // m, of the rectangle's sides relative to the origin
  Vec2 turn;       // unit vector
};

// Nearest entry of each ray into a rectangle, where it beats the range so far. A ray that starts
// inside is at 0.
DEEPRACER_FAST_INLINE void meet_rectangle(const Rays& rays, const Slab& slab, float* ranges) {
  for (int i = 0; i < kLidarRays; ++i) {
    const float across = 1.0F / (slab.turn.x * rays.x[i] - slab.turn.y * rays.y[i]);
    const float up = 1.0F / (slab.turn.y * rays.x[i] + slab.turn.x * rays.y[i]);
    const float x_low = slab.low.x * across, x_high = slab.high.x * across;
    const float y_low = slab.low.y * up, y_high = slab.high.y * up;
    const float x_in = x_low < x_high ? x_low : x_high, x_out = x_low < x_high ? x_high : x_low;
    const float y_in = y_low < y_high ? y_low : y_high, y_out = y_low < y_high ? y_high : y_low;
    float enter = x_in > y_in ? x_in : y_in;
    const float leave = x_out < y_out ? x_out : y_out;
    enter = enter > 0.0F ? enter : 0.0F;
    const float found = leave >= enter ? enter : kNothing;
    ranges[i] = found < ranges[i] ? found : ranges[i];
  }
}

// The walls from within: each ray leaves the room through the nearer of two of them.
DEEPRACER_FAST_INLINE void meet_walls(const Rays& rays, const Slab& slab, float* ranges) {
  for (int i = 0; i < kLidarRays; ++i) {
    const float across = 1.0F / (slab.turn.x * rays.x[i] - slab.turn.y * rays.y[i]);
    const float up = 1.0F / (slab.turn.y * rays.x[i] + slab.turn.x * rays.y[i]);
    const float x_low = slab.low.x * across, x_high = slab.high.x * across;
    const float y_low = slab.low.y * up, y_high = slab.high.y * up;
    const float x_out = x_low < x_high ? x_high : x_low;
    const float y_out = y_low < y_high ? y_high : y_low;
    const float leave = x_out < y_out ? x_out : y_out;
    ranges[i] = leave < ranges[i] ? leave : ranges[i];
  }
}

DEEPRACER_FAST_INLINE void blur_ranges(const float* first, const float* second, float* ranges) {
  constexpr float kScale = kLidarNoise * 0.70710678F;  // the sum of two normal numbers
  for (int i = 0; i < kLidarRays; ++i) {
    const float range = ranges[i] + kScale * (first[i] + second[i]);
    // Rounded to the resolution; what met nothing is far beyond every whole number of it.
    const float steps = range * (1.0F / kLidarResolution) + 0.5F;
    const float whole = static_cast<float>(static_cast<std::int32_t>(steps < 1e6F ? steps : 0.0F));
    ranges[i] = steps < 1e6F ? whole * kLidarResolution : ranges[i];
  }
}

// The LIDAR itself: where it is, and which way the car heads.
struct Origin {
  Vec2 position;
  Vec2 along;
};

void meet_object(InstructionSet instruction_set, const Origin& origin, const Object& object,
                 float reach, float* ranges) {
  const Vec2 along = origin.along;
  const Vec2 gap = origin.position - object.position;
  constexpr float kRadius = 0.26F;  // m, of the largest block
  if (dot(gap, gap) > (reach + kRadius) * (reach + kRadius)) return;
  const float ahead = dot(gap, object.along), left = cross(object.along, gap);
  const Vec2 turn = {dot(along, object.along), cross(object.along, along)};
  for (const Block& block : blocks(object.kind)) {
    if (kLidarHeight < block.bottom || kLidarHeight > block.top) continue;
    const Slab slab = {
        {block.rear - ahead, block.right - left}, {block.front - ahead, block.left - left}, turn};
    run_on<meet_rectangle>(instruction_set, kRays, slab, ranges);
  }
}

// Standard normal numbers, by the thousands.
constexpr std::size_t kNormals = 4096;
const auto kNormal = [] {
  std::array<float, kNormals + kLidarRays> values;
  for (std::uint32_t i = 0; i < values.size(); ++i) values[i] = normal(1, i);
  return values;
}();

// The nearest of the rays [begin, begin + count).
float nearest(const LidarRanges& ranges, int begin, int count) {
  return *std::min_element(ranges.begin() + begin, ranges.begin() + begin + count);
}

}  // namespace

void scan(const LidarScene& scene, InstructionSet instruction_set, LidarRanges& ranges) {
  ranges.fill(kNothing);
  const Vec2 along = direction(scene.heading);
  const Vec2 at = offset(scene.position, along, kLidarAhead, 0.0F);
  for (const Object& object : scene.objects)
    meet_object(instruction_set, {at, along}, object, scene.reach, ranges.data());
  const auto [min_x, min_y, max_x, max_y] = scene.walls;
  const Slab walls = {{static_cast<float>(min_x) - at.x, static_cast<float>(min_y) - at.y},
                      {static_cast<float>(max_x) - at.x, static_cast<float>(max_y) - at.y},
                      along};
  const bool is_inside =
      walls.low.x < 0.0F && walls.low.y < 0.0F && walls.high.x > 0.0F && walls.high.y > 0.0F;
  const bool is_near = walls.low.x > -scene.reach || walls.low.y > -scene.reach ||
                       walls.high.x < scene.reach || walls.high.y < scene.reach;
  if (is_inside && is_near) run_on<meet_walls>(instruction_set, kRays, walls, ranges.data());
}

void add_lidar_noise(std::uint64_t bits, InstructionSet instruction_set, LidarRanges& ranges) {
  constexpr std::uint64_t kMask = kNormals - 1;
  run_on<blur_ranges>(instruction_set, kNormal.data() + (bits & kMask),
                      kNormal.data() + ((bits >> 32) & kMask), ranges.data());
}

void clip_ranges(const LidarRanges& ranges, float* out) {
  for (int i = 0; i < kLidarRays; ++i) out[i] = std::clamp(ranges[i], kLidarMinRange, kLidarClip);
}

void occupied_sectors(const LidarRanges& ranges, float* out) {
  constexpr int kRaysEach = kLidarRays / kNumSectors;
  for (int sector = 0; sector < kNumSectors; ++sector)
    out[sector] = nearest(ranges, sector * kRaysEach, kRaysEach) < kSectorClip ? 1.0F : 0.0F;
}

void discretized_sectors(const LidarRanges& ranges, int num_sectors, int num_values,
                         float clipping_dist, float* out) {
  const int rays_each = kLidarRays / num_sectors;
  std::fill_n(out, num_sectors * num_values, 0.0F);
  for (int sector = 0; sector < num_sectors; ++sector) {
    const float distance =
        std::clamp(nearest(ranges, sector * rays_each, rays_each), kLidarMinRange, kLidarMaxRange);
    if (distance >= clipping_dist) continue;
    const auto value =
        static_cast<int>(distance / (clipping_dist / static_cast<float>(num_values)));
    out[sector * num_values + std::min(value, num_values - 1)] = 1.0F;
  }
}

}  // namespace deepracer_fast
