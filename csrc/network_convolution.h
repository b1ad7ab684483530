// The picture layers of a policy network: convolutions with bias and ReLU, one picture at a time,
// so that a picture's numbers stay in the cache of the core that works on it.
//
// In: uint8 pictures and float32 weights as JAX holds them. Out: every layer's activations, and
// for a gradient of the last ones the gradients of all weights. network_ffi.cpp shares pictures
// out among threads; network_kernel.h multiplies. All pictures are [H, W, C], kernels [K, K, C, O].
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "network_kernel.h"

namespace deepracer_fast::network {

/// Shapes of one layer. `height` and `width` count the outputs that the next layer reads: with a
/// stride of 2 it may leave the last row and column alone, and nobody computes them.
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
  /// Kernel rows that meet one input pixel row, and zero columns to each side of the gradient.
  int taps() const { return (kernel + stride - 1) / stride; }
  int margin() const { return taps() - 1; }
  int padded_width() const { return width + 2 * margin(); }
};

/// Height, width and channels of a picture; kernel size, filters and stride of a layer.
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

/// Lays the layers out one after the other. Throws std::invalid_argument where a layer is larger
/// than its picture or skips pixels.
std::vector<Layer> plan_layers(PictureShape picture, std::span<const LayerShape> shapes);

/// Row and column of a pixel, modulo a layer's stride.
struct Parity {
  int y;
  int x;
};

/// One layer's weights as JAX holds them.
struct Weights {
  const float* kernel;
  const float* bias;
};

/// A thread's working memory; grows to what the largest layer needs and stays.
struct Scratch {
  std::vector<Word> picture;
  std::vector<Word> activations[2];
  std::vector<Word> gradients[2];
  std::vector<Word> masked;
  std::vector<Word> masked_pairs;
  std::vector<Word> input_pairs;
};

/// The layers with their weights packed for one precision; const while threads share it.
template <class Element>
class PictureLayers {
 public:
  /// Packs for the forward pass, and `with_gradient` for the backward pass as well.
  PictureLayers(const Kernels& kernels, std::vector<Layer> layers, std::span<const Weights> weights,
                bool with_gradient);

  /// Computes one picture's activations, layer after layer. `activations` has one target a layer;
  /// nullptr keeps a layer's in `scratch`.
  void forward(const std::uint8_t* picture, std::span<Element* const> activations,
               Scratch& scratch) const;

  /// Adds one picture's gradient of all weights to `sums`: per layer kernel, then bias. The first
  /// kernel's is for pixels of 0..255 and has still to be divided by 255.
  void backward(const std::uint8_t* picture, std::span<const Element* const> activations,
                const Element* gradient, float* sums, Scratch& scratch) const;

  std::span<const Layer> layers() const { return layers_; }

  /// Length of `sums`.
  std::size_t num_weights() const;

 private:
  void convolve(std::size_t index, const Element* in, Element* out) const;
  void add_weight_gradient(const Layer& layer, const Element* in, const Element* masked,
                           float* sums, Scratch& scratch) const;
  void input_gradient(std::size_t index, const Element* masked, Element* out) const;
  /// The input pixels of one parity, for the panel of channels that `out` and `weights` begin with.
  void parity_gradient(const Layer& layer, Parity parity, const Element* masked,
                       const Word* weights, Element* out) const;

  const Kernels& kernels_;
  std::vector<Layer> layers_;
  std::vector<const float*> biases_;
  std::vector<std::vector<Word>> forward_weights_;   // per layer: panels of [window rows][columns]
  std::vector<std::vector<Word>> backward_weights_;  // per layer: see pack_turned_kernel
};

}  // namespace deepracer_fast::network
