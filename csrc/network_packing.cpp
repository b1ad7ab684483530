// See network_packing.h.
#include "network_packing.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace deepracer_fast::network {
namespace {

// A transposed copy reads so many columns at a time, so that their cache lines stay.
constexpr int kStrip = 16;

/// Rounds to nearest even. The not-a-number that processors make stays one.
Word to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16;
}

template <int kPerWord>
Word word(const float* first, const float* second) {
  if constexpr (kPerWord == 1) return std::bit_cast<Word>(*first);
  return to_bf16(*first) | (second == nullptr ? 0 : to_bf16(*second) << 16);
}

template <int kPerWord>
void pack_transposed(const Matrix& matrix, int rows, int columns, Word* words) {
  for (int strip = 0; strip < columns; strip += kStrip) {
    const int end = std::min(strip + kStrip, columns);
    for (int row = 0; row < rows; row += kPerWord) {
      Word* target = words + row / kPerWord * columns;
      const bool has_second = row + kPerWord <= rows;
      for (int column = strip; column < end; ++column) {
        const float* first = matrix.data + row * matrix.row_step + column * matrix.column_step;
        target[column] = word<kPerWord>(first, has_second ? first + matrix.row_step : nullptr);
      }
    }
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
  } else if (kernels.per_word == 1) {
    pack_transposed<1>(matrix, rows, columns, words);
  } else {
    pack_transposed<2>(matrix, rows, columns, words);
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

void copy_values(const float* values, int count, Word* words) {
  std::memcpy(words, values, static_cast<std::size_t>(count) * sizeof(Word));
}

void copy_first(const float* first, const float* /*second*/, int count, Word* words) {
  copy_values(first, count, words);
}

}  // namespace deepracer_fast::network
