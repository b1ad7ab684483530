// Paints one frame, kBlock columns at a time. Compiled once per instruction set: the file that
// includes it defines DEEPRACER_FAST_TARGET and, in an unnamed namespace, Lanes and Integers (whole
// registers of 16 and 32 bits), Samples (kBlock Lanes in the order that suits it) and their
// operations.
//
// The scheme, whole; every number is an integer, and >> rounds down.
//   Scanline (camera.h plans it, PlacedScanlines puts it on the ground): a mip level and 16.16
//   coordinates (x, y) of column 0 and (dx, dy) from column to column, in texels, 0 at the centre
//   of the border's first texel. Groups: four columns c = 4 g + i share a window of 4 x 8 texels.
//   The least x of a group's columns is gx = (x + min(0, 3 dx) + half + 4 g dx) >> 10, in 1/64
//   texel, half being half of that. Column c samples at gx + rounded(i |dx|), or gx +
//   rounded((3 - i) |dx|) where dx < 0. The same for y in 1/32 texel: >> 11. The window begins at
//   column gx / 64 of strip gy / 128; one that leaves the level is moved inside by whole columns
//   and strips.
//   Sample: bilinear. With (fx, fy) the fractions in 1/64 and 1/32, of the texels on the left:
//   l = (32 - fy) below + fy above, and r of those on the right; l + rounded((r - l) fx / 64), in
//   1/32 grey level, where rounded is that of multiply_rounded.
//   Row: the samples v as they are of a scanline that no other row is made of, else kRounding and
//   the sum of rounded(v weight / 32768);
//   grey = that >> 5, through the tone's table if there is one.
//   Walls: their rows are painted by wall_view.h; sky over wall over ground, each beyond an edge
//   given by column, blended over the pixel above and below the edge (blend_beyond).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "rendering/frame.h"
#include "rendering/wall_view.h"

namespace deepracer_fast {
namespace {

constexpr int kGroup = 4;  // columns that share a window of 4 x 8 texels
constexpr int kPlacedGroups = sizeof(Integers) / sizeof(std::int32_t);  // found together

// A mip level as the painter reads it.
struct PlacedLevel {
  // Strips of four rows, see ground.h: the first, the next, and that which a window starts in
  // `kSoon` texels nearer to the car.
  const std::uint32_t *lower, *upper, *soon;
  std::int32_t pitch_and_one;  // a half each, to multiply a strip and a column by
  std::int32_t last_start;     // strip and column where a window may start at most
};

// Where each scanline walks on which level. Coordinates are 16.16 texels.
class PlacedScanlines {
 public:
  DEEPRACER_FAST_TARGET explicit PlacedScanlines(const Frame& frame);

  int count() const { return count_; }
  const PlacedLevel& level(int line) const { return levels_[level_[line]]; }
  // The least of the first group's columns.
  std::int32_t x(int line) const { return x_[line]; }
  std::int32_t y(int line) const { return y_[line]; }
  // From column to column, and from groups found together to the next ones.
  std::int32_t dx(int line) const { return dx_[line]; }
  std::int32_t dy(int line) const { return dy_[line]; }
  std::int32_t stride_x(int line) const { return stride_x_[line]; }
  std::int32_t stride_y(int line) const { return stride_y_[line]; }
  // Of a group's columns from the least, a byte each.
  std::uint32_t offsets_x(int line) const { return offsets_x_[line]; }
  std::uint32_t offsets_y(int line) const { return offsets_y_[line]; }

 private:
  template <class T>
  using Table = std::array<T, Camera::kMostScanlines>;

  DEEPRACER_FAST_TARGET void place_levels(const Frame& frame);

