// Numbers as the words that kernels read: in the order of a sum, rounded where they are bf16.
//
// In: float32 as it lies in memory. Out: words (network/kernel.h) that network/convolution.cpp,
// network/winograd.cpp and network/dense.cpp hand to the kernels.
#pragma once

#include <cstddef>

#include "network/buffer.h"
#include "network/kernel.h"

namespace deepracer_fast::network {

// A matrix to pack: number [row][column] lies at data[row * row_step + column * column_step]. One
// of the steps is 1.
struct Matrix {
  const float* data;
  std::ptrdiff_t row_step;
  std::ptrdiff_t column_step;
};

// Copies rows x columns into words [words(rows)][columns], the sum running over the rows; a
// missing last row is zeros. Returns the word after the last.
Word* pack(const Kernels& kernels, const Matrix& matrix, int rows, int columns, Word* words);

// Words of numbers that lie side by side in the order of the sum: themselves if they are float32,
// else a copy in `room`, with a word of zeros behind it.
const Word* words_of(const Kernels& kernels, const float* values, std::size_t count,
                     Buffer<Word>& room);

}  // namespace deepracer_fast::network
