// The looks of the track families: see look.h.
#include "rendering/look.h"

#include <stdexcept>
#include <string>

namespace deepracer_fast {
namespace {

// The frames of the original are brighter than the textures of its meshes (medians of camera frames
// on reinvent_base against road/field/outerLine/centerLine.png): the lighting of the world files.
// Applied to the textures of the families of which no frames exist; the lit lines and dashes of
// those reach full scale near the lamp.
constexpr float kLitFloor = 1.1F;
constexpr float kLitLine = 1.27F;

// Frames were seen in all parts of the room: below the lamp the ground is this much brighter than
// their medians (lamp_light at the mean of their ground points, inverted). Lines and dashes a
// little more, since a pixel of them always takes in some of what lies beside.
constexpr float kBelowLamp = 1.06F;
constexpr float kMarksBelowLamp = 1.08F;

// The walls by Side: greys as fitted, in the hue of their lit sides' median (34, 58, 70).
constexpr std::array<WallShade, 4> walls(Channel channel) {
  std::array<WallShade, 4> all = {{{22.5F, 2.5F}, {57.0F, 9.5F}, {51.0F, 8.0F}, {0.0F, 0.0F}}};
  const auto value = [](Channel each) { return shade(each, 34, 58, 70); };
  const float tint = value(channel) / value(Channel::kGrey);
  for (WallShade& wall : all) wall = {wall.foot * tint, wall.gain * tint};
  return all;
}

// Greys, grain and walls: frames of the original on reinvent_base, whose poses were fitted
// (benchmarks/compare_frames.py). Walls 0.25 or 0.3 m outside the borders fit equally well, and the
// latter gives the printed mat's 26 x 17 feet. The wall's height is a guess: no frame shows sky,
// though some look 1.38 m up a wall. Lines and dashes: meshes/reinvent.
constexpr Look reinvent(Channel channel) {
  return {
      .road = {shade(channel, 38, 51, 68) * kBelowLamp, 5.5F},
      .field = {shade(channel, 100, 143, 109) * kBelowLamp, 7.0F},
      .line = {shade(channel, 233, 232, 228) * kMarksBelowLamp, 13.5F},
      .dash = {shade(channel, 236, 142, 0) * kMarksBelowLamp, 5.5F},
      .line_outer = -0.005F,  // the mesh ends at the border; in the frames the line reaches further
      .line_inner = 0.076F,
      .dash_width = 0.026F,
      .dash_length = 0.051F,
      .dash_pitch = 0.102F,
      .dash_first = 0.05F,
      .start_length = 0.0F,
      .field_margin = 0.3F,
      .wall_height = 1.5F,
      .walls = walls(channel),
      .sky_grey = 178.0F,
  };
}

// Textures of meshes/reInvent2019 and of the tracks from 2022 on.
constexpr Look speedway(Channel channel) {
  Look look = reinvent(channel);
  look.road = {shade(channel, 64, 63, 61) * kLitFloor, 7.0F};
  look.field = {shade(channel, 126, 133, 65) * kLitFloor, 18.0F};
  look.line = {223.0F * kLitLine, 4.0F};
  look.dash = {shade(channel, 255, 143 * kLitLine, 0), 5.5F};
  look.line_outer = 0.0F;
  look.start_length = 0.27F;  // its texture is 252 texels along and 992 across the road of 1.067 m
  look.field_margin = 2.4F;   // middle of 1.8 to 3 m, and 1 m high: measured from the meshes
  look.wall_height = 1.0F;
  return look;
}

// Textures and geometry of the training tracks of 2019: lines outside the borders.
constexpr Look oval(Channel channel) {
  Look look = speedway(channel);
  look.line_outer = -0.076F;
  look.line_inner = 0.0F;
  look.start_length = 0.0F;
  look.dash_length = 0.08F;
  look.dash_pitch = 0.15F;
  return look;
}

}  // namespace

Look look_by_name(std::string_view name, Channel channel) {
  if (name == "reinvent") return reinvent(channel);
  if (name == "oval") return oval(channel);
  if (name == "speedway") return speedway(channel);
  throw std::invalid_argument("look must be reinvent, oval or speedway, got " + std::string(name));
}

Look without_grain(Look look) {
  for (Surface* surface : {&look.road, &look.field, &look.line, &look.dash}) surface->sigma = 0.0F;
  return look;
}

}  // namespace deepracer_fast
