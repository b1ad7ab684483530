// The frame painter for any processor: 8 columns at a time, in the compiler's own vectors.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "frame.h"

#define DEEPRACER_FAST_TARGET

namespace deepracer_fast {
namespace {

using Lanes = std::int16_t __attribute__((vector_size(16)));  // one number per column
using Words = std::uint16_t __attribute__((vector_size(16)));

struct Texels {
  Lanes left, right;
};

inline Lanes multiply_rounded(Lanes a, Lanes b) {
  Lanes result;
  for (int i = 0; i < 8; ++i) result[i] = static_cast<std::int16_t>((a[i] * b[i] + 0x4000) >> 15);
  return result;
}

inline Lanes weigh_bytes(Lanes bytes, Lanes weights) {
  const Words pairs = reinterpret_cast<Words>(bytes);
  const Words shares = reinterpret_cast<Words>(weights);
  return reinterpret_cast<Lanes>((pairs & 255) * (shares & 255) + (pairs >> 8) * (shares >> 8));
}

inline Lanes spread(std::uint32_t first, std::uint32_t second) {
  const auto a = static_cast<std::int16_t>(first & 0xFFFF);
  const auto b = static_cast<std::int16_t>(second & 0xFFFF);
  return Lanes{a, a, a, a, b, b, b, b};
}
inline Lanes spread_lower(const std::uint32_t* groups) { return spread(groups[0], groups[1]); }
inline Lanes spread_upper(const std::uint32_t* groups) {
  return spread(groups[0] >> 16, groups[1] >> 16);
}

inline Texels fetch(const std::uint32_t* columns, std::ptrdiff_t pitch, const std::int32_t* starts,
                    Lanes x, Lanes y) {
  std::int16_t column[8], row[8], left[8], right[8];
  const Lanes whole_x = x >> 8;
  const Lanes bits_y = (y >> 8) << 3;
  std::memcpy(column, &whole_x, sizeof(column));
  std::memcpy(row, &bits_y, sizeof(row));
  for (int i = 0; i < 8; ++i) {
    const std::uint32_t* lower = columns + (starts[i / 4] + column[i]);
    const std::uint32_t* upper = lower + pitch;
    left[i] = static_cast<std::int16_t>((lower[0] | std::uint64_t{upper[0]} << 32) >> row[i]);
    right[i] = static_cast<std::int16_t>((lower[1] | std::uint64_t{upper[1]} << 32) >> row[i]);
  }
  Texels result;
  std::memcpy(&result.left, left, sizeof(left));
  std::memcpy(&result.right, right, sizeof(right));
  return result;
}

inline Lanes load_bytes(const std::uint8_t* bytes) {
  Lanes result;
  for (int i = 0; i < 8; ++i) result[i] = bytes[i];
  return result;
}

inline void store_bytes(std::uint8_t* bytes, Lanes values) {
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(values[i]);
}

}  // namespace
}  // namespace deepracer_fast

#include "frame_painter.h"

namespace deepracer_fast {

void paint_frame_portable(const Frame& frame, std::uint8_t* out) { paint_frame(frame, out); }

}  // namespace deepracer_fast
