// See network/winograd.h.
#include "network/winograd.h"

#include <algorithm>
#include <array>

namespace deepracer_fast::network {
namespace {

constexpr int kLeastDepth = 64;  // fewer do not fill the products between the maps

// One cache line between tiles: their rows would else fall on the same few sets of the cache.
constexpr int kGap = 16;

// Pixels of one tile, row by row; each points to its first channel.
template <class Pixel>
using TilePixels = std::array<Pixel*, kMostPixels>;

// A grid of pixels in memory, and what stands for those beyond it.
template <class Pixel>
struct Grid {
  int rows;
  int columns;
  std::ptrdiff_t row_step;
  std::ptrdiff_t column_step;
  Pixel* outside;

  TilePixels<Pixel> tile(Pixel* first, int top, int left, int size) const {
    TilePixels<Pixel> pixels;
    std::size_t index = 0;
    for (int row = top; row < top + size; ++row) {
      for (int column = left; column < left + size; ++column) {
        const bool is_inside = row < rows && column < columns;
        pixels[index++] = is_inside ? first + row * row_step + column * column_step : outside;
      }
    }
    return pixels;
  }
};

// A pixel of zeros; what is written to one beyond the picture is lost.
float* outside_pixel(PointScratch& scratch, int channels) {
  float* pixel = room_for(scratch.outside, static_cast<std::size_t>(channels));
  std::fill_n(pixel, channels, 0.0F);
  return pixel;
}

}  // namespace

bool WinogradLayer::suits(const Layer& layer) {
  return layer.kernel % layer.stride == 0 &&
         layer.stride * layer.stride * layer.channels >= kLeastDepth &&
         find_point_maps(layer.kernel / layer.stride) != nullptr;
}

WinogradLayer::WinogradLayer(const Kernels& kernels, const Layer& layer, Weights weights,
                             bool with_gradient)
    : kernels_(kernels),
      layer_(layer),
      maps_(*find_point_maps(layer.kernel / layer.stride)),
      bias_(weights.bias) {
  Buffer<float> at_points(num_point_sums());
  for_each_run([&](float factor, std::ptrdiff_t in_kernel, std::ptrdiff_t at_point) {
    float* to = at_points.data() + at_point;
    maps_.add_scaled(factor, weights.kernel + in_kernel, run_length(), to);
  });
  const std::size_t num_words = num_point_sums() / static_cast<std::size_t>(kernels.per_word);
  forward_weights_.resize(num_words);
  backward_weights_.resize(with_gradient ? num_words : 0);
  Word* forward = forward_weights_.data();
  Word* backward = backward_weights_.data();
  const int filters = layer.filters;
  const int panel = kernels.panel(filters), back_panel = kernels.panel(depth());
  for (int point = 0; point < points(); ++point) {
    const float* matrix = at_points.data() + static_cast<std::ptrdiff_t>(point) * depth() * filters;
    for (int column = 0; column < filters; column += panel)
      forward = pack(kernels, {matrix + column, filters, 1}, depth(), panel, forward);
    for (int row = 0; with_gradient && row < depth(); row += back_panel) {
      const Matrix turned{matrix + row * filters, 1, filters};
      backward = pack(kernels, turned, filters, back_panel, backward);
    }
  }
}

std::size_t WinogradLayer::num_point_sums() const {
  return static_cast<std::size_t>(points()) * static_cast<std::size_t>(depth() * layer_.filters);
}

std::ptrdiff_t WinogradLayer::tile_stride(int channels) const { return points() * channels + kGap; }

std::size_t WinogradLayer::room_of_tiles(int channels) const {
  return static_cast<std::size_t>(tiles() * tile_stride(channels));
}

template <class Body>
void WinogradLayer::for_each_run(const Body& body) const {
  const int window = maps_.window, stride = layer_.stride;
  const auto factor = [&](int point, int i) { return maps_.weights[point * window + i]; };
  for (int point = 0; point < points(); ++point) {
    for (int pixel = 0; pixel < window * window; ++pixel) {
      const int y = pixel / window, x = pixel % window;
      const double product = factor(point / maps_.points(), y) * factor(point % maps_.points(), x);
      if (product == 0.0) continue;
      for (int row = 0; row < stride; ++row) {
        const int kernel_pixel = (y * stride + row) * layer_.kernel + x * stride;
        body(static_cast<float>(product),
             static_cast<std::ptrdiff_t>(kernel_pixel) * layer_.channels * layer_.filters,
             static_cast<std::ptrdiff_t>(point) * depth() * layer_.filters + row * run_length());
      }
    }
  }
}

void WinogradLayer::add_kernel_gradient(const float* point_sums, float* sums) const {
  for_each_run([&](float factor, std::ptrdiff_t in_kernel, std::ptrdiff_t at_point) {
    maps_.add_scaled(factor, point_sums + at_point, run_length(), sums + in_kernel);
  });
}

template <class Pixel, class Body>
void WinogradLayer::for_each_input_tile(Pixel* in, Pixel* outside, const Body& body) const {
  const int stride = layer_.stride, channels = stride * layer_.channels;
  const std::ptrdiff_t row_step = layer_.in_width * layer_.channels;
  const Grid<Pixel> grid{layer_.in_height / stride, layer_.in_width / stride, stride * row_step,
                         channels, outside};
  for (int tile = 0; tile < tiles(); ++tile) {
    const int top = tile / tiles_across() * maps_.outputs;
    const int left = tile % tiles_across() * maps_.outputs;
    for (int row = 0; row < stride; ++row) {
      body(grid.tile(in + row * row_step, top, left, maps_.points()), channels,
           tile * tile_stride(depth()) + row * channels);
    }
  }
}

template <class Pixel, class Body>
void WinogradLayer::for_each_output_tile(Pixel* out, Pixel* outside, const Body& body) const {
  const int filters = layer_.filters;
  const Grid<Pixel> grid{layer_.height, layer_.width, layer_.width * filters, filters, outside};
  for (int tile = 0; tile < tiles(); ++tile) {
    const int top = tile / tiles_across() * maps_.outputs;
    const int left = tile % tiles_across() * maps_.outputs;
    body(grid.tile(out, top, left, maps_.outputs), tile * tile_stride(filters));
  }
}

void WinogradLayer::gather_inputs(const float* in, PointScratch& scratch) const {
  float* points_of = room_for(scratch.inputs, room_of_tiles(depth()));
  const float* zeros = outside_pixel(scratch, depth());
  for_each_input_tile(in, zeros, [&](const auto& pixels, int channels, auto offset) {
    maps_.input_points(pixels.data(), channels, points_of + offset, depth());
  });
}

void WinogradLayer::forward(const float* in, float* out, PointScratch& scratch) const {
  const int filters = layer_.filters;
  gather_inputs(in, scratch);
  float* products = room_for(scratch.outputs, room_of_tiles(filters));
  multiply_points(scratch.inputs, depth(), forward_weights_, products, filters, scratch);
  float* waste = outside_pixel(scratch, filters);
  for_each_output_tile(out, waste, [&](const auto& pixels, auto offset) {
    maps_.output_pixels(products + offset, filters, filters, pixels.data(), bias_);
  });
}

void WinogradLayer::backward(const float* in, const float* masked, float* point_sums,
                             float* in_gradient, PointScratch& scratch) const {
  const int filters = layer_.filters;
  gather_inputs(in, scratch);
  float* gradients = room_for(scratch.outputs, room_of_tiles(filters));
  const float* zeros = outside_pixel(scratch, filters);
  for_each_output_tile(masked, zeros, [&](const auto& pixels, auto offset) {
    maps_.output_gradient_points(pixels.data(), filters, gradients + offset, filters);
  });
  add_weight_gradient(point_sums, scratch);
  multiply_points(scratch.outputs, filters, backward_weights_, scratch.inputs.data(), depth(),
                  scratch);
  std::fill_n(in_gradient, layer_.in_size(), 0.0F);
  float* waste = outside_pixel(scratch, depth());
  const float* points_of = scratch.inputs.data();
  for_each_input_tile(in_gradient, waste, [&](const auto& pixels, int channels, auto offset) {
    maps_.input_gradient_pixels(points_of + offset, depth(), channels, pixels.data(), nullptr);
  });
}

void WinogradLayer::multiply_points(const Buffer<float>& from, int from_channels,
                                    const Buffer<Word>& weights, float* to, int to_channels,
                                    PointScratch& scratch) const {
  const Word* words =
      words_of(kernels_, from.data(), room_of_tiles(from_channels), scratch.words[0]);
  const int panel = kernels_.panel(to_channels), run = kernels_.words(from_channels);
  const Word* packed = weights.data();
  for (int point = 0; point < points(); ++point) {
    for (int column = 0; column < to_channels; column += panel) {
      multiply(kernels_, panel, tiles(),
               {.a = words + point * run,
                .a_row = tile_stride(from_channels) / kernels_.per_word,
                .b = packed,
                .b_step = panel,
                .run_length = run,
                .c = to + point * to_channels + column,
                .c_row = tile_stride(to_channels)});
      packed += run * panel;
    }
  }
}

const Word* WinogradLayer::joined_tiles(const Buffer<float>& points, int channels,
                                        Buffer<Word>& room) const {
  if (kernels_.per_word == 1) return reinterpret_cast<const Word*>(points.data());
  const auto stride = static_cast<int>(tile_stride(channels));
  Word* words = room_for(room, room_of_tiles(channels));
  pack(kernels_, {points.data(), stride, 1}, tiles(), stride, words);
  return words;
}

void WinogradLayer::add_weight_gradient(float* point_sums, PointScratch& scratch) const {
  const int filters = layer_.filters, panel = kernels_.panel(filters);
  const Word* inputs = joined_tiles(scratch.inputs, depth(), scratch.words[0]);
  const Word* outputs = joined_tiles(scratch.outputs, filters, scratch.words[1]);
  for (int point = 0; point < points(); ++point) {
    for (int column = 0; column < filters; column += panel) {
      multiply(kernels_, panel, depth(),
               {.a = inputs + point * depth(),
                .a_row = 1,
                .a_step = tile_stride(depth()),
                .b = outputs + point * filters + column,
                .b_step = tile_stride(filters),
                .run_length = kernels_.words(tiles()),
                .c = point_sums + static_cast<std::ptrdiff_t>(point) * depth() * filters + column,
                .c_row = filters,
                .finish = Finish::kAdd});
    }
  }
}

}  // namespace deepracer_fast::network
