// The linear maps of Winograd's minimal filtering, applied to one tile and many channels.
//
// One direction of a tile: outputs y = A^T [(G g) . (B^T d)], with d its m + r - 1 inputs, g the r
// weights of the window and m outputs. The matrices follow from the points at which polynomials
// are evaluated (Toom and Cook); the last point is at infinity. A tile has two directions, so
// that each matrix is applied from both sides.
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace deepracer_fast::network {

// Points in one direction at the most, and squares of them in a tile.
inline constexpr int kMostPoints = 6;
inline constexpr int kMostPixels = kMostPoints * kMostPoints;

// Takes pixels (row by row, `channels` floats each) to points that lie `step` floats apart.
using Gather = void (*)(const float* const* pixels, int channels, float* points,
                        std::ptrdiff_t step);

// The other way. `bias` is for the outputs, which it is added to before the ReLU.
using Scatter = void (*)(const float* points, std::ptrdiff_t step, int channels,
                         float* const* pixels, const float* bias);

// to[i] += factor * from[i].
using AddScaled = void (*)(float factor, const float* from, std::ptrdiff_t count, float* to);

// All maps of one size of window.
struct PointMaps {
  int outputs;                      // m, of a tile in one direction
  int window;                       // r
  Gather input_points;              // B^T d B: pixels of the input
  Scatter output_pixels;            // sets them to ReLU(A^T M A + bias)
  Gather output_gradient_points;    // A dY A^T: pixels of the output's gradient
  Scatter input_gradient_pixels;    // adds B dV B^T to them
  AddScaled add_scaled;             // for G, a run of weights at a time
  std::span<const double> weights;  // G, [points][window]

  int points() const { return outputs + window - 1; }
};

// For windows of 2 or 3; nullptr for others, and on processors without AVX2.
const PointMaps* find_point_maps(int window);

}  // namespace deepracer_fast::network
