// The picture's grey, as the camera makes it from colour.
#pragma once

#include <cstdint>

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

}  // namespace deepracer_fast
