// See network/packing.h.
#include "network/packing.h"

#include <algorithm>

namespace deepracer_fast::network {
namespace {

// A transposed copy takes so many columns at a time, so that their cache lines stay.
constexpr int kStrip = 16;

void pack_transposed(const Kernels& kernels, const Matrix& matrix, int rows, int columns,
                     Word* words) {
  thread_local Buffer<Word> buffer;
  const int run = kernels.words(rows);
  Word* strip = room_for(buffer, static_cast<std::size_t>(kStrip * run));
  for (int first = 0; first < columns; first += kStrip) {
    const int width = std::min(kStrip, columns - first);
    for (int i = 0; i < width; ++i)
      kernels.round(matrix.data + (first + i) * matrix.column_step, rows, strip + i * run);
    for (int word = 0; word < run; ++word)
      for (int i = 0; i < width; ++i) words[word * columns + first + i] = strip[i * run + word];
  }
}

}  // namespace

Word* pack(const Kernels& kernels, const Matrix& matrix, int rows, int columns, Word* words) {
  if (matrix.column_step == 1) {
    for (int row = 0; row < rows; row += kernels.per_word) {
      const float* first = matrix.data + row * matrix.row_step;
      const float* second = row + 1 < rows ? first + matrix.row_step : nullptr;
      kernels.join(first, second, columns, words + row / kernels.per_word * columns);
    }
  } else {
    pack_transposed(kernels, matrix, rows, columns, words);
  }
  return words + kernels.words(rows) * columns;
}

const Word* words_of(const Kernels& kernels, const float* values, std::size_t count,
                     Buffer<Word>& room) {
  if (kernels.per_word == 1) return reinterpret_cast<const Word*>(values);
  const int length = kernels.words(static_cast<int>(count));
  Word* words = room_for(room, static_cast<std::size_t>(length) + 1);
  kernels.round(values, static_cast<int>(count), words);
  words[length] = 0;
  return words;
}

}  // namespace deepracer_fast::network