  int count_;
  Table<std::int32_t> x_, y_, dx_, dy_, stride_x_, stride_y_, level_;
  Table<std::uint32_t> offsets_x_, offsets_y_;
  std::array<PlacedLevel, Ground::kLevels> levels_;
};

// Positions in a window: 1/64 texel in x, of 4 texels, and 1/32 in y, of 8, a byte each.
constexpr int kShiftX = 10;  // from 16.16
constexpr int kShiftY = 11;

// The least of a group's columns from its first one.
constexpr std::int32_t least_in_group(std::int32_t step) { return step < 0 ? 3 * step : 0; }

// From the least of a group's columns, in units of 1 << shift of the step's: a byte for each.
DEEPRACER_FAST_TARGET inline std::uint32_t offsets_in_group(std::int32_t step, int shift) {
  const auto size = static_cast<std::uint32_t>(step < 0 ? -step : step);
  const std::uint32_t half = 1U << (shift - 1);
  const std::uint32_t one = (size + half) >> shift;
  const std::uint32_t two = (2 * size + half) >> shift;
  const std::uint32_t three = (3 * size + half) >> shift;
  return step < 0 ? three | two << 8 | one << 16 : one << 8 | two << 16 | three << 24;
}

DEEPRACER_FAST_TARGET inline void PlacedScanlines::place_levels(const Frame& frame) {
  constexpr float kSoon = 16.0F;  // texels towards the car, asked for ahead of time
  const auto columns = static_cast<std::ptrdiff_t>(-kSoon * frame.lens.forward_x);
  const auto strips = static_cast<std::ptrdiff_t>(std::lround(-kSoon / 4 * frame.lens.forward_y));
  for (int i = 0; i < Ground::kLevels; ++i) {
    const MipLevel& level = frame.ground.level(i);
    levels_[i] = {level.columns, level.columns + level.pitch,
                  level.columns + columns + strips * level.pitch, level.pitch | 1 << 16,
                  level.last_y / 4 | level.last_x << 16};
  }
}

// Each lies on the finest level whose texels are as large as it asks for and of which four columns
// of the picture fit a window.
DEEPRACER_FAST_TARGET inline PlacedScanlines::PlacedScanlines(const Frame& frame)
    : count_(static_cast<int>(frame.camera.scanlines().forward.size())) {
  constexpr float kFixed = 65536.0F;
  constexpr float kFirst = MipLevel::kBorder - 0.5F;  // texels; of the field's corner
  constexpr float kNearlyOne = 0.999F;  // rounds up, but for what rounding itself added
  const Ground& ground = frame.ground;
  place_levels(frame);
  const Scanlines& plan = frame.camera.scanlines();
  const Pose lens = frame.lens;
  const float lens_x = lens.x - static_cast<float>(ground.field().min_x);
  const float lens_y = lens.y - static_cast<float>(ground.field().min_y);
  const float middle = 0.5F * static_cast<float>(frame.camera.params().width - 1);
  // Texels in which a column of the picture must fit: across the heading lies the picture's row.
  const float least = std::max(1.5F * std::abs(lens.forward_y), std::abs(lens.forward_x));
  const float log2_least = std::log2(least);
  const float finest = ground.log2_texel();
  const float widest = 1.0F / least;
  constexpr float kCoarsest = Ground::kLevels - 1;
  std::array<float, Ground::kLevels> scales;
  for (int i = 0; i < Ground::kLevels; ++i) scales[i] = ground.level(i).texels_per_metre;
  // Loops over plain arrays, which the compiler turns into vectors.
  const std::size_t count = plan.forward.size();
  std::int32_t* __restrict level = level_.data();
  for (std::size_t i = 0; i < count; ++i) {
    const float texel = std::max(plan.log2_texel[i], plan.log2_step[i] + log2_least);
    const float coarser = Ground::kLevelsPerOctave * (texel - finest) + kNearlyOne;
    const float bounded = coarser > 0.0F ? coarser : 0.0F;
    level[i] = static_cast<std::int32_t>(bounded < kCoarsest ? bounded : kCoarsest);
  }
  const float* __restrict forward = plan.forward.data();
  const float* __restrict step = plan.step.data();
  std::int32_t* __restrict x = x_.data(), * __restrict y = y_.data();
  std::int32_t* __restrict dx = dx_.data(), * __restrict dy = dy_.data();
  std::int32_t* __restrict stride_x = stride_x_.data(), * __restrict stride_y = stride_y_.data();
  std::uint32_t* __restrict offsets_x = offsets_x_.data();
  std::uint32_t* __restrict offsets_y = offsets_y_.data();
  for (std::size_t i = 0; i < count; ++i) {
    const float scale = scales[level[i]];
    const float right = -middle * step[i];
    const float at_x = lens_x + forward[i] * lens.forward_x + right * lens.forward_y;
    const float at_y = lens_y + forward[i] * lens.forward_y - right * lens.forward_x;
    const float texels = step[i] * scale;
    const float column = (texels < widest ? texels : widest) * kFixed;
    dx[i] = static_cast<std::int32_t>(column * lens.forward_y);
    dy[i] = static_cast<std::int32_t>(-column * lens.forward_x);
    stride_x[i] = kPlacedGroups * kGroup * dx[i];
    stride_y[i] = kPlacedGroups * kGroup * dy[i];
    x[i] = static_cast<std::int32_t>((at_x * scale + kFirst) * kFixed) + least_in_group(dx[i]) +
           (1 << (kShiftX - 1));
    y[i] = static_cast<std::int32_t>((at_y * scale + kFirst) * kFixed) + least_in_group(dy[i]) +
           (1 << (kShiftY - 1));
    offsets_x[i] = offsets_in_group(dx[i], kShiftX);
    offsets_y[i] = offsets_in_group(dy[i], kShiftY);
  }
}

constexpr int kLanes = sizeof(Lanes) / sizeof(std::int16_t);
constexpr int kKept = 8;       // scanlines kept, more than a row is made of
constexpr int kExpected = 12;  // rows ahead, whose memory is asked for

static_assert(kBlock % kLanes == 0 && kBlock % (kGroup * kPlacedGroups) == 0);
static_assert(sizeof(Samples) == kBlock * sizeof(std::int16_t));

// The windows of a block's groups.
struct Windows {
  alignas(32) std::int32_t start[kBlock / kGroup];  // column of a strip at its corner
  // From that corner the least x of the group in the lower half, the least y in the upper.
  alignas(32) std::uint32_t origin[kBlock / kGroup];
};

// Finds the windows of a scanline, block by block.
class WindowWalk {
 public:
  // Begins at groups whose first columns are given.
  DEEPRACER_FAST_TARGET WindowWalk(const PlacedScanlines& placed, int line, Integers columns)
      : x_((Integers{} + placed.x(line)) + columns * (Integers{} + placed.dx(line))),
        y_((Integers{} + placed.y(line)) + columns * (Integers{} + placed.dy(line))),
        stride_x_(Integers{} + placed.stride_x(line)),
        stride_y_(Integers{} + placed.stride_y(line)),
        pitch_(Integers{} + placed.level(line).pitch_and_one),
        last_(reinterpret_cast<Corners>(Integers{} + placed.level(line).last_start)) {}

