// What one picture is painted from, and the painters of the instruction sets.
//
// In: Camera's plan, a Ground, a Tone and the lens. Out: grey bytes. Included by camera.cpp and the
// frame_<instruction set>.cpp, which all compile the same frame_painter.h.
#pragma once

#include <cstdint>

#include "rendering/camera.h"
#include "rendering/ground.h"

namespace deepracer_fast {

// The lens over the ground: position in metres and heading as a unit vector.
struct Pose {
  float x, y;
  float forward_x, forward_y;
};

// All that a picture depends on.
struct Frame {
  const Camera& camera;
  const Ground& ground;
  const Tone* tone;  // null for the look's own greys
  Pose lens;
};

// Each writes height * width bytes; the same bytes.
void paint_frame_avx512(const Frame& frame, std::uint8_t* out);
void paint_frame_avx2(const Frame& frame, std::uint8_t* out);
void paint_frame_portable(const Frame& frame, std::uint8_t* out);

}  // namespace deepracer_fast
