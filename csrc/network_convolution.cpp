// See network_convolution.h.
#include "network_convolution.h"

#include <algorithm>
#include <stdexcept>
#include <type_traits>

namespace deepracer_fast::network {
namespace {

constexpr float kPixelScale = 1.0F / 255.0F;

template <class Element>
inline constexpr bool kIsFloat32 = std::is_same_v<Element, float>;

Word* room_for_words(Buffer<Word>& buffer, int count) {
  return room_for(buffer, static_cast<std::size_t>(count));
}

template <class Element>
Element* room(Buffer<Word>& buffer, int elements) {
  // One more: a window of an odd number of bf16 reads the element after its last.
  return reinterpret_cast<Element*>(room_for_words(buffer, words<Element>(elements + 1)));
}

/// How many kernel rows (or columns) meet the input pixels of one parity, pixel modulo stride.
int taps_of_parity(const Layer& layer, int parity) {
  return (layer.kernel - parity + layer.stride - 1) / layer.stride;
}

/// The kernel for the forward pass: [panel][kernel row][words of a window][columns].
template <class Element>
Buffer<Word> pack_kernel(const Layer& layer, int panel, const float* kernel, float scale) {
  const int run = words<Element>(layer.window());
  Buffer<Word> packed(static_cast<std::size_t>(layer.kernel * run * layer.filters));
  Word* next = packed.data();
  for (int column = 0; column < layer.filters; column += panel) {
    for (int row = 0; row < layer.kernel; ++row) {
      const Matrix<float> window{kernel + row * layer.window() * layer.filters + column,
                                 layer.filters, 1};
      next = pack<Element>(window, layer.window(), panel, next, scale);
    }
  }
  return packed;
}

/// The kernel for the gradient of the input. That is a convolution again: of the gradient of the
/// output, by the kernel turned round, filters and channels exchanged. With a stride, pixels of
/// different parity meet different parts of the kernel, so that each parity has its own:
/// [parity row][parity column][panel][tap row][tap column][words of the filters][columns].
template <class Element>
Buffer<Word> pack_turned_kernel(const Layer& layer, int panel, const float* kernel) {
  const int pixels = layer.kernel * layer.kernel;
  Buffer<Word> packed(
      static_cast<std::size_t>(pixels * layer.channels * words<Element>(layer.filters)));
  Word* next = packed.data();
  const auto pack_parity = [&](int y, int x, int channel) {
    for (int row = taps_of_parity(layer, y) - 1; row >= 0; --row) {
      for (int column = taps_of_parity(layer, x) - 1; column >= 0; --column) {
        const int pixel = (y + row * layer.stride) * layer.kernel + x + column * layer.stride;
        const Matrix<float> exchanged{kernel + (pixel * layer.channels + channel) * layer.filters,
                                      1, layer.filters};
        next = pack<Element>(exchanged, layer.filters, panel, next);
      }
    }
  };
  for (int y = 0; y < layer.stride; ++y) {
    for (int x = 0; x < layer.stride; ++x) {
      for (int channel = 0; channel < layer.channels; channel += panel) pack_parity(y, x, channel);
    }
  }
  return packed;
}

template <class Element>
Element* convert_picture(const Layer& layer, const std::uint8_t* pixels, Scratch& scratch) {
  const int size = layer.in_size();
  auto* picture = room<Element>(scratch.picture, size);
  for (int i = 0; i < size; ++i) picture[i] = from_float<Element>(static_cast<float>(pixels[i]));
  picture[size] = Element{};
  return picture;
}

/// The gradient behind a ReLU: passed on where its output is positive. Written for the compiler
/// to turn into a mask: a branch here would be mispredicted every other time.
float masked_by(float output, float gradient) { return output > 0.0F ? gradient : 0.0F; }
Bf16 masked_by(Bf16 output, Bf16 gradient) {
  const bool is_positive = static_cast<std::int16_t>(output.bits) > 0;
  return {static_cast<std::uint16_t>(is_positive ? gradient.bits : 0)};
}

/// Copies the gradient where the unit was active, with `margin` zero columns to both sides of each
/// row, and adds the sum over pixels to `bias_sums`. The arrays are told apart: else nothing is
/// vectorised.
template <class Element>
void mask_gradient(const Layer& layer, int margin, const Element* __restrict activation,
                   const Element* __restrict gradient, Element* __restrict masked,
                   float* __restrict bias_sums) {
  margin *= layer.filters;
  for (int y = 0; y < layer.height; ++y) {
    masked = std::fill_n(masked, margin, Element{});
    for (int x = 0; x < layer.width; ++x) {
      for (int i = 0; i < layer.filters; ++i) {
        const Element value = masked_by(activation[i], gradient[i]);
        masked[i] = value;
        bias_sums[i] += to_float(value);
      }
      masked += layer.filters;
      activation += layer.filters;
      gradient += layer.filters;
    }
    masked = std::fill_n(masked, margin, Element{});
  }
}

/// A picture as an operand of a sum over its pixels. Two pixels that follow each other in the sum
/// share a bf16 word; float32 needs no copy.
struct PixelWords {
  const Word* data;
  std::ptrdiff_t step;  // words from one step of the sum to the next
  std::ptrdiff_t run;   // words from one row of the sum to the next
};

PixelWords input_words(const Layer& layer, const float* in, Scratch& /*scratch*/) {
  const std::ptrdiff_t step = layer.stride * layer.channels;
  return {reinterpret_cast<const Word*>(in), step, step * layer.in_width};
}

/// A window may begin at any pixel, so each is paired with the one a stride to its right. At the
/// end of a row that is a wrong one, which then meets a zero: the last output has no partner.
PixelWords input_words(const Layer& layer, const Bf16* in, Scratch& scratch) {
  const int size = layer.in_size();
  const int step = layer.stride * layer.channels;
  Word* paired = room_for_words(scratch.input_pairs, size);
  for (int i = 0; i < size - step; ++i) {
    paired[i] = in[i].bits | static_cast<Word>(in[i + step].bits) << 16;
  }
  for (int i = size - step; i < size; ++i) paired[i] = in[i].bits;
  return {paired, 2 * step, static_cast<std::ptrdiff_t>(step) * layer.in_width};
}

PixelWords output_words(const Layer& layer, const float* masked, Scratch& /*scratch*/) {
  const auto* data = reinterpret_cast<const Word*>(masked + layer.margin() * layer.filters);
  return {data, layer.filters, layer.padded_width() * layer.filters};
}

PixelWords output_words(const Layer& layer, const Bf16* masked, Scratch& scratch) {
  const int run = words<Bf16>(layer.width) * layer.filters;
  Word* paired = room_for_words(scratch.masked_pairs, layer.height * run);
  for (int y = 0; y < layer.height; ++y) {
    const Bf16* row = masked + (y * layer.padded_width() + layer.margin()) * layer.filters;
    Word* out = paired + y * run;
    for (int x = 0; x < layer.width; x += 2, row += 2 * layer.filters, out += layer.filters) {
      const bool has_partner = x + 1 < layer.width;
      for (int i = 0; i < layer.filters; ++i) {
        const Word partner = has_partner ? row[layer.filters + i].bits : 0;
        out[i] = row[i].bits | partner << 16;
      }
    }
  }
  return {paired, layer.filters, run};
}

}  // namespace

template <class Element>
PictureLayers<Element>::PictureLayers(const Kernels& kernels, std::vector<Layer> layers,
                                      std::span<const Weights> weights, bool with_gradient)
    : kernels_(kernels), layers_(std::move(layers)) {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const int step = layer.stride * layer.channels;
    const bool fits = kernels.panel(layer.filters) > 0 && step % kPerWord<Element> == 0 &&
                      layer.in_width * layer.channels % kPerWord<Element> == 0 &&
                      (i == 0 || kernels.panel(layer.channels) > 0);
    if (!fits) {
      throw std::invalid_argument("filters must be a multiple of 32 and a picture's rows even");
    }
    biases_.push_back(weights[i].bias);
    forward_weights_.emplace_back();
    backward_weights_.emplace_back();
    by_winograd_.emplace_back();
    if (kIsFloat32<Element> && i > 0 && WinogradLayer::suits(layer)) {
      by_winograd_[i].emplace(kernels, layer, weights[i], with_gradient);
      continue;
    }
    forward_weights_[i] = pack_kernel<Element>(layer, kernels.panel(layer.filters),
                                               weights[i].kernel, i == 0 ? kPixelScale : 1);
    if (!with_gradient || i == 0) continue;
    backward_weights_[i] =
        pack_turned_kernel<Element>(layer, kernels.panel(layer.channels), weights[i].kernel);
  }
}

