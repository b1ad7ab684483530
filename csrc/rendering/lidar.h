// The LIDAR: 64 rays around the car that meet objects and the walls of the room.
//
// In: where the LIDAR is, the objects near it, the walls. Out: 64 ranges, or what the sector
// sensors make of them. One-car functions, no state. Its plane lies 0.185 m above the ground, so
// boxes (0.225 m), cars and walls are seen and the road is not. Neighbours: sensors.h calls it.
//
// Source: markov sensors/constants.py, racecar.gazebo and racecar.launch.py of the original.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/instruction_set.h"
#include "rendering/ground.h"
#include "traffic/objects.h"

namespace deepracer_fast {

inline constexpr int kLidarRays = 64;
inline constexpr float kLidarHalfAngle = 2.61799F;  // rad; 300 degrees from first to last ray
inline constexpr float kLidarMinRange = 0.15F;      // m
inline constexpr float kLidarMaxRange = 12.0F;      // m
inline constexpr float kLidarNoise = 0.01F;         // m, standard deviation
inline constexpr float kLidarResolution = 0.01F;    // m
inline constexpr float kLidarAhead = 0.02913F;      // m from base_link
inline constexpr float kLidarHeight = 0.184699F;    // m above the ground
inline constexpr float kLidarYaw = 3.1416F;         // rad: the middle ray points to the rear

inline constexpr float kLidarClip = 1.0F;   // m, where LIDAR's values are cut
inline constexpr float kSectorClip = 0.5F;  // m, nearer than which a sector of SECTOR_LIDAR is 1
inline constexpr int kNumSectors = 8;       // of SECTOR_LIDAR

using LidarRanges = std::array<float, kLidarRays>;  // m, counter-clockwise

// What surrounds a LIDAR.
struct LidarScene {
  Vec2 position;  // of base_link, m
  float heading;  // rad
  std::span<const Object> objects;
  const Rectangle& walls;
  float reach;  // m, beyond which nothing matters
};

// Writes the distance of what each ray meets within reach, and infinity where that is nothing.
void scan(const LidarScene& scene, InstructionSet instruction_set, LidarRanges& ranges);

// Noise and resolution of a real scan; `bits` are 64 random ones. Rays that met nothing stay.
void add_lidar_noise(std::uint64_t bits, InstructionSet instruction_set, LidarRanges& ranges);

// LIDAR: ranges cut to [0.15, 1] m.
void clip_ranges(const LidarRanges& ranges, float* out);
// SECTOR_LIDAR: [8], 1 where something is nearer than 0.5 m.
void occupied_sectors(const LidarRanges& ranges, float* out);
// DISCRETIZED_SECTOR_LIDAR: [num_sectors, num_values], each sector's distance one-hot in equal bins
// up to clipping_dist, all 0 beyond.
void discretized_sectors(const LidarRanges& ranges, int num_sectors, int num_values,
                         float clipping_dist, float* out);

}  // namespace deepracer_fast
