// A convolution with fewer products: Winograd's minimal filtering.
//
// A tile of m x m outputs of a window of r x r costs (m + r - 1)^2 products per pair of channels
// where the plain sum takes (m r)^2: the tile's input and the kernel are evaluated at m + r - 1
// points in each direction, multiplied point by point, and the outputs interpolated (Lavin and
// Gray, "Fast algorithms for convolutional neural networks", CVPR 2016). Both gradients are the
// adjoints of the same three maps, so that they save as much.
//
// A stride that divides the kernel is a stride of 1 over blocks of stride x stride pixels, whose
// channels are joined: 4x4 by 2 becomes a window of 2x2 blocks. network/convolution.cpp decides
// which layers go this way; network/winograd_maps.h has the maps, network/kernel.h multiplies.
#pragma once

#include <cstddef>

#include "network/kernel.h"
#include "network/layer.h"
#include "network/packing.h"
#include "network/winograd_maps.h"

namespace deepracer_fast::network {

// A thread's working memory for these layers.
struct PointScratch {
  Buffer<float> inputs;   // [tile][point][block channels]
  Buffer<float> outputs;  // [tile][point][filters]
  Buffer<float> outside;  // a pixel beyond the picture
  Buffer<Word> words[2];  // of inputs, outputs or both
};

// One layer with its kernel at the points; const while threads share it.
class WinogradLayer {
 public:
  // Whether the layer's window and channels suit this form.
  static bool suits(const Layer& layer);

  // Packs for the forward pass, and `with_gradient` for the gradient of the input as well.
  WinogradLayer(const Kernels& kernels, const Layer& layer, Weights weights, bool with_gradient);

  // One picture's activations.
  void forward(const float* in, float* out, PointScratch& scratch) const;

  // From the masked gradient of the outputs, [height, width, filters]: adds the kernel's gradient
  // at the points to `point_sums`, and sets `in_gradient`.
  void backward(const float* in, const float* masked, float* point_sums, float* in_gradient,
                PointScratch& scratch) const;

  // Length of `point_sums`.
  std::size_t num_point_sums() const;

  // Adds the kernel's gradient to `sums`, in the kernel's own layout.
  void add_kernel_gradient(const float* point_sums, float* sums) const;

 private:
  int depth() const { return layer_.stride * layer_.stride * layer_.channels; }
  int points() const { return maps_.points() * maps_.points(); }
  int tiles_down() const { return (layer_.height + maps_.outputs - 1) / maps_.outputs; }
  int tiles_across() const { return (layer_.width + maps_.outputs - 1) / maps_.outputs; }
  int tiles() const { return tiles_down() * tiles_across(); }
  std::ptrdiff_t tile_stride(int channels) const;
  std::size_t room_of_tiles(int channels) const;

  // Calls body(factor, offset in the kernel, offset at the points) for all runs of weights.
  template <class Body>
  void for_each_run(const Body& body) const;
  std::ptrdiff_t run_length() const { return layer_.stride * layer_.channels * layer_.filters; }

  // Calls body(pixels, their channels, offset of their points) for all tiles, of the input once a
  // pixel row of its blocks. `outside` stands for pixels beyond the picture.
  template <class Pixel, class Body>
  void for_each_input_tile(Pixel* in, Pixel* outside, const Body& body) const;
  template <class Pixel, class Body>
  void for_each_output_tile(Pixel* out, Pixel* outside, const Body& body) const;

  void gather_inputs(const float* in, PointScratch& scratch) const;
  void multiply_points(const Buffer<float>& from, int from_channels, const Buffer<Word>& weights,
                       float* to, int to_channels, PointScratch& scratch) const;
  // Words for a sum over tiles, [words(tiles)][tile_stride(channels)].
  const Word* joined_tiles(const Buffer<float>& points, int channels, Buffer<Word>& room) const;
  void add_weight_gradient(float* point_sums, PointScratch& scratch) const;

  const Kernels& kernels_;
  Layer layer_;
  const PointMaps& maps_;
  const float* bias_;
  Buffer<Word> forward_weights_;   // [point][panel of filters][depth][columns]
  Buffer<Word> backward_weights_;  // [point][panel of depth][filters][columns]
};

}  // namespace deepracer_fast::network
