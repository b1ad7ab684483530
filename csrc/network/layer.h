// Shapes of the picture layers, and how they follow from one another.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
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
inline std::vector<Layer> plan_layers(PictureShape picture, std::span<const LayerShape> shapes) {
  std::vector<Layer> layers;
  for (const auto [kernel, filters, stride] : shapes) {
    if (kernel > std::min(picture.height, picture.width) || stride < 1 || stride > kernel) {
      throw std::invalid_argument(
          "a kernel must fit its picture and its stride itself, got kernel " +
          std::to_string(kernel) + ", stride " + std::to_string(stride));
    }
    const PictureShape out{(picture.height - kernel) / stride + 1,
                           (picture.width - kernel) / stride + 1, filters};
    layers.push_back({picture.height, picture.width, picture.channels, out.height, out.width,
                      filters, kernel, stride});
    picture = out;
  }
  // Backwards: a layer need not compute what the next one does not read.
  for (std::size_t i = layers.size(); i-- > 1;) {
    Layer& layer = layers[i];
    layer.in_height = (layer.height - 1) * layer.stride + layer.kernel;
    layer.in_width = (layer.width - 1) * layer.stride + layer.kernel;
    layers[i - 1].height = layer.in_height;
    layers[i - 1].width = layer.in_width;
  }
  // A dense layer at each pixel needs no rows: one long one fills the tiles better.
  for (Layer& layer : layers) {
    if (layer.kernel > 1) continue;
    layer.in_width = layer.width = layer.height * layer.width;
    layer.in_height = layer.height = 1;
  }
  return layers;
}

}  // namespace deepracer_fast::network
