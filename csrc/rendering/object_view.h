// Boxes and cars in a picture.
//
// In: a camera, where it looks from, and the objects in front of it. Out: their visible faces over
// the ground and walls that the picture already shows, the farthest first. Objects are solid blocks
// of flat faces, so every edge is a straight line in the picture; it is blurred by what the
// original's reduction from 640x480 does (a triangle of half-width one pixel), exactly along rows
// and over four lines a row, as there. One picture, no state, no allocation. Neighbours: camera.h
// paints the rest, objects.h says what an object looks like, sensors.h calls both.
#pragma once

#include <cstdint>
#include <span>

#include "rendering/camera.h"
#include "traffic/objects.h"

namespace deepracer_fast {

// Objects that a picture may show: those of a car, and the car itself where it is filmed.
inline constexpr int kMostDrawn = kMaxObjects + 1;

// Draws over a picture of the camera of a car whose base_link is at `position` with `heading`.
// `age` seconds ago the objects that drive were further back. A tone, if there is one, replaces
// greys as it does those of the ground. At most kMostDrawn objects.
void draw_objects(const Camera& camera, Vec2 position, float heading,
                  std::span<const Object> objects, float age, const Tone* tone, std::uint8_t* out,
                  Channel channel = Channel::kGrey);

}  // namespace deepracer_fast
