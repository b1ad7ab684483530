// Paints one frame, kBlock columns at a time. Compiled once per instruction set: the file that
// includes it defines DEEPRACER_FAST_TARGET and, in an unnamed namespace, Lanes and Integers (whole
// registers of 16 and 32 bits), Samples (kBlock Lanes in the order that suits it) and their
// operations.
//
// The scheme, whole; every number is an integer, and >> rounds down.
//   Scanline (camera.h plans it, placed_scanlines.h puts it on the ground): a mip level and 16.16
//   coordinates (x, y) of column 0 and (dx, dy) from column to column, in texels, 0 at the centre
//   of the border's first texel. Groups: four columns c = 4 g + i share a window of 4 x 8 texels.
//   The least x of a group's columns is gx = clamp(x + min(0, 3 dx) + half + 4 g dx, 0,
//   last_x << 16 | 0xFFFF) >> 10, in 1/64 texel, half being half of that; so a window that leaves
//   the level is moved inside. Column c samples at gx + rounded(i |dx|), or gx +
//   rounded((3 - i) |dx|) where dx < 0. The same for y in 1/32 texel: >> 11.
//   Sample: bilinear. With (fx, fy) the fractions in 1/64 and 1/32, of the texels on the left:
//   l = (32 - fy) below + fy above, and r of those on the right; l + rounded((r - l) fx / 64), in
//   1/32 grey level, where rounded is that of multiply_rounded.
//   Row: one scanline's samples v as they are, or kRounding and the sum of
//   rounded(v weight / 32768);
//   grey = that >> 5, through the tone's table if there is one.
//   Walls: their rows are painted by wall_view.h; sky over wall over ground, each beyond an edge
//   given by column, blended over the pixel above and below the edge (blend_beyond).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "frame.h"
#include "placed_scanlines.h"
#include "wall_view.h"

namespace deepracer_fast {
namespace {

constexpr int kLanes = sizeof(Lanes) / sizeof(std::int16_t);
constexpr int kGroup = 4;  // columns that share a window of 4 x 8 texels
constexpr int kPlacedGroups = sizeof(Integers) / sizeof(std::int32_t);  // found together
constexpr int kKept = 8;  // scanlines kept, more than a row is made of

static_assert(kBlock % kLanes == 0 && kBlock % (kGroup * kPlacedGroups) == 0);
static_assert(sizeof(Samples) == kBlock * sizeof(std::int16_t));

// The windows of the groups of a scanline.
struct Windows {
  alignas(64) std::int32_t start[Camera::kMaxWidth / kGroup];  // column of a strip at its corner
  // The least x of the group from that corner in the lowest byte, the least y in the next.
  alignas(64) std::uint32_t origin[Camera::kMaxWidth / kGroup];
  int scanline = -1;
  Columns columns{0, 0};
};

// Coordinates of the next groups along one axis.
struct GroupWalk {
  Integers next, step;
  std::int32_t max;
  bool leaves;  // [0, max], where a window may start, at some group

  DEEPRACER_FAST_TARGET Integers take() {
    Integers at = next;
    next += step;
    if (leaves) {
      at = at < 0 ? Integers{} : at;
      at = at > max ? Integers{} + max : at;
    }
    return at;
  }
};

DEEPRACER_FAST_TARGET inline GroupWalk walk_groups(std::int32_t at, std::int32_t step,
                                                   std::int32_t max, Columns columns) {
  const std::int32_t first = at + columns.begin * step;
  const std::int32_t last = first + (columns.end - columns.begin - kGroup) * step;
  Integers count{};
  for (int i = 0; i < kPlacedGroups; ++i) count[i] = i;
  return {first + count * (kGroup * step), Integers{} + kGroup * kPlacedGroups * step, max,
          std::min(first, last) < 0 || std::max(first, last) > max};
}

DEEPRACER_FAST_TARGET inline void find_windows(const PlacedScanlines& placed, int scanline,
                                               Columns columns, Windows& windows) {
  const Walk walk = placed.walk(scanline);
  GroupWalk along_x = walk_groups(walk.x, walk.dx, walk.max_x, columns);
  GroupWalk along_y = walk_groups(walk.y, walk.dy, walk.max_y, columns);
  const Integers factors = Integers{} + (walk.pitch | 1 << 16);
  for (int group = columns.begin / kGroup; group < columns.end / kGroup; group += kPlacedGroups) {
    const Integers x = along_x.take();
    const Integers y = along_y.take();
    const Integers start = multiply_pairs((x & ~0xFFFF) | (y >> 18), factors);
    const Integers origin = ((x >> kShiftX) & 0x3F) | ((y >> (kShiftY - 8)) & 0x7F00);
    std::memcpy(windows.start + group, &start, sizeof(start));
    std::memcpy(windows.origin + group, &origin, sizeof(origin));
  }
  windows.scanline = scanline;
  windows.columns = columns;
}

// The scanlines of one picture, walked from the first to the last. The windows of the next one are
// found before this one's texels are fetched: the processor does both side by side.
class GroundWalk {
 public:
  DEEPRACER_FAST_TARGET explicit GroundWalk(const Frame& frame)
      : placed_(frame),
        soon_x_(static_cast<std::ptrdiff_t>(-kSoon * frame.lens.forward_x)),
        soon_y_(static_cast<std::ptrdiff_t>(std::lround(-kSoon / 4 * frame.lens.forward_y))) {}

