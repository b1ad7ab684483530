// Numbers as the words that kernels read: in the order of a sum, rounded where they are bf16.
//
// In: float32 as it lies in memory. Out: words (network/kernel.h) that network/convolution.cpp,
// network/winograd.cpp and network/dense.cpp hand to the kernels.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

#include "network/kernel.h"

namespace deepracer_fast::network {

// Memory that begins on a cache line, so that no vector of a packed panel straddles two.
template <class T>
struct CacheAligned {
  using value_type = T;
  static constexpr std::align_val_t kLine{64};

  CacheAligned() = default;
  template <class Other>
  explicit CacheAligned(const CacheAligned<Other>& /*other*/) {}

  T* allocate(std::size_t count) {
    return static_cast<T*>(::operator new(count * sizeof(T), kLine));
  }
  void deallocate(T* data, std::size_t /*count*/) { ::operator delete(data, kLine); }
  bool operator==(const CacheAligned& /*other*/) const { return true; }
};

template <class T>
using Buffer = std::vector<T, CacheAligned<T>>;

// At least `count` elements of a buffer that is kept from call to call: memory fresh from the
// system costs a page fault every 4 KB.
template <class T>
T* room_for(Buffer<T>& buffer, std::size_t count) {
  if (buffer.size() < count) buffer.resize(count);
  return buffer.data();
}

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
