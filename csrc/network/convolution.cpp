// See network/convolution.h.
#include "network/convolution.h"

#include <algorithm>
#include <stdexcept>

namespace deepracer_fast::network {
namespace {

constexpr float kPixelScale = 1.0F / 255.0F;

float* room(Buffer<float>& buffer, int count) {
  return room_for(buffer, static_cast<std::size_t>(count));
}

// How many kernel rows (or columns) meet the input pixels of one parity, pixel modulo stride.
int taps_of_parity(const Layer& layer, int parity) {
  return (layer.kernel - parity + layer.stride - 1) / layer.stride;
}

// The kernel for the forward pass: [panel][kernel row][words of a window][columns].
Buffer<Word> pack_kernel(const Kernels& kernels, const Layer& layer, const float* kernel) {
  const int panel = kernels.panel(layer.filters), run = kernels.words(layer.window());
  Buffer<Word> packed(static_cast<std::size_t>(layer.kernel * run * layer.filters));
  Word* next = packed.data();
  for (int column = 0; column < layer.filters; column += panel) {
    for (int row = 0; row < layer.kernel; ++row) {
      const Matrix window{kernel + row * layer.window() * layer.filters + column, layer.filters, 1};
      next = pack(kernels, window, layer.window(), panel, next);
    }
  }
  return packed;
}

// The kernel for the gradient of the input. That is a convolution again: of the gradient of the
// output, by the kernel turned round, filters and channels exchanged. With a stride, pixels of
// different parity meet different parts of the kernel, so that each parity has its own:
// [parity row][parity column][panel][tap row][tap column][words of the filters][columns].
Buffer<Word> pack_turned_kernel(const Kernels& kernels, const Layer& layer, const float* kernel) {
  const int panel = kernels.panel(layer.channels), pixels = layer.kernel * layer.kernel;
  Buffer<Word> packed(
      static_cast<std::size_t>(pixels * layer.channels * kernels.words(layer.filters)));
  Word* next = packed.data();
  const auto pack_parity = [&](int y, int x, int channel) {
    for (int row = taps_of_parity(layer, y) - 1; row >= 0; --row) {
      for (int column = taps_of_parity(layer, x) - 1; column >= 0; --column) {
        const int pixel = (y + row * layer.stride) * layer.kernel + x + column * layer.stride;
        const Matrix exchanged{kernel + (pixel * layer.channels + channel) * layer.filters, 1,
                               layer.filters};
        next = pack(kernels, exchanged, layer.filters, panel, next);
      }
    }
  };
  for (int y = 0; y < layer.stride; ++y) {
    for (int x = 0; x < layer.stride; ++x)
      for (int channel = 0; channel < layer.channels; channel += panel) pack_parity(y, x, channel);
  }
  return packed;
}

float* convert_picture(const Layer& layer, const std::uint8_t* pixels, Scratch& scratch) {
  float* picture = room(scratch.picture, layer.in_size());
  std::copy_n(pixels, layer.in_size(), picture);
  return picture;
}

// The gradient behind a ReLU: passed on where its output is positive. Taken by value, it is a
// choice and no branch, which would be mispredicted every other time.
float masked_by(float output, float gradient) { return output > 0.0F ? gradient : 0.0F; }

// Copies the gradient where the unit was active, with `margin` zero columns to both sides of each
// row, and adds the sum over pixels to `bias_sums`. The arrays are told apart: else nothing is
// vectorised.
void mask_gradient(const Layer& layer, int margin, const float* __restrict activation,
                   const float* __restrict gradient, float* __restrict masked,
                   float* __restrict bias_sums) {
  margin *= layer.filters;
  for (int y = 0; y < layer.height; ++y) {
    masked = std::fill_n(masked, margin, 0.0F);
    for (int x = 0; x < layer.width; ++x) {
      for (int i = 0; i < layer.filters; ++i) {
        const float value = masked_by(activation[i], gradient[i]);
        masked[i] = value;
        bias_sums[i] += value;
      }
      masked += layer.filters;
      activation += layer.filters;
      gradient += layer.filters;
    }
    masked = std::fill_n(masked, margin, 0.0F);
  }
}

// A picture as an operand of a sum over its pixels: two that follow each other in the sum share a
// bf16 word.
struct PixelWords {
  const Word* data;
  std::ptrdiff_t step;  // words from one step of the sum to the next
  std::ptrdiff_t run;   // words from one row of the sum to the next
};

// A window may begin at any pixel, so each is joined with the one a stride to its right. At the
// end of a row that is a wrong one, which then meets a zero: the last output has no partner.
PixelWords input_words(const Kernels& kernels, const Layer& layer, const float* in,
                       Buffer<Word>& room) {
  const int size = layer.in_size(), step = layer.stride * layer.channels;
  const PixelWords pixels{reinterpret_cast<const Word*>(in), kernels.per_word * step,
                          static_cast<std::ptrdiff_t>(step) * layer.in_width};
  if (kernels.per_word == 1) return pixels;
  Word* words = room_for(room, static_cast<std::size_t>(size));
  kernels.join(in, in + step, size - step, words);
  kernels.join(in + size - step, nullptr, step, words + size - step);
  return {words, pixels.step, pixels.run};
}

PixelWords output_words(const Kernels& kernels, const Layer& layer, const float* masked,
                        Buffer<Word>& room) {
  const int row = layer.padded_width() * layer.filters;
  masked += layer.margin() * layer.filters;
  if (kernels.per_word == 1) return {reinterpret_cast<const Word*>(masked), layer.filters, row};
  const int run = kernels.words(layer.width) * layer.filters;
  Word* words = room_for(room, static_cast<std::size_t>(layer.height * run));
  for (int y = 0; y < layer.height; ++y) {
    pack(kernels, {masked + y * row, layer.filters, 1}, layer.width, layer.filters,
         words + y * run);
  }
  return {words, layer.filters, run};
}

}  // namespace

PictureLayers::PictureLayers(const Kernels& kernels, std::vector<Layer> layers,
                             std::span<const Weights> weights, bool with_gradient)
    : kernels_(kernels), layers_(std::move(layers)) {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const int step = layer.stride * layer.channels;
    const bool fits = kernels.panel(layer.filters) > 0 && step % kernels.per_word == 0 &&
                      layer.in_width * layer.channels % kernels.per_word == 0 &&
                      (i == 0 || kernels.panel(layer.channels) > 0);
    if (!fits)
      throw std::invalid_argument("filters must be a multiple of 32 and a picture's rows even");
    biases_.push_back(weights[i].bias);
    forward_weights_.emplace_back();
    backward_weights_.emplace_back();
    by_winograd_.emplace_back();
    if (i > 0 && WinogradLayer::suits(layer)) {
      by_winograd_[i].emplace(kernels, layer, weights[i], with_gradient);
      continue;
    }
    std::vector<float> kernel(weights[i].kernel, weights[i].kernel + layer.kernel_size());
    if (i == 0)
      for (float& weight : kernel) weight *= kPixelScale;
    forward_weights_[i] = pack_kernel(kernels, layer, kernel.data());
    if (with_gradient && i > 0)
      backward_weights_[i] = pack_turned_kernel(kernels, layer, kernel.data());
  }
}

