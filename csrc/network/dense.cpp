// See network/dense.h.
#include "network/dense.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "network/packing.h"

namespace deepracer_fast::network {
namespace {

// Rows that share packed weights: enough to make the packing cheap. A multiple of the tallest tile.
constexpr int kRowBlock = 384;
constexpr int kDepthBlock = 128;  // of 512 columns: 256 KB, which stay in the second-level cache
constexpr int kPartDepth = 704;   // depth that one item sums at the least
constexpr int kMostParts = 16;
constexpr int kWeightRows = 192;  // rows of the weights' gradient that one item computes

int blocks(int count, int size) { return (count + size - 1) / size; }

// A thread's packed panels.
Word* panel_buffer(int words) {
  thread_local Buffer<Word> buffer;
  return room_for(buffer, static_cast<std::size_t>(words));
}

// Weights [count, columns] as panels, read as they lie in memory: [panel][words(count)][columns].
void pack_panels(const Kernels& kernels, const float* w, int count, int columns, Word* packed) {
  const int per_word = kernels.per_word, panel = kernels.panel(columns);
  const std::ptrdiff_t of_panel = static_cast<std::ptrdiff_t>(count / per_word) * panel;
  for (int row = 0; row < count; row += per_word) {
    Word* out = packed + row / per_word * panel;
    for (int column = 0; column < columns; column += panel, out += of_panel) {
      const float* first = w + column;
      kernels.join(first, first + (per_word - 1) * columns, panel, out);
    }
    w += per_word * columns;
  }
}

// Words of `count` numbers of each row of x side by side: as they lie, at the same few sets of the
// cache, they would push each other out.
const Word* gather_rows(const Kernels& kernels, MatmulShape shape, const float* x, int count) {
  thread_local Buffer<Word> buffer;
  const std::ptrdiff_t run = kernels.words(count);
  Word* rows = room_for(buffer, static_cast<std::size_t>(shape.rows * run));
  for (std::ptrdiff_t row = 0; row < shape.rows; ++row)
    kernels.round(x + row * shape.depth, count, rows + row * run);
  return rows;
}

// The part of a product that sums over `depth` from `first` on: puts it into `sums`, for `rows`
// rows of x.
void matmul_part(const Kernels& kernels, MatmulShape shape, const float* x, const float* w,
                 int first, int end, float* sums) {
  const int panel = kernels.panel(shape.columns);
  for (int depth = first; depth < end; depth += kDepthBlock) {
    const int count = std::min(kDepthBlock, end - depth);
    const int run = kernels.words(count);
    Word* packed = panel_buffer(run * shape.columns);
    pack_panels(kernels, w + static_cast<std::ptrdiff_t>(depth) * shape.columns, count,
                shape.columns, packed);
    const Word* rows = gather_rows(kernels, shape, x + depth, count);
    for (int column = 0; column < shape.columns; column += panel) {
      multiply(kernels, panel, shape.rows,
               {.a = rows,
                .a_row = run,
                .b = packed + static_cast<std::ptrdiff_t>(run) * column,
                .b_step = panel,
                .run_length = run,
                .c = sums + column,
                .c_row = shape.columns,
                .finish = depth == first ? Finish::kSet : Finish::kAdd});
    }
  }
}

// x_gradient: one block of rows by one panel of the depth, all columns summed.
void input_gradient(const Kernels& kernels, MatmulShape shape, const MatmulGradient& matrices,
                    const Word* out_gradient, const ParallelFor& parallel_for) {
  const int panel = kernels.panel(shape.depth), run = kernels.words(shape.columns);
  const int row_blocks = blocks(shape.rows, kRowBlock);
  parallel_for(shape.depth / panel * row_blocks, [&](int item) {
    const int feature = item / row_blocks * panel;
    const int row = item % row_blocks * kRowBlock;
    Word* packed = panel_buffer(run * panel);
    const float* w = matrices.w + static_cast<std::ptrdiff_t>(feature) * shape.columns;
    pack(kernels, {w, 1, shape.columns}, shape.columns, panel, packed);
    multiply(kernels, panel, std::min(kRowBlock, shape.rows - row),
             {.a = out_gradient + static_cast<std::ptrdiff_t>(row) * run,
              .a_row = run,
              .b = packed,
              .b_step = panel,
              .run_length = run,
              .c = matrices.x_gradient + static_cast<std::ptrdiff_t>(row) * shape.depth + feature,
              .c_row = shape.depth});
  });
}

// w_gradient: some rows of it, all columns; the sum runs over the rows of x.
void weight_gradient(const Kernels& kernels, MatmulShape shape, const MatmulGradient& matrices,
                     const ParallelFor& parallel_for) {
  const int panel = kernels.panel(shape.columns);
  const int steps = kernels.words(shape.rows);
  Buffer<Word> packed_gradient(static_cast<std::size_t>(steps) *
                               static_cast<std::size_t>(shape.columns));
  Word* next = packed_gradient.data();
  for (int column = 0; column < shape.columns; column += panel) {
    next =
        pack(kernels, {matrices.out_gradient + column, shape.columns, 1}, shape.rows, panel, next);
  }
  parallel_for(blocks(shape.depth, kWeightRows), [&](int item) {
    const int first = item * kWeightRows;
    const int count = std::min(kWeightRows, shape.depth - first);
    Word* packed = panel_buffer(steps * count);
    pack(kernels, {matrices.x + first, shape.depth, 1}, shape.rows, count, packed);
    for (int column = 0; column < shape.columns; column += panel) {
      multiply(
          kernels, panel, count,
          {.a = packed,
           .a_row = 1,
           .a_step = count,
           .b = packed_gradient.data() + static_cast<std::ptrdiff_t>(column) * steps,
           .b_step = panel,
           .run_length = steps,
           .c = matrices.w_gradient + static_cast<std::ptrdiff_t>(first) * shape.columns + column,
           .c_row = shape.columns});
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

void matmul(const Kernels& kernels, MatmulShape shape, const float* x, const float* w, float* out,
            const ParallelFor& parallel_for) {
  // Threads share the depth out, so that each reads its own weights once, in one go. The parts
  // follow from the depth alone: a row's sums do not depend on the rows beside it.
  const int parts = std::clamp(shape.depth / kPartDepth, 1, kMostParts);
  const auto bound = [&](int part) { return shape.depth / 32 * part / parts * 32; };
  static thread_local std::vector<Buffer<float>> kept;
  std::vector<Buffer<float>>& sums = kept;
  sums.resize(std::max(sums.size(), static_cast<std::size_t>(parts)));
  for (int row = 0; row < shape.rows; row += kRowBlock) {
    const MatmulShape block{std::min(kRowBlock, shape.rows - row), shape.depth, shape.columns};
    const float* x_block = x + static_cast<std::ptrdiff_t>(row) * shape.depth;
    float* out_block = out + static_cast<std::ptrdiff_t>(row) * shape.columns;
    const std::ptrdiff_t size = static_cast<std::ptrdiff_t>(block.rows) * block.columns;
    parallel_for(parts, [&](int part) {
      float* target = part == 0 ? out_block : room_for(sums[part], static_cast<std::size_t>(size));
      matmul_part(kernels, block, x_block, w, bound(part), bound(part + 1), target);
    });
    if (parts == 1) continue;
    parallel_for(block.rows, [&](int of_row) {
      float* total = out_block + static_cast<std::ptrdiff_t>(of_row) * block.columns;
      for (int part = 1; part < parts; ++part) {
        const float* more = sums[part].data() + static_cast<std::ptrdiff_t>(of_row) * block.columns;
        for (int i = 0; i < block.columns; ++i) total[i] += more[i];
      }
    });
  }
}

void matmul_gradient(const Kernels& kernels, MatmulShape shape, const MatmulGradient& matrices,
                     const ParallelFor& parallel_for) {
  const auto size = static_cast<std::size_t>(shape.rows) * static_cast<std::size_t>(shape.columns);
  Buffer<Word> room;
  const Word* out_gradient = words_of(kernels, matrices.out_gradient, size, room);
  input_gradient(kernels, shape, matrices, out_gradient, parallel_for);
  weight_gradient(kernels, shape, matrices, parallel_for);
}

}  // namespace deepracer_fast::network
