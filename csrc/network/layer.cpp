// See network/layer.h.
#include "network/layer.h"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>

namespace deepracer_fast::network {

std::vector<Layer> plan_layers(PictureShape picture, std::span<const LayerShape> shapes) {
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
