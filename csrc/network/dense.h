// Matrix products of the dense layers: out = x w, and its two gradients.
//
// In and out: row-major float32 matrices as JAX holds them. network/ffi.cpp calls these;
// network/packing.h lays operands out, network/kernel.h multiplies. The work is cut into items
// whose number depends on the shapes alone, so the sums do not depend on the threads.
#pragma once

#include <functional>

#include "network/kernel.h"

namespace deepracer_fast::network {

// Calls its second argument with 0, 1, ... first argument - 1, in any order, on several threads.
using ParallelFor = std::function<void(int, const std::function<void(int)>&)>;

// x is [rows, depth], w [depth, columns], out [rows, columns].
struct MatmulShape {
  int rows;
  int depth;
  int columns;
};

// Throws std::invalid_argument unless depth and columns can be cut into panels.
void check_matmul(const Kernels& kernels, MatmulShape shape);

// out = x w.
void matmul(const Kernels& kernels, MatmulShape shape, const float* x, const float* w, float* out,
            const ParallelFor& parallel_for);

// From `out_gradient` [rows, columns]: x_gradient [rows, depth] = out_gradient w^T and
// w_gradient [depth, columns] = x^T out_gradient.
struct MatmulGradient {
  const float* x;
  const float* w;
  const float* out_gradient;
  float* x_gradient;
  float* w_gradient;
};
void matmul_gradient(const Kernels& kernels, MatmulShape shape, const MatmulGradient& matrices,
                     const ParallelFor& parallel_for);

}  // namespace deepracer_fast::network
