// See network/ffi.h. Here arguments are checked, and work is shared out among XLA's threads.
#include "network/ffi.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string_view>

#include "network/convolution.h"
#include "network/dense.h"
#include "xla/ffi/api/ffi.h"

namespace deepracer_fast::network {
namespace {

namespace ffi = xla::ffi;
using Strides = ffi::Span<const std::int64_t>;

// Pictures are summed in this many chunks, whatever the number of threads, so that a gradient is
// the same to the bit on every machine with the same instructions.
constexpr int kChunks = 16;

// Work that threads take item by item. A thread that XLA starts late finds nothing left, and must
// then touch nothing but this record: the caller may have returned.
struct Work {
  const std::function<void(int)>* body;
  int count;
  std::atomic<int> next{0};
  std::atomic<int> done{0};

  void drain() {
    for (int item = next++; item < count; item = next++) {
      (*body)(item);
      if (++done == count) done.notify_all();
    }
  }
};

// Runs items on XLA's own threads. The calling thread works too, so this ends even if no other
// thread is free.
ParallelFor on_threads_of(ffi::ThreadPool& pool) {
  return [&pool](int count, const std::function<void(int)>& body) {
    const auto work = std::make_shared<Work>();
    work->body = &body;
    work->count = count;
    const auto others = std::min<std::int64_t>(pool.num_threads(), count) - 1;
    for (std::int64_t i = 0; i < others; ++i) pool.Schedule([work] { work->drain(); });
    work->drain();
    for (int done = work->done; done < count; done = work->done) work->done.wait(done);
  };
}

const Kernels& find_kernels(std::string_view name) {
  for (const Kernels& kernels : available_kernels())
    if (kernels.name == name) return kernels;
  throw std::invalid_argument("this processor has no kernels named " + std::string(name));
}

// Turns an exception into the error that XLA reports; none may cross its C interface.
template <class Function>
ffi::Error reported(const Function& function) {
  try {
    function();
    return ffi::Error::Success();
  } catch (const std::exception& error) {
    return ffi::Error::InvalidArgument(error.what());
  }
}

ffi::AnyBuffer argument(const ffi::RemainingArgs& arguments, std::size_t index) {
  const auto buffer = arguments.get<ffi::AnyBuffer>(index);
  if (!buffer.has_value()) throw std::invalid_argument("an argument is missing");
  return *buffer;
}

ffi::AnyBuffer result(const ffi::RemainingRets& results, std::size_t index) {
  auto buffer = results.get<ffi::AnyBuffer>(index);
  if (!buffer.has_value()) throw std::invalid_argument("a result is missing");
  return **buffer;
}

// The numbers of a buffer, once it is sure that there are `count` of that size.
template <class T>
T* data_of(const ffi::AnyBuffer& buffer, std::size_t count) {
  if (buffer.element_count() != count || buffer.size_bytes() != count * sizeof(T)) {
    throw std::invalid_argument("an array should hold " + std::to_string(count) + " numbers of " +
                                std::to_string(sizeof(T)) + " bytes, got " +
                                std::to_string(buffer.element_count()) + " in " +
                                std::to_string(buffer.size_bytes()) + " bytes");
  }
  return static_cast<T*>(buffer.untyped_data());
}

int dimension(const ffi::AnyBuffer& buffer, std::size_t index) {
  const auto dimensions = buffer.dimensions();
  if (index >= dimensions.size()) throw std::invalid_argument("an array has too few dimensions");
  return static_cast<int>(dimensions[index]);
}

// What both operations on picture layers are handed.
struct PictureCall {
  const Kernels& kernels;
  ParallelFor parallel_for;
  Strides strides;
  const ffi::Buffer<ffi::U8>& pictures;  // [B, H, W, C]
  const ffi::RemainingArgs& arguments;
  const ffi::RemainingRets& results;

  std::size_t num_layers() const { return strides.size(); }
  int batch() const { return static_cast<int>(pictures.dimensions()[0]); }