template <class Element>
std::size_t PictureLayers<Element>::num_weights() const {
  std::size_t total = 0;
  for (const Layer& layer : layers_) {
    total += static_cast<std::size_t>(layer.kernel_size() + layer.filters);
  }
  return total;
}

template <class Element>
void PictureLayers<Element>::forward(const std::uint8_t* picture,
                                     std::span<Element* const> activations,
                                     Scratch& scratch) const {
  const Element* in = convert_picture<Element>(layers_.front(), picture, scratch);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    Element* out = activations[i];
    if (out == nullptr) out = room<Element>(scratch.activations[i % 2], layers_[i].out_size());
    if (by_winograd_[i]) {
      if constexpr (kIsFloat32<Element>) by_winograd_[i]->forward(in, out, scratch.points);
    } else {
      convolve(i, in, out);
    }
    in = out;
  }
}

template <class Element>
void PictureLayers<Element>::convolve(std::size_t index, const Element* in, Element* out) const {
  constexpr int kPer = kPerWord<Element>;
  const Layer& layer = layers_[index];
  const int panel = kernels_.panel(layer.filters);
  const int run = words<Element>(layer.window());
  const std::ptrdiff_t in_row = layer.in_width * layer.channels;
  const Word* weights = forward_weights_[index].data();
  for (int column = 0; column < layer.filters; column += panel) {
    for (int y = 0; y < layer.height; ++y) {
      multiply(kernels_, panel, layer.width,
               {.a = in + y * layer.stride * in_row,
                .a_row = layer.stride * layer.channels / kPer,
                .a_step = 1,
                .a_run = in_row / kPer,
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

template <class Element>
void PictureLayers<Element>::begin_gradient(Scratch& scratch) const {
  scratch.point_sums.resize(layers_.size());
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (by_winograd_[i]) scratch.point_sums[i].assign(by_winograd_[i]->num_point_sums(), 0.0F);
  }
}

template <class Element>
void PictureLayers<Element>::end_gradient(float* sums, Scratch& scratch) const {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (by_winograd_[i]) by_winograd_[i]->add_kernel_gradient(scratch.point_sums[i].data(), sums);
    sums += layers_[i].kernel_size() + layers_[i].filters;
  }
}

template <class Element>
void PictureLayers<Element>::backward(const std::uint8_t* picture,
                                      std::span<const Element* const> activations,
                                      const Element* gradient, float* sums,
                                      Scratch& scratch) const {
  sums += num_weights();
  for (std::size_t i = layers_.size(); i-- > 0;) {
    const Layer& layer = layers_[i];
    const int margin = by_winograd_[i] ? 0 : layer.margin();
    sums -= layer.kernel_size() + layer.filters;
    const int padded = layer.height * (layer.width + 2 * margin) * layer.filters;
    auto* masked = room<Element>(scratch.masked, padded);
    mask_gradient(layer, margin, activations[i], gradient, masked, sums + layer.kernel_size());
    const Element* in =
        i > 0 ? activations[i - 1] : convert_picture<Element>(layer, picture, scratch);
    Element* in_gradient =
        i > 0 ? room<Element>(scratch.gradients[i % 2], layer.in_size()) : nullptr;
    if (by_winograd_[i]) {
      if constexpr (kIsFloat32<Element>) {
        float* point_sums = scratch.point_sums[i].data();
        by_winograd_[i]->backward(in, masked, point_sums, in_gradient, scratch.points);
      }
    } else {
      add_weight_gradient(layer, in, masked, sums, scratch);
      if (i > 0) input_gradient(i, masked, in_gradient);
    }
    gradient = in_gradient;
  }
}

template <class Element>
void PictureLayers<Element>::add_weight_gradient(const Layer& layer, const Element* in,
                                                 const Element* masked, float* sums,
                                                 Scratch& scratch) const {
  const PixelWords inputs = input_words(layer, in, scratch);
  const PixelWords outputs = output_words(layer, masked, scratch);
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
                .run_length = words<Element>(layer.width),
                .c = sums + row * layer.window() * layer.filters + column,
                .c_row = layer.filters,
                .bias = nullptr,
                .finish = Finish::kAdd});
    }
  }
}

