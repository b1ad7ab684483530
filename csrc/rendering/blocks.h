// What objects look like: solid blocks of one colour.
//
// In: an object's kind. Out: its blocks, in its own frame. Neighbours: object_view.h draws them
// into pictures, the LIDAR of lidar.h meets them.
#pragma once

#include <array>
#include <span>

#include "rendering/look.h"
#include "traffic/objects.h"

namespace deepracer_fast {

// A solid block of one colour, in an object's own frame.
struct Block {
  float rear, front;            // m along the heading
  float right, left;            // m across it, left positive
  float bottom, top;            // m above the ground
  std::array<float, 4> shades;  // of the surface itself by Channel, 0..255, before any light
};

// Of a colour whose parts are 0..1.
inline constexpr std::array<float, 4> surface_shades(float red, float green, float blue) {
  return {255.0F * shade(Channel::kGrey, red, green, blue), 255.0F * red, 255.0F * green,
          255.0F * blue};
}

// Box: 0.4 x 0.3 x 0.25 m around z = 0.1, RGB (0.482, 0.38, 0.309) (markov obstacles,
// box_obstacle).
inline constexpr std::array<Block, 1> kBoxBlocks = {
    {{-0.2F, 0.2F, -0.15F, 0.15F, 0.0F, 0.225F, surface_shades(0.482F, 0.38F, 0.309F)}}};

// Car: the extent of the body's mesh and wheels of radius 0.036 m and width 0.034 m about their
// hinges (deepracer URDF). The sources give no height and no colour: a dark shell, as high as makes
// the LIDAR, which is there to notice other cars, meet it. It is red, which a film needs to tell
// it from the road.
inline constexpr float kShellTop = 0.19F;                                            // m
inline constexpr std::array<float, 4> kShellShades = {60.0F, 150.0F, 20.0F, 30.0F};  // a guess
inline constexpr std::array<float, 4> kWheelShades = {15.0F, 15.0F, 15.0F, 15.0F};   // rubber, too
inline constexpr std::array<Block, 5> kCarBlocks = {{
    {-0.158F, 0.166F, -0.094F, 0.094F, 0.03F, kShellTop, kShellShades},
    {-0.118F, -0.046F, 0.064F, 0.098F, 0.0F, 0.072F, kWheelShades},
    {-0.118F, -0.046F, -0.098F, -0.064F, 0.0F, 0.072F, kWheelShades},
    {0.046F, 0.118F, 0.064F, 0.098F, 0.0F, 0.072F, kWheelShades},
    {0.046F, 0.118F, -0.098F, -0.064F, 0.0F, 0.072F, kWheelShades},
}};

// The first is the object's body.
inline std::span<const Block> blocks(ObjectKind kind) {
  if (kind == ObjectKind::kBox) return kBoxBlocks;
  return kCarBlocks;
}

}  // namespace deepracer_fast