std::size_t PictureLayers::num_weights() const {
  std::size_t total = 0;
  for (const Layer& layer : layers_)
    total += static_cast<std::size_t>(layer.kernel_size() + layer.filters);
  return total;
}

void PictureLayers::forward(const std::uint8_t* picture, std::span<float* const> activations,
                            Scratch& scratch) const {
  const float* in = convert_picture(layers_.front(), picture, scratch);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    float* out = activations[i];
    if (out == nullptr) out = room(scratch.activations[i % 2], layers_[i].out_size());
    if (by_winograd_[i])
      by_winograd_[i]->forward(in, out, scratch.points);
    else
      convolve(i, in, out, scratch);
    in = out;
  }
}

void PictureLayers::convolve(std::size_t index, const float* in, float* out,
                             Scratch& scratch) const {
  const int per_word = kernels_.per_word;
  const Layer& layer = layers_[index];
  const int panel = kernels_.panel(layer.filters);
  const int run = kernels_.words(layer.window());
  const std::ptrdiff_t in_row = layer.in_width * layer.channels / per_word;
  // A window of an odd number of bf16 reads the one after its last, which meets a weight of 0.
  const Word* inputs =
      words_of(kernels_, in, static_cast<std::size_t>(layer.in_size()), scratch.inputs);
  const Word* weights = forward_weights_[index].data();
  for (int column = 0; column < layer.filters; column += panel) {
    for (int y = 0; y < layer.height; ++y) {
      multiply(kernels_, panel, layer.width,
               {.a = inputs + y * layer.stride * in_row,
                .a_row = layer.stride * layer.channels / per_word,
                .a_run = in_row,
                .b = weights,
                .b_step = panel,
                .b_run = run * panel,
                .runs = layer.kernel,
                .run_length = run,
                .c = out + y * layer.width * layer.filters + column,
                .c_row = layer.filters,
                .bias = biases_[index] + column,
                .finish = Finish::kBiasRelu});
    }
    weights += layer.kernel * run * panel;
  }
}

void PictureLayers::begin_gradient(Scratch& scratch) const {
  scratch.point_sums.resize(layers_.size());
  for (std::size_t i = 0; i < layers_.size(); ++i)
    if (by_winograd_[i]) scratch.point_sums[i].assign(by_winograd_[i]->num_point_sums(), 0.0F);
}