  // Layers by their kernels [K, K, C, O]: every `apart`-th argument from `first` on.
  std::vector<Layer> layers(std::size_t first, std::size_t apart) const {
    std::vector<LayerShape> shapes;
    for (std::size_t i = 0; i < num_layers(); ++i) {
      const ffi::AnyBuffer kernel = argument(arguments, first + i * apart);
      shapes.push_back({dimension(kernel, 0), dimension(kernel, 3), static_cast<int>(strides[i])});
    }
    const auto size = pictures.dimensions();
    return plan_layers(
        {static_cast<int>(size[1]), static_cast<int>(size[2]), static_cast<int>(size[3])}, shapes);
  }
  std::size_t batch_of(int size) const {
    return static_cast<std::size_t>(batch()) * static_cast<std::size_t>(size);
  }
};

// Working memory is kept from call to call: fresh memory costs a page fault every 4 KB.
Scratch& scratch_of_thread() {
  thread_local Scratch scratch;
  return scratch;
}

// Arguments: per layer kernel, bias. Results: the activations of as many of the last layers as
// are asked for: one to act, all of them to learn.
void forward(const PictureCall& call) {
  const std::vector<Layer> layers = call.layers(0, 2);
  std::vector<Weights> weights;
  std::vector<float*> targets(layers.size(), nullptr);
  const std::size_t kept_inside = layers.size() - std::min(call.results.size(), layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Layer& layer = layers[i];
    weights.push_back({data_of<float>(argument(call.arguments, 2 * i),
                                      static_cast<std::size_t>(layer.kernel_size())),
                       data_of<float>(argument(call.arguments, 2 * i + 1),
                                      static_cast<std::size_t>(layer.filters))});
    if (i < kept_inside) continue;
    targets[i] =
        data_of<float>(result(call.results, i - kept_inside), call.batch_of(layer.out_size()));
  }
  const PictureLayers network(call.kernels, layers, weights, false);
  call.parallel_for(call.batch(), [&](std::ptrdiff_t index) {
    std::vector<float*> activations = targets;
    for (std::size_t i = kept_inside; i < layers.size(); ++i)
      activations[i] += index * layers[i].out_size();
    const std::uint8_t* picture = call.pictures.typed_data() + index * layers.front().in_size();
    network.forward(picture, activations, scratch_of_thread());
  });
}

// Adds the chunks' sums in order and puts them into the results: per layer kernel, then bias.
void add_chunks(const PictureCall& call, std::span<const Layer> layers,
                const std::vector<std::vector<float>>& chunks) {
  struct Slice {
    float* out;
    int size;
    std::size_t offset;  // in a chunk
  };
  std::vector<Slice> slices;
  std::size_t offset = 0;
  for (const Layer& layer : layers) {
    for (const int size : {layer.kernel_size(), layer.filters}) {
      const auto count = static_cast<std::size_t>(size);
      slices.push_back({data_of<float>(result(call.results, slices.size()), count), size, offset});
      offset += count;
    }
  }
  call.parallel_for(static_cast<int>(slices.size()), [&](int index) {
    const auto [out, size, first] = slices[index];
    std::fill_n(out, size, 0.0F);
    for (const std::vector<float>& chunk : chunks) {
      const float* sums = chunk.data() + first;
      for (int i = 0; i < size; ++i) out[i] += sums[i];
    }
    if (index > 0) return;
    for (int i = 0; i < size; ++i) out[i] /= 255.0F;  // the pixels went in as 0..255
  });
}

// Arguments: gradient of the last activations, the layers' kernels, the layers' activations.
void backward(const PictureCall& call) {
  const std::vector<Layer> layers = call.layers(1, 1);
  const auto* gradient =
      data_of<float>(argument(call.arguments, 0), call.batch_of(layers.back().out_size()));
  std::vector<Weights> weights;
  std::vector<const float*> activations;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto kernel_size = static_cast<std::size_t>(layers[i].kernel_size());
    weights.push_back({data_of<float>(argument(call.arguments, 1 + i), kernel_size), nullptr});
    activations.push_back(data_of<float>(argument(call.arguments, 1 + layers.size() + i),
                                         call.batch_of(layers[i].out_size())));
  }
  const PictureLayers network(call.kernels, layers, weights, true);
  std::vector<std::vector<float>> chunks(kChunks);
  call.parallel_for(kChunks, [&](int chunk) {
    auto& sums = chunks[chunk];
    sums.assign(network.num_weights(), 0.0F);
    Scratch& scratch = scratch_of_thread();
    network.begin_gradient(scratch);
    const int end = call.batch() * (chunk + 1) / kChunks;
    for (std::ptrdiff_t index = call.batch() * chunk / kChunks; index < end; ++index) {
      std::vector<const float*> of_picture = activations;
      for (std::size_t i = 0; i < layers.size(); ++i) of_picture[i] += index * layers[i].out_size();
      network.backward(call.pictures.typed_data() + index * layers.front().in_size(), of_picture,
                       gradient + index * layers.back().out_size(), sums.data(), scratch);
    }
    network.end_gradient(sums.data(), scratch);
  });
  add_chunks(call, layers, chunks);
}

template <void (*kRun)(const PictureCall&)>
ffi::Error picture_layers(ffi::ThreadPool pool, std::string_view instruction_set, Strides strides,
                          ffi::Buffer<ffi::U8> pictures, ffi::RemainingArgs arguments,
                          ffi::RemainingRets results) {
  return reported([&] {
    const Kernels& kernels = find_kernels(instruction_set);
    kRun({kernels, on_threads_of(pool), strides, pictures, arguments, results});
  });
}

float* matrix(const ffi::AnyBuffer& buffer, int rows, int columns) {
  return data_of<float>(buffer, static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns));
}

