// The picture layers of a policy network: convolutions with bias and ReLU, one picture at a time,
// so that a picture's numbers stay in the cache of the core that works on it.
//
// In: uint8 pictures and float32 weights as JAX holds them. Out: every layer's activations, and
// for a gradient of the last ones the gradients of all weights. network/ffi.cpp shares pictures
// out among threads; network/kernel.h multiplies. All pictures are [H, W, C], kernels [K, K, C, O].
// Layers that suit it go by network/winograd.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "network/kernel.h"
#include "network/layer.h"
#include "network/packing.h"
#include "network/winograd.h"

namespace deepracer_fast::network {

// Row and column of a pixel, modulo a layer's stride.
struct Parity {
  int y;
  int x;
};

// A thread's working memory; grows to what the largest layer needs and stays.
struct Scratch {
  Buffer<float> picture;
  Buffer<float> activations[2];
  Buffer<float> gradients[2];
  Buffer<float> masked;
  Buffer<Word> inputs;
  Buffer<Word> outputs;
  PointScratch points;
  std::vector<Buffer<float>> point_sums;  // of each layer; empty unless by Winograd
};

// The layers with their weights packed for some kernels; const while threads share it.
class PictureLayers {
 public:
  // Packs for the forward pass, and `with_gradient` for the backward pass as well.
  PictureLayers(const Kernels& kernels, std::vector<Layer> layers, std::span<const Weights> weights,
                bool with_gradient);

  // Computes one picture's activations, layer after layer. `activations` has one target a layer;
  // nullptr keeps a layer's in `scratch`.
  void forward(const std::uint8_t* picture, std::span<float* const> activations,
               Scratch& scratch) const;

  // Adds one picture's gradient of all weights to `sums`: per layer kernel, then bias. The first
  // kernel's is for pixels of 0..255 and has still to be divided by 255. Pictures follow each
  // other between `begin_gradient` and `end_gradient`, with the same scratch and sums.
  void begin_gradient(Scratch& scratch) const;
  void backward(const std::uint8_t* picture, std::span<const float* const> activations,
                const float* gradient, float* sums, Scratch& scratch) const;
  void end_gradient(float* sums, Scratch& scratch) const;

  std::span<const Layer> layers() const { return layers_; }

  // Length of `sums`.
  std::size_t num_weights() const;

 private:
  void convolve(std::size_t index, const float* in, float* out, Scratch& scratch) const;
  void add_weight_gradient(const Layer& layer, const float* in, const float* masked, float* sums,
                           Scratch& scratch) const;
  void input_gradient(std::size_t index, const float* masked, float* out, Scratch& scratch) const;
  // The input pixels of one parity, for the panel of channels that `out` and `weights` begin with.
  void parity_gradient(const Layer& layer, Parity parity, const Word* masked, const Word* weights,
                       float* out) const;

  const Kernels& kernels_;
  std::vector<Layer> layers_;
  std::vector<const float*> biases_;
  // Per layer, and empty where it goes by Winograd: panels of [window rows][columns].
  std::vector<Buffer<Word>> forward_weights_;
  std::vector<Buffer<Word>> backward_weights_;  // see pack_turned_kernel
  std::vector<std::optional<WinogradLayer>> by_winograd_;
};

}  // namespace deepracer_fast::network
