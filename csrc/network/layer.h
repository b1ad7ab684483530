// Shapes of the picture layers, and how they follow from one another.
#pragma once

#include <span>
#include <vector>

namespace deepracer_fast::network {

// Shapes of one layer. `height` and `width` count the outputs that the next layer reads: with a
// stride of 2 it may leave the last row and column alone, and nobody computes them.
struct Layer {
  int in_height;
  int in_width;
  int channels;
  int height;
  int width;
  int filters;
  int kernel;
  int stride;

  int in_size() const { return in_height * in_width * channels; }
  int out_size() const { return height * width * filters; }
  int window() const { return kernel * channels; }  // one kernel row's elements, contiguous
  int kernel_size() const { return kernel * window() * filters; }
  // Kernel rows that meet one input pixel row, and zero columns to each side of the gradient.
  int taps() const { return (kernel + stride - 1) / stride; }
  int margin() const { return taps() - 1; }
  int padded_width() const { return width + 2 * margin(); }
};

// Height, width and channels of a picture; kernel size, filters and stride of a layer.
struct PictureShape {
  int height;
  int width;
  int channels;
};
struct LayerShape {
  int kernel;
  int filters;
  int stride;
};

// One layer's weights as JAX holds them: [K, K, C, O] and [O].
struct Weights {
  const float* kernel;
  const float* bias;
};

// Lays the layers out one after the other. Throws std::invalid_argument where a layer is larger
// than its picture or skips pixels.
std::vector<Layer> plan_layers(PictureShape picture, std::span<const LayerShape> shapes);

}  // namespace deepracer_fast::network
