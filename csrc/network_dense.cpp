// See network_dense.h.
#include "network_dense.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace deepracer_fast::network {
namespace {

// Rows that share one packed panel: enough to make the packing cheap, few enough to leave items
// for every thread. A multiple of the tallest tile.
constexpr int kRowBlock = 384;
constexpr int kDepthBlock = 1024;  // 1024 x 64 words: a panel that stays in the second-level cache
constexpr int kWeightRows = 96;    // rows of the weights' gradient that one item computes

int blocks(int count, int size) { return (count + size - 1) / size; }

/// A thread's packed panel; kept, since memory fresh from the system costs a page fault each 4 KB.
Word* panel_buffer(int words) {
  thread_local std::vector<Word> buffer;
  if (buffer.size() < static_cast<std::size_t>(words)) {
    buffer.resize(static_cast<std::size_t>(words));
  }
  return buffer.data();
}

/// x_gradient: one block of rows by one panel of the depth, all columns summed.
template <class Element>
void input_gradient(const Kernels& kernels, MatmulShape shape,
                    const MatmulGradient<Element>& matrices, const Element* out_gradient,
                    const ParallelFor& parallel_for) {
  const int panel = kernels.panel(shape.depth);
  const int row_blocks = blocks(shape.rows, kRowBlock);
  parallel_for(shape.depth / panel * row_blocks, [&](int item) {
    const int feature = item / row_blocks * panel;
    const int row = item % row_blocks * kRowBlock;
    Word* packed = panel_buffer(words<Element>(shape.columns) * panel);
    const float* w = matrices.w + static_cast<std::ptrdiff_t>(feature) * shape.columns;
    pack<Element>(Matrix<float>{w, 1, shape.columns}, shape.columns, panel, packed);
    multiply(kernels, panel, std::min(kRowBlock, shape.rows - row),
             {.a = out_gradient + static_cast<std::ptrdiff_t>(row) * shape.columns,
              .a_row = shape.columns / kPerWord<Element>,
              .a_step = 1,
              .a_run = 0,
              .b = packed,
              .b_step = panel,
              .b_run = 0,
              .runs = 1,
              .run_length = words<Element>(shape.columns),
              .c = matrices.x_gradient + static_cast<std::ptrdiff_t>(row) * shape.depth + feature,
              .c_row = shape.depth,
              .bias = nullptr,
              .finish = Finish::kStore});
  });
}

/// w_gradient: some rows of it, all columns; the sum runs over the rows of x.
template <class Element>
void weight_gradient(const Kernels& kernels, MatmulShape shape,
                     const MatmulGradient<Element>& matrices, const ParallelFor& parallel_for) {
  const int panel = kernels.panel(shape.columns);
  const int steps = words<Element>(shape.rows);
  std::vector<Word> packed_gradient(static_cast<std::size_t>(steps) *
                                    static_cast<std::size_t>(shape.columns));
  Word* next = packed_gradient.data();
  for (int column = 0; column < shape.columns; column += panel) {
    const Matrix<float> source{matrices.out_gradient + column, shape.columns, 1};
    next = pack<Element>(source, shape.rows, panel, next);
  }
  parallel_for(blocks(shape.depth, kWeightRows), [&](int item) {
    const int first = item * kWeightRows;
    const int count = std::min(kWeightRows, shape.depth - first);
    Word* packed = panel_buffer(steps * count);
    pack<Element>(Matrix<Element>{matrices.x + first, shape.depth, 1}, shape.rows, count, packed);
    for (int column = 0; column < shape.columns; column += panel) {
      multiply(
          kernels, panel, count,
          {.a = packed,
           .a_row = 1,
           .a_step = count,
           .a_run = 0,
           .b = packed_gradient.data() + static_cast<std::ptrdiff_t>(column) * steps,
           .b_step = panel,
           .b_run = 0,
           .runs = 1,
           .run_length = steps,
           .c = matrices.w_gradient + static_cast<std::ptrdiff_t>(first) * shape.columns + column,
           .c_row = shape.columns,
           .bias = nullptr,
           .finish = Finish::kSet});
    }
  });
}

}  // namespace

void check_matmul(const Kernels& kernels, MatmulShape shape) {
  if (kernels.panel(shape.depth) > 0 && kernels.panel(shape.columns) > 0) return;
  throw std::invalid_argument("a dense layer's inputs and units must be multiples of 32, got " +
                              std::to_string(shape.depth) + " and " +
                              std::to_string(shape.columns));
}

template <class Element>
void matmul(const Kernels& kernels, MatmulShape shape, const Element* x, const float* w, float* out,
            const ParallelFor& parallel_for) {
  const int panel = kernels.panel(shape.columns);
  const int row_blocks = blocks(shape.rows, kRowBlock);
  parallel_for(shape.columns / panel * row_blocks, [&](int item) {
    const int column = item / row_blocks * panel;
    const int row = item % row_blocks * kRowBlock;
    for (int depth = 0; depth < shape.depth; depth += kDepthBlock) {
      const int count = std::min(kDepthBlock, shape.depth - depth);
      Word* packed = panel_buffer(words<Element>(count) * panel);
      const float* source = w + static_cast<std::ptrdiff_t>(depth) * shape.columns + column;
      pack<Element>(Matrix<float>{source, shape.columns, 1}, count, panel, packed);
      multiply(kernels, panel, std::min(kRowBlock, shape.rows - row),
               {.a = x + static_cast<std::ptrdiff_t>(row) * shape.depth + depth,
                .a_row = shape.depth / kPerWord<Element>,
                .a_step = 1,
                .a_run = 0,
                .b = packed,
                .b_step = panel,
                .b_run = 0,
                .runs = 1,
                .run_length = words<Element>(count),
                .c = out + static_cast<std::ptrdiff_t>(row) * shape.columns + column,
                .c_row = shape.columns,
                .bias = nullptr,
                .finish = depth == 0 ? Finish::kSet : Finish::kAdd});
    }
  });
}

template <class Element>
void matmul_gradient(const Kernels& kernels, MatmulShape shape,
                     const MatmulGradient<Element>& matrices, const ParallelFor& parallel_for) {
  const auto size = static_cast<std::size_t>(shape.rows) * static_cast<std::size_t>(shape.columns);
  std::vector<Element> out_gradient(size);
  std::transform(matrices.out_gradient, matrices.out_gradient + size, out_gradient.begin(),
                 from_float<Element>);
  input_gradient(kernels, shape, matrices, out_gradient.data(), parallel_for);
  weight_gradient(kernels, shape, matrices, parallel_for);
}

template void matmul<float>(const Kernels&, MatmulShape, const float*, const float*, float*,
                            const ParallelFor&);
template void matmul<Bf16>(const Kernels&, MatmulShape, const Bf16*, const float*, float*,
                           const ParallelFor&);
template void matmul_gradient<float>(const Kernels&, MatmulShape, const MatmulGradient<float>&,
                                     const ParallelFor&);
template void matmul_gradient<Bf16>(const Kernels&, MatmulShape, const MatmulGradient<Bf16>&,
                                    const ParallelFor&);

}  // namespace deepracer_fast::network