template <class Element>
void PictureLayers<Element>::input_gradient(std::size_t index, const Element* masked,
                                            Element* out) const {
  const Layer& layer = layers_[index];
  const int panel = kernels_.panel(layer.channels);
  const Word* weights = backward_weights_[index].data();
  for (int y = 0; y < layer.stride; ++y) {
    for (int x = 0; x < layer.stride; ++x) {
      const int taps = taps_of_parity(layer, y) * taps_of_parity(layer, x);
      for (int channel = 0; channel < layer.channels; channel += panel) {
        parity_gradient(layer, {y, x}, masked, weights, out + channel);
        weights += taps * words<Element>(layer.filters) * panel;
      }
    }
  }
}

template <class Element>
void PictureLayers<Element>::parity_gradient(const Layer& layer, Parity parity,
                                             const Element* masked, const Word* weights,
                                             Element* out) const {
  constexpr int kPer = kPerWord<Element>;
  const int panel = kernels_.panel(layer.channels);
  const int taps_y = taps_of_parity(layer, parity.y);
  const int taps_x = taps_of_parity(layer, parity.x);
  const int run = taps_x * layer.filters / kPer;
  const std::ptrdiff_t masked_row = layer.padded_width() * layer.filters;
  const int first_column = (layer.margin() - taps_x + 1) * layer.filters;
  for (int y = parity.y; y < layer.in_height; y += layer.stride) {
    // The output rows that saw this input row, those outside the picture left out.
    const int top = y / layer.stride - taps_y + 1;
    const int first = std::max(top, 0);
    const int last = std::min(y / layer.stride, layer.height - 1);
    multiply(kernels_, panel, (layer.in_width - parity.x + layer.stride - 1) / layer.stride,
             {.a = masked + first * masked_row + first_column,
              .a_row = layer.filters / kPer,
              .a_step = 1,
              .a_run = masked_row / kPer,
              .b = weights + (first - top) * run * panel,
              .b_step = panel,
              .b_run = run * panel,
              .runs = last - first + 1,
              .run_length = run,
              .c = out + (y * layer.in_width + parity.x) * layer.channels,
              .c_row = layer.stride * layer.channels,
              .bias = nullptr,
              .finish = Finish::kStore});
  }
}

template class PictureLayers<float>;
template class PictureLayers<Bf16>;

}  // namespace deepracer_fast::network