  DEEPRACER_FAST_TARGET void find(Windows& windows) {
    for (int group = 0; group < kBlock / kGroup; group += kPlacedGroups) {
      auto corner = reinterpret_cast<Corners>(join_halves(y_ >> 18, x_));
      corner = corner < 0 ? Corners{} : corner;
      corner = corner < last_ ? corner : last_;
      const Integers start = multiply_pairs(reinterpret_cast<Integers>(corner), pitch_);
      const Integers origin = join_halves(x_ >> kShiftX, y_ << (16 - kShiftY)) & 0x007F003F;
      std::memcpy(windows.start + group, &start, sizeof(start));
      std::memcpy(windows.origin + group, &origin, sizeof(origin));
      x_ += stride_x_;
      y_ += stride_y_;
    }
  }

 private:
  using Corners = std::int16_t __attribute__((vector_size(sizeof(Integers))));

  Integers x_, y_, stride_x_, stride_y_, pitch_;
  Corners last_;
};

// The scanlines of one picture, walked one after the other. The windows of the next one are found
// while this one's texels are fetched: the processor does both side by side.
class GroundWalk {
 public:
  DEEPRACER_FAST_TARGET explicit GroundWalk(const Frame& frame) : placed_(frame) {}

  // The scanline that is walked next.
  int line() const { return line_; }

  // Goes on in these blocks, from a scanline or from where it is beyond that.
  DEEPRACER_FAST_TARGET void go_on(int line, Blocks blocks) {
    if (line <= line_ && blocks == blocks_) return;
    line_ = std::max(line, line_);
    blocks_ = blocks;
    for (int i = 0; i < kPlacedGroups; ++i) columns_[i] = kBlock * blocks.begin + kGroup * i;
    WindowWalk walk(placed_, line_, columns_);
    for (int block = blocks.begin; block < blocks.end; ++block) walk.find(windows(line_)[block]);
  }

  // Hands `take` the bilinear samples of the next scanline, 1/32 grey level, block by block.
  template <class Take>
  DEEPRACER_FAST_TARGET void walk(Take take) {
    const PlacedLevel& level = placed_.level(line_);
    const std::uint32_t *lower = level.lower, *upper = level.upper, *soon = level.soon;
    const Offsets offsets = spread_offsets(placed_.offsets_x(line_), placed_.offsets_y(line_));
    const Windows* here = windows(line_) + blocks_.begin;
    line_ += 1;
    Windows* there = windows(line_) + blocks_.begin;
    WindowWalk next(placed_, line_ < placed_.count() ? line_ : 0, columns_);
    const Blocks blocks = blocks_;
    for (int block = blocks.begin; block < blocks.end; ++block) {
      // One window in four, which lie as far apart as a cache line is wide.
      for (int group = 0; group < kBlock / kGroup; group += 4)
        __builtin_prefetch(soon + here->start[group]);
      take(block, sampler_(lower, upper, here->start, here->origin, offsets));
      ++here;
      next.find(*there++);
    }
  }

 private:
  Windows* windows(int line) { return windows_[line & 1]; }