void PictureLayers::end_gradient(float* sums, Scratch& scratch) const {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (by_winograd_[i]) by_winograd_[i]->add_kernel_gradient(scratch.point_sums[i].data(), sums);
    sums += layers_[i].kernel_size() + layers_[i].filters;
  }
}

void PictureLayers::backward(const std::uint8_t* picture, std::span<const float* const> activations,
                             const float* gradient, float* sums, Scratch& scratch) const {
  sums += num_weights();
  for (std::size_t i = layers_.size(); i-- > 0;) {
    const Layer& layer = layers_[i];
    const int margin = by_winograd_[i] ? 0 : layer.margin();
    sums -= layer.kernel_size() + layer.filters;
    const int padded = layer.height * (layer.width + 2 * margin) * layer.filters;
    float* masked = room(scratch.masked, padded);
    mask_gradient(layer, margin, activations[i], gradient, masked, sums + layer.kernel_size());
    const float* in = i > 0 ? activations[i - 1] : convert_picture(layer, picture, scratch);
    float* in_gradient = i > 0 ? room(scratch.gradients[i % 2], layer.in_size()) : nullptr;
    if (by_winograd_[i]) {
      float* point_sums = scratch.point_sums[i].data();
      by_winograd_[i]->backward(in, masked, point_sums, in_gradient, scratch.points);
    } else {
      add_weight_gradient(layer, in, masked, sums, scratch);
      if (i > 0) input_gradient(i, masked, in_gradient, scratch);
    }
    gradient = in_gradient;
  }
}

void PictureLayers::add_weight_gradient(const Layer& layer, const float* in, const float* masked,
                                        float* sums, Scratch& scratch) const {
  const PixelWords inputs = input_words(kernels_, layer, in, scratch.inputs);
  const PixelWords outputs = output_words(kernels_, layer, masked, scratch.outputs);
  const int panel = kernels_.panel(layer.filters);
  for (int row = 0; row < layer.kernel; ++row) {
    for (int column = 0; column < layer.filters; column += panel) {
      multiply(kernels_, panel, layer.window(),
               {.a = inputs.data + row * layer.in_width * layer.channels,
                .a_row = 1,
                .a_step = inputs.step,
                .a_run = inputs.run,
                .b = outputs.data + column,
                .b_step = outputs.step,
                .b_run = outputs.run,
                .runs = layer.height,
                .run_length = kernels_.words(layer.width),
                .c = sums + row * layer.window() * layer.filters + column,
                .c_row = layer.filters,
                .finish = Finish::kAdd});
    }
  }
}

void PictureLayers::input_gradient(std::size_t index, const float* masked, float* out,
                                   Scratch& scratch) const {
  const Layer& layer = layers_[index];
  const auto size = static_cast<std::size_t>(layer.height * layer.padded_width() * layer.filters);
  const Word* outputs = words_of(kernels_, masked, size, scratch.outputs);
  const int panel = kernels_.panel(layer.channels);
  const Word* weights = backward_weights_[index].data();
  for (int y = 0; y < layer.stride; ++y) {
    for (int x = 0; x < layer.stride; ++x) {
      const int taps = taps_of_parity(layer, y) * taps_of_parity(layer, x);
      for (int channel = 0; channel < layer.channels; channel += panel) {
        parity_gradient(layer, {y, x}, outputs, weights, out + channel);
        weights += taps * kernels_.words(layer.filters) * panel;
      }
    }
  }
}

void PictureLayers::parity_gradient(const Layer& layer, Parity parity, const Word* masked,
                                    const Word* weights, float* out) const {
  const int panel = kernels_.panel(layer.channels);
  const int filters = kernels_.words(layer.filters);
  const int taps_y = taps_of_parity(layer, parity.y);
  const int taps_x = taps_of_parity(layer, parity.x);
  const int run = taps_x * filters;
  const std::ptrdiff_t masked_row = layer.padded_width() * filters;
  const int first_column = (layer.margin() - taps_x + 1) * filters;
  for (int y = parity.y; y < layer.in_height; y += layer.stride) {
    // The output rows that saw this input row, those outside the picture left out.
    const int top = y / layer.stride - taps_y + 1;
    const int first = std::max(top, 0);
    const int last = std::min(y / layer.stride, layer.height - 1);
    multiply(kernels_, panel, (layer.in_width - parity.x + layer.stride - 1) / layer.stride,
             {.a = masked + first * masked_row + first_column,
              .a_row = filters,
              .a_run = masked_row,
              .b = weights + (first - top) * run * panel,
              .b_step = panel,
              .b_run = run * panel,
              .runs = last - first + 1,
              .run_length = run,
              .c = out + (y * layer.in_width + parity.x) * layer.channels,
              .c_row = layer.stride * layer.channels});
  }
}

}  // namespace deepracer_fast::network