  // Hands `take` the bilinear samples of a scanline, 1/32 grey level, kBlock columns at a time.
  template <class Take>
  DEEPRACER_FAST_TARGET void walk(int scanline, Columns columns, Take take) {
    const Windows& windows = found(scanline, columns);
    if (scanline + 1 < placed_.count()) found(scanline + 1, columns);
    const Walk walk = placed_.walk(scanline);
    const Offsets offsets = spread_offsets(walk.offsets_x, walk.offsets_y);
    const std::uint32_t* upper = walk.columns + walk.pitch;
    const std::uint32_t* soon = walk.columns + soon_x_ + soon_y_ * walk.pitch;
    const std::int32_t* start = windows.start + columns.begin / kGroup;
    const std::uint32_t* origin = windows.origin + columns.begin / kGroup;
    for (int column = columns.begin; column < columns.end; column += kBlock) {
      // One window in four, which lie as far apart as a cache line is wide.
      for (int group = 0; group < kBlock / kGroup; group += 4)
        __builtin_prefetch(soon + start[group]);
      take(column, sample_(walk.columns, upper, start, origin, offsets));
      start += kBlock / kGroup;
      origin += kBlock / kGroup;
    }
  }

 private:
  DEEPRACER_FAST_TARGET const Windows& found(int scanline, Columns columns) {
    Windows& windows = windows_[scanline % 2];
    if (windows.scanline != scanline || windows.columns != columns) {
      find_windows(placed_, scanline, columns, windows);
    }
    return windows;
  }

  static constexpr float kSoon = 16.0F;  // texels towards the car, asked for ahead of time

  Sampler sample_;
  PlacedScanlines placed_;
  std::ptrdiff_t soon_x_, soon_y_;  // the same in columns and in strips of four rows
  Windows windows_[2];
};

DEEPRACER_FAST_TARGET inline Lanes load(const std::int16_t* values) {
  Lanes result;
  std::memcpy(&result, values, sizeof(result));
  return result;
}

// Blends a row that lies beyond an edge (the wall beyond its foot, the sky beyond the wall's top)
// over the line. The edge is in 1/64 pixel from the picture's top; a pixel is a triangle of
// half-width 1.
DEEPRACER_FAST_TARGET inline void blend_beyond(int row, const Edge& edge, int width,
                                               const std::uint8_t* beyond, std::uint8_t* line) {
  const int middle = row * kEdgeUnit + kEdgeUnit / 2;
  for (int block = 0; block < width; block += kBlock) {
    if (middle - edge.greatest[block / kBlock] >= kEdgeUnit) continue;
    if (middle - edge.least[block / kBlock] <= -kEdgeUnit) {
      std::memcpy(line + block, beyond + block, kBlock);
      continue;
    }
    for (int column = block; column < block + kBlock; column += kLanes) {
      const Lanes full = Lanes{} + static_cast<std::int16_t>(kEdgeUnit);
      Lanes distance = static_cast<std::int16_t>(middle) - load(edge.at.data() + column);
      distance = distance < -full ? -full : distance > full ? full : distance;
      const Lanes rest = full - (distance < 0 ? -distance : distance);
      const Lanes corner = (rest * rest) >> 5;
      const Words share = reinterpret_cast<Words>(distance < 0 ? corner : 256 - corner);
      const Words below = reinterpret_cast<Words>(load_bytes(line + column));
      const Words above = reinterpret_cast<Words>(load_bytes(beyond + column));
      const Words mixed = (below * share + above * (256 - share)) >> 8;
      store_bytes(line + column, reinterpret_cast<Lanes>(mixed));
    }
  }
}

DEEPRACER_FAST_TARGET inline void store_greys(std::uint8_t* greys, Samples samples) {
  for (Lanes& lanes : samples.part) lanes = lanes >> 5;
  store_bytes(greys, samples);
}

// Scanlines whose samples are kept until the rows that they are part of are done.
struct Kept {
  const Samples* at(int scanline) const { return samples[scanline % kKept]; }
  Samples* at(int scanline) { return samples[scanline % kKept]; }