// Of a dense layer with kernels for it.
MatmulShape shape_of(const Kernels& kernels, const ffi::AnyBuffer& x, const ffi::AnyBuffer& w) {
  const MatmulShape shape{dimension(x, 0), dimension(x, 1), dimension(w, 1)};
  check_matmul(kernels, shape);
  return shape;
}

ffi::Error dense(ffi::ThreadPool pool, std::string_view name, ffi::AnyBuffer x, ffi::AnyBuffer w,
                 ffi::Result<ffi::AnyBuffer> out) {
  return reported([&] {
    const Kernels& kernels = find_kernels(name);
    const auto [rows, depth, columns] = shape_of(kernels, x, w);
    matmul(kernels, {rows, depth, columns}, matrix(x, rows, depth), matrix(w, depth, columns),
           matrix(*out, rows, columns), on_threads_of(pool));
  });
}

ffi::Error dense_gradient(ffi::ThreadPool pool, std::string_view name, ffi::AnyBuffer gradient,
                          ffi::AnyBuffer x, ffi::AnyBuffer w,
                          ffi::Result<ffi::AnyBuffer> x_gradient,
                          ffi::Result<ffi::AnyBuffer> w_gradient) {
  return reported([&] {
    const Kernels& kernels = find_kernels(name);
    const auto [rows, depth, columns] = shape_of(kernels, x, w);
    matmul_gradient(kernels, {rows, depth, columns},
                    {.x = matrix(x, rows, depth),
                     .w = matrix(w, depth, columns),
                     .out_gradient = matrix(gradient, rows, columns),
                     .x_gradient = matrix(*x_gradient, rows, depth),
                     .w_gradient = matrix(*w_gradient, depth, columns)},
                    on_threads_of(pool));
  });
}

auto binding() {
  return ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Attr<std::string_view>("instruction_set");
}

auto picture_binding() {
  return binding()
      .Attr<Strides>("strides")
      .Arg<ffi::Buffer<ffi::U8>>()
      .RemainingArgs()
      .RemainingRets();
}

XLA_FFI_DEFINE_HANDLER(kPictureLayers, picture_layers<forward>, picture_binding());
XLA_FFI_DEFINE_HANDLER(kPictureLayersGradient, picture_layers<backward>, picture_binding());
XLA_FFI_DEFINE_HANDLER(kDense, dense,
                       binding().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>());
XLA_FFI_DEFINE_HANDLER(kDenseGradient, dense_gradient,
                       binding()
                           .Arg<ffi::AnyBuffer>()
                           .Arg<ffi::AnyBuffer>()
                           .Arg<ffi::AnyBuffer>()
                           .Ret<ffi::AnyBuffer>()
                           .Ret<ffi::AnyBuffer>());

}  // namespace

const std::vector<Kernels>& available_kernels() {
  static const std::vector<Kernels> kAvailable = [] {
    std::vector<Kernels> found;
#if defined(__x86_64__)
    found = avx512_kernels();
    for (const Kernels& kernels : avx2_kernels()) found.push_back(kernels);
#endif
    return found;
  }();
  return kAvailable;
}

std::vector<std::pair<std::string, void*>> handlers() {
  const auto address = [](XLA_FFI_Handler* handler) { return reinterpret_cast<void*>(handler); };
  return {{"deepracer_fast_picture_layers", address(kPictureLayers)},
          {"deepracer_fast_picture_layers_gradient", address(kPictureLayersGradient)},
          {"deepracer_fast_dense", address(kDense)},
          {"deepracer_fast_dense_gradient", address(kDenseGradient)}};
}

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const Kernels& kernels : available_kernels()) names.emplace_back(kernels.name);
  return names;
}

}  // namespace deepracer_fast::network
