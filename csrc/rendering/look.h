// The look of a track family: what colours its surfaces have, how its lines are drawn, how it is
// lit.
//
// In: the family's name, and what of its colours is asked for. Out: a Look, from which Ground
// paints and WallView draws.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <tuple>

#include "base/fields.h"

namespace deepracer_fast {

// What a picture holds of each colour: its grey, as the cars' cameras see it, or one of its parts;
// three pictures of the parts are a picture in colour.
enum class Channel : std::uint8_t { kGrey, kRed, kGreen, kBlue };

// A colour's value in a channel, on the scale of its parts.
constexpr float shade(Channel channel, float red, float green, float blue) {
  if (channel == Channel::kRed) return red;
  if (channel == Channel::kGreen) return green;
  if (channel == Channel::kBlue) return blue;
  return 0.2989F * red + 0.5870F * green + 0.1140F * blue;
}

// One painted surface: mean grey level as the camera sees it below the lamp and the standard
// deviation of its carpet-like grain per level-0 texel, both on the scale 0..255.
struct Surface {
  float grey;
  float sigma;
};

// One side of the wall, lit by its orientation: grey level at the foot and gain per metre of
// height.
struct WallShade {
  float foot;
  float gain;
};

// Sides of the wall in the order in which a camera that turns clockwise meets them.
enum Side { kWest = 0, kNorth = 1, kEast = 2, kSouth = 3 };

// Appearance of a family of tracks.
struct Look {
  Surface road, field, line, dash;
  float line_outer, line_inner, dash_width, dash_length, dash_pitch, dash_first;
  float start_length, field_margin, wall_height;
  std::array<WallShade, 4> walls;
  float sky_grey;

  static constexpr auto fields() {
    using L = Look;
    return std::tuple{
        Field{"road", &L::road, "", "between the borders"},
        Field{"field", &L::field, "", "beyond them"},
        Field{"line", &L::line, "", "along the borders"},
        Field{"dash", &L::dash, "", "along the centre line"},
        Field{"line_outer", &L::line_outer, "m", "from the border inwards; below 0 off the road"},
        Field{"line_inner", &L::line_inner, "m", "likewise, the line's other edge"},
        Field{"dash_width", &L::dash_width, "m", "across the road"},
        Field{"dash_length", &L::dash_length, "m", "along it"},
        Field{"dash_pitch", &L::dash_pitch, "m", "from one dash to the next"},
        Field{"dash_first", &L::dash_first, "m", "arc length at which the first dash begins"},
        Field{"start_length", &L::start_length, "m", "of the chequered line, along; 0 for none"},
        Field{"field_margin", &L::field_margin, "m", "from the outermost borders to the walls"},
        Field{"wall_height", &L::wall_height, "m", "of all four"},
        Field{"walls", &L::walls, "", "by Side"},
        Field{"sky_grey", &L::sky_grey, "grey level", "above them"},
    };
  }
};

// How one picture's greys differ from the Look's.
struct Tone {
  std::array<std::uint8_t, 256> ground;  // what each grey of the painted ground becomes
  std::array<WallShade, 4> walls;        // instead of the Look's
  float sky_grey;
};

// The look named "reinvent", "oval" or "speedway", whose greys are then those of the channel;
// throws std::invalid_argument for another name.
Look look_by_name(std::string_view name, Channel channel = Channel::kGrey);
// Its surfaces are flat, which films need: noise is what they pack worst.
Look without_grain(Look look);

// Light on the ground at a squared distance (m^2) from the world's origin, 1 at the origin. The
// world files hang a point light 15 m above it, beside the sun that lights all alike. Lambert's law
// and the square of the distance give w^(3/2); frames of reinvent_base, whose field, road, lines
// and dashes all darken so, give the lamp's share of the sun's light.
inline float lamp_light(float distance2) {
  constexpr float kHeight2 = 15.0F * 15.0F;  // m^2
  constexpr float kShare = 0.47F;
  const float w = kHeight2 / (kHeight2 + distance2);
  return (1.0F + kShare * w * std::sqrt(w)) * (1.0F / (1.0F + kShare));
}

}  // namespace deepracer_fast