  Samples samples[kKept][Camera::kMaxWidth / kBlock];
};

// Adds the scanlines of a row by their weights.
DEEPRACER_FAST_TARGET inline void add_scanlines(const PictureRow& row, Columns columns,
                                                const Kept& kept, std::uint8_t* line) {
  std::array<const Samples*, kMostPerRow> samples;
  std::array<Lanes, kMostPerRow> weights;
  const auto count = static_cast<std::size_t>(row.count);
  for (std::size_t i = 0; i < count; ++i) {
    samples[i] = kept.at(row.first + static_cast<int>(i));
    weights[i] = Lanes{} + row.weights[i];
  }
  for (int block = columns.begin / kBlock; block < columns.end / kBlock; ++block) {
    Samples sum;
    for (Lanes& lanes : sum.part) lanes = Lanes{} + kRounding;
    for (std::size_t i = 0; i < count; ++i) {
      const Lanes* added = samples[i][block].part;
      for (Lanes& lanes : sum.part) lanes += multiply_rounded(*added++, weights[i]);
    }
    store_greys(line + block * kBlock, sum);
  }
}

// Paints the ground of one row; `walked` is the first scanline that no row has used yet.
DEEPRACER_FAST_TARGET inline void paint_ground(const PictureRow& row, GroundWalk& ground,
                                               Columns columns, int& walked, Kept& kept,
                                               std::uint8_t* line) {
  walked = std::max(walked, row.first);
  if (row.count == 1) {
    ground.walk(walked++, columns,
                [line](int column, const Samples& samples)
                    DEEPRACER_FAST_TARGET { store_greys(line + column, samples); });
    return;
  }
  for (; walked < row.first + row.count; ++walked) {
    Samples* samples = kept.at(walked);
    ground.walk(walked, columns,
                [samples](int column, const Samples& values) DEEPRACER_FAST_TARGET {
                  samples[static_cast<unsigned>(column) / kBlock] = values;
                });
  }
  add_scanlines(row, columns, kept, line);
}

DEEPRACER_FAST_TARGET inline void paint_walls(int row, const WallView& walls, WallRow& line) {
  walls.paint(row, line);
  if (!walls.has_sky()) return;
  std::array<std::uint8_t, Camera::kMaxWidth> sky;
  std::memset(sky.data(), walls.sky(), static_cast<std::size_t>(walls.width()));
  blend_beyond(row, walls.top(), walls.width(), sky.data(), line.at(0));
}

DEEPRACER_FAST_TARGET inline void paint_frame(const Frame& frame, std::uint8_t* out) {
  const Camera& camera = frame.camera;
  const int width = camera.params().width;
  const WallView walls(frame);
  GroundWalk ground(frame);
  Kept kept;
  WallRow wall;
  Columns columns{width, 0};
  int walked = 0;
  for (int row = 0; row < camera.params().height; ++row, out += width) {
    const PictureRow& plan = camera.rows()[static_cast<std::size_t>(row)];
    columns = walls.ground_columns(row + 1, columns);
    if (plan.count == 0 || columns.begin >= columns.end) {
      paint_walls(row, walls, wall);
      for (int i = 0; i < width; i += kBlock) std::memcpy(out + i, wall.at(0) + i, kBlock);
      continue;
    }
    paint_ground(plan, ground, columns, walked, kept, out);
    if (frame.tone != nullptr) {
      for (int c = columns.begin; c < columns.end; ++c) out[c] = frame.tone->ground[out[c]];
    }
    if (!walls.cross(row)) continue;
    paint_walls(row, walls, wall);
    blend_beyond(row, walls.foot(), width, wall.at(0), out);
  }
  // Objects stand on the ground inside the walls: they would be drawn over the finished rows here.
}

}  // namespace
}  // namespace deepracer_fast