  Sampler sampler_;
  PlacedScanlines placed_;
  int line_ = 0;
  Blocks blocks_{0, 0};
  Integers columns_{};  // of the first groups
  Windows windows_[2][CameraParams::kMaxWidth / kBlock];
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

  Samples samples[kKept][CameraParams::kMaxWidth / kBlock];
};

// Asks for the memory of a line that is written soon. Near the picture's end it lies beyond, which
// harms nothing: asking reads nothing.
DEEPRACER_FAST_TARGET inline void expect_line(const std::uint8_t* line, int width) {
  constexpr int kCacheLine = 64;
  for (int i = 0; i < width; i += kCacheLine) __builtin_prefetch(line + i, 1);
}

// Adds the scanlines of a row by their weights.
DEEPRACER_FAST_TARGET inline void add_scanlines(const PictureRow& row, Blocks blocks,
                                                const Kept& kept, std::uint8_t* line) {
  std::array<const Samples*, kMostPerRow> samples;
  std::array<Lanes, kMostPerRow> weights;
  const auto count = static_cast<std::size_t>(row.count);
  for (std::size_t i = 0; i < count; ++i) {
    samples[i] = kept.at(row.first + static_cast<int>(i));
    weights[i] = Lanes{} + row.weights[i];
  }
  for (int block = blocks.begin; block < blocks.end; ++block) {
    Samples sum;
    for (Lanes& lanes : sum.part) lanes = Lanes{} + kRounding;
    for (std::size_t i = 0; i < count; ++i) {
      const Lanes* added = samples[i][block].part;
      for (Lanes& lanes : sum.part) lanes += multiply_rounded(*added++, weights[i]);
    }
    store_greys(line + block * kBlock, sum);
  }
}

// Paints the ground of one row.
DEEPRACER_FAST_TARGET inline void paint_ground(const PictureRow& row, Blocks blocks,
                                               GroundWalk& ground, Kept& kept, std::uint8_t* line) {
  ground.go_on(row.first, blocks);
  if (row.is_alone) {
    ground.walk([line](int block, const Samples& samples)
                    DEEPRACER_FAST_TARGET { store_greys(line + block * kBlock, samples); });
    return;
  }
  while (ground.line() < row.first + row.count) {
    Samples* samples = kept.at(ground.line());
    ground.walk([samples](int block, const Samples& values)
                    DEEPRACER_FAST_TARGET { samples[block] = values; });
  }
  add_scanlines(row, blocks, kept, line);
}

DEEPRACER_FAST_TARGET inline void tone_ground(const Tone& tone, Blocks blocks, std::uint8_t* line) {
  for (int c = blocks.begin * kBlock; c < blocks.end * kBlock; ++c) line[c] = tone.ground[line[c]];
}

DEEPRACER_FAST_TARGET inline void paint_walls(int row, const WallView& walls, WallRow& line) {
  walls.paint(row, line);
  if (!walls.has_sky()) return;
  std::array<std::uint8_t, CameraParams::kMaxWidth> sky;
  std::memset(sky.data(), walls.sky(), static_cast<std::size_t>(walls.width()));
  blend_beyond(row, walls.top(), walls.width(), sky.data(), line.at(0));
}

DEEPRACER_FAST_TARGET inline void paint_frame(const Frame& frame, std::uint8_t* out) {
  const int width = frame.camera.params().width;
  for (int row = 0; row < kExpected; ++row) expect_line(out + row * width, width);
  const WallView walls(frame);
  GroundWalk ground(frame);
  Kept kept;
  WallRow wall;
  const Blocks all{0, width / kBlock};
  Blocks blocks{all.end, 0};
  int row = 0;
  for (const PictureRow& plan : frame.camera.rows()) {
    std::uint8_t* line = out + row * width;
    expect_line(line + kExpected * width, width);
    const bool crossed = walls.cross(row);
    blocks = crossed ? walls.ground_blocks(row + 1, blocks) : all;
    const bool has_ground = plan.count > 0 && blocks.begin < blocks.end;
    if (has_ground) paint_ground(plan, blocks, ground, kept, line);
    if (has_ground && frame.tone != nullptr) tone_ground(*frame.tone, blocks, line);
    if (crossed || !has_ground) paint_walls(row, walls, wall);
    if (!has_ground)
      std::memcpy(line, wall.at(0), static_cast<std::size_t>(width));
    else if (crossed)
      blend_beyond(row, walls.foot(), width, wall.at(0), line);
    row += 1;
  }
  // Objects stand on the ground inside the walls: they would be drawn over the finished rows here.
}

}  // namespace
}  // namespace deepracer_fast
