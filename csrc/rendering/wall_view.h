// The walls and the sky in one picture.
//
// In: the ground's field rectangle and look, and a lens. Out: by column, the row at which the
// ground ends and the row at which the sky does; rows of wall with antialiased corners. Included by
// frame_painter.h alone.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "rendering/frame.h"

namespace deepracer_fast {
namespace {

constexpr int kEdgeUnit = 64;  // edges are in 1/64 pixel from the picture's top

// Blocks [begin, end) of a picture row.
struct Blocks {
  int begin, end;

  bool operator==(const Blocks&) const = default;
};

// An edge that crosses the picture, by column, and its bounds by block.
struct Edge {
  std::array<std::int16_t, CameraParams::kMaxWidth> at;
  std::array<std::int16_t, CameraParams::kMaxWidth / kBlock> least, greatest;
};

// A row of a picture, with room for a block that begins at its last column and for an edge to its
// left.
class WallRow {
 public:
  std::uint8_t* at(int column) { return greys_.data() + kBlock + column; }

 private:
  std::array<std::uint8_t, CameraParams::kMaxWidth + 2 * kBlock> greys_;
};

// A straight edge in the picture, in edge units: start + step * column.
struct Line {
  float start, step;
};

// The lines' greatest (sign 1) or least (sign -1) at each column.
DEEPRACER_FAST_TARGET inline void trace(const std::array<Line, 4>& lines, int count, float sign,
                                        int width, Edge& edge) {
  // A row's distance from an edge must fit 16 bits, whatever the row.
  constexpr float kHighest = -1000.0F;
  constexpr float kLowest = 32000.0F;
  static_assert(CameraParams::kMaxHeight * kEdgeUnit - kHighest < 32768.0F - kEdgeUnit);
  for (int block = 0; block < width; block += kBlock) {
    std::array<float, kBlock> extreme;
    extreme.fill(-kLowest);
    for (int k = 0; k < count; ++k) {
      const Line line = lines[k];
      const float start = sign * (line.start + line.step * static_cast<float>(block));
      const float step = sign * line.step;
      for (int i = 0; i < kBlock; ++i) {
        auto& value = extreme[i];
        value = std::max(value, start + step * static_cast<float>(i));
      }
    }
    std::int16_t* at = edge.at.data() + block;
    for (int i = 0; i < kBlock; ++i) {
      const float row = sign * extreme[i];
      at[i] = static_cast<std::int16_t>(static_cast<int>(std::clamp(row, kHighest, kLowest)));
    }
    std::int16_t least = at[0];
    std::int16_t greatest = at[0];
    for (int i = 1; i < kBlock; ++i) {
      least = std::min(least, at[i]);
      greatest = std::max(greatest, at[i]);
    }
    edge.least[block / kBlock] = least;
    edge.greatest[block / kBlock] = greatest;
  }
}

// Share, of 256, of a triangle of half-width 1 pixel that lies beyond an edge that is `distance`
// pixels further on.
DEEPRACER_FAST_TARGET inline int share_beyond(float distance) {
  const float rest = 1.0F - std::min(std::abs(distance), 1.0F);
  const float corner = 128.0F * rest * rest;
  return static_cast<int>(distance < 0.0F ? 256.0F - corner : corner);
}

// The walls and the sky in one picture: their edges and the grey of each side.
class WallView {
 public:
  DEEPRACER_FAST_TARGET explicit WallView(const Frame& frame)
      : shades_(frame.tone != nullptr ? frame.tone->walls : frame.ground.look().walls),
        wall_height_(frame.ground.look().wall_height),
        sky_(static_cast<std::uint8_t>(frame.tone != nullptr ? frame.tone->sky_grey
                                                             : frame.ground.look().sky_grey)),
        width_(frame.camera.params().width),
        focal_(frame.camera.focal()),
        lens_z_(static_cast<float>(frame.camera.params().z)),
        sine_(frame.camera.sine()),
        cosine_(frame.camera.cosine()),
        middle_x_(0.5F * static_cast<float>(width_)),
        middle_y_(0.5F * static_cast<float>(frame.camera.params().height)) {
    find_corners(frame.lens, frame.ground.field());
    trace_feet();
    trace_tops();
    shade_sides();
  }

  int width() const { return width_; }
  // Column c shows ground in the rows below foot().at[c].
  const Edge& foot() const { return foot_; }
  // Column c shows sky, if any column does, in the rows above top().at[c].
  const Edge& top() const { return top_; }
  bool has_sky() const { return has_sky_; }
  std::uint8_t sky() const { return sky_; }
  // Whether a wall is seen in the row or at its edge.
  bool cross(int row) const { return row * kEdgeUnit - kEdgeUnit / 2 < lowest_foot_; }
  // The blocks that show ground in a row, joined with those given. The set only grows from row to
  // row, because feet are convex across the picture.
  DEEPRACER_FAST_TARGET Blocks ground_blocks(int row, Blocks blocks) const {
    const int reach = row * kEdgeUnit + kEdgeUnit / 2 + kEdgeUnit;
    if (reach <= highest_foot_) return blocks;
    for (int block = 0; block < width_ / kBlock; ++block) {
      if (foot_.least[block] >= reach) continue;
      blocks.begin = std::min(blocks.begin, block);
      blocks.end = std::max(blocks.end, block + 1);
    }
    return blocks;
  }
  // Fills a row with walls.
  DEEPRACER_FAST_TARGET void paint(int row, WallRow& out) const {
    const auto fill = [&](int from, std::uint8_t grey) DEEPRACER_FAST_TARGET {
      for (int i = from; i < width_; i += kBlock) std::memset(out.at(i), grey, kBlock);
    };
    fill(0, greys_[0][row]);
    for (int k = 1; k <= corner_count_; ++k) {
      const float begin = std::max(left_edge(k).at(row), -1.5F);
      const int column = static_cast<int>(begin + 1.5F) - 2;  // the first that shows this side
      if (column >= width_) break;
      const std::uint8_t here = greys_[k][row];
      for (int mixed = column; mixed < column + 2; ++mixed) {
        const int share = share_beyond(static_cast<float>(mixed) + 0.5F - begin);
        std::uint8_t& grey = *out.at(mixed);
        grey = static_cast<std::uint8_t>((grey * share + here * (256 - share)) >> 8);
      }
      fill(column + 2, here);
    }
  }

 private:
  // Distance of the lens to a side, and the side's outward normal along forward and right.
  struct Facing {
    float distance, ahead, right;
  };
  // The picture of an upright edge.
  struct UprightEdge {
    float start;  // column at which it meets the picture's top
    float slope;  // columns per row

    DEEPRACER_FAST_TARGET float at(int row) const {
      return start + slope * (static_cast<float>(row) + 0.5F);
    }
  };

  int side(int index) const { return (left_side_ + index) & 3; }
  const Facing& facing(int index) const { return sides_[side(index)]; }
  // The picture line at the height of a wall over which the lens stands by `lens_above`: points
  // (right u, down v), in focal lengths, where a ray reaches the wall's distance at that height.
  DEEPRACER_FAST_TARGET Line line_at_height(const Facing& facing, float lens_above) const {
    const float depth = facing.distance * cosine_ + lens_above * sine_ * facing.ahead;
    const float scale = kEdgeUnit / std::max(depth, 1e-3F);
    const float middle = lens_above * cosine_ * facing.ahead - facing.distance * sine_;
    const float step = scale * lens_above * facing.right;
    return {scale * focal_ * middle + kEdgeUnit * middle_y_ + step * (0.5F - middle_x_), step};
  }

  // From the side that the ray at the picture's top left meets, clockwise to the last corner ahead.
  DEEPRACER_FAST_TARGET void find_corners(const Pose& lens, const Rectangle& field) {
    const float west = lens.x - static_cast<float>(field.min_x);
    const float east = static_cast<float>(field.max_x) - lens.x;
    const float south = lens.y - static_cast<float>(field.min_y);
    const float north = static_cast<float>(field.max_y) - lens.y;
    const float c = lens.forward_x;
    const float s = lens.forward_y;
    sides_ = {{{west, -c, -s}, {north, s, -c}, {east, c, s}, {south, -s, c}}};
    const float level = cosine_ + middle_y_ / focal_ * sine_;
    float nearest = -1.0F;
    for (int k = 0; k < 4; ++k) {
      const Facing& facing = sides_[k];
      const float closing =
          (level * facing.ahead - middle_x_ / focal_ * facing.right) / facing.distance;
      if (closing > nearest) {
        nearest = closing;
        left_side_ = k;
      }
    }
    const std::array<float, 4> corner_x{-west, east, east, -west};
    const std::array<float, 4> corner_y{north, north, -south, -south};
    for (int k = 0; k < 4; ++k) {
      const auto corner = static_cast<std::size_t>(side(k));
      const float ahead = c * corner_x[corner] + s * corner_y[corner];
      const float right = s * corner_x[corner] - c * corner_y[corner];
      if (ahead <= 0.01F) break;
      const float start = middle_x_ + right / ahead * (focal_ * cosine_ + middle_y_ * sine_);
      if (start > static_cast<float>(2 * width_)) break;
      corners_[corner_count_++] = {start, -right / ahead * sine_};
    }
  }

  // The ground is what lies below the feet of all sides.
  DEEPRACER_FAST_TARGET void trace_feet() {
    std::array<Line, 4> lines;
    const int count = std::min(corner_count_, 3) + 1;
    for (int k = 0; k < count; ++k) lines[k] = line_at_height(facing(k), lens_z_);
    trace(lines, count, 1.0F, width_, foot_);
    highest_foot_ = *std::min_element(foot_.least.begin(), foot_.least.begin() + width_ / kBlock);
    lowest_foot_ = std::max(foot_.at[0], foot_.at[width_ - 1]);
  }

  // The sky is what lies above the tops of all sides; many pictures show none.
  DEEPRACER_FAST_TARGET void trace_tops() {
    std::array<Line, 4> lines;
    const int count = std::min(corner_count_, 3) + 1;
    for (int k = 0; k < count; ++k) {
      const Line line = line_at_height(facing(k), lens_z_ - wall_height_);
      const float highest = line.start + std::max(0.0F, line.step * static_cast<float>(width_ - 1));
      if (highest < -0.5F * kEdgeUnit) return;
      lines[k] = line;
    }
    has_sky_ = true;
    trace(lines, count, -1.0F, width_, top_);
  }

  // Each side, from left to right, has one grey in a row: that in the middle of what is seen of it.
  DEEPRACER_FAST_TARGET void shade_sides() {
    const int rows = std::min(lowest_foot_ / kEdgeUnit + 2, static_cast<int>(2.0F * middle_y_));
    for (int k = 0; k <= corner_count_; ++k) {
      const Facing wall = facing(k);
      const WallShade shade = shades_[side(k)];
      const UprightEdge left = left_edge(k);
      const UprightEdge right = left_edge(k + 1);
      const float width = static_cast<float>(width_);
      std::uint8_t* __restrict greys = greys_[k].data();
      for (int row = 0; row < rows; ++row) {
        const float from = std::max(left.at(row), 0.0F);
        const float to = std::min(right.at(row), width);
        const float v = (static_cast<float>(row) + 0.5F - middle_y_) / focal_;
        const float u = (0.5F * (from + to) - middle_x_) / focal_;
        const float closing = (cosine_ - v * sine_) * wall.ahead + u * wall.right;
        const float height =
            lens_z_ - wall.distance / std::max(closing, 1e-3F) * (sine_ + v * cosine_);
        const float lit = shade.foot + shade.gain * std::clamp(height, 0.0F, wall_height_);
        greys[row] = static_cast<std::uint8_t>(static_cast<int>(std::clamp(lit, 0.0F, 255.0F)));
      }
    }
  }

  // The left edge of the index-th side from the left, beyond the picture where that has none.
  DEEPRACER_FAST_TARGET UprightEdge left_edge(int index) const {
    if (index == 0) return {-2.0F, 0.0F};
    if (index > corner_count_) return {static_cast<float>(width_ + 2), 0.0F};
    return corners_[index - 1];
  }

  const std::array<WallShade, 4>& shades_;
  float wall_height_;
  std::uint8_t sky_;
  int width_;
  float focal_, lens_z_, sine_, cosine_, middle_x_, middle_y_;
  std::array<Facing, 4> sides_{};
  int left_side_ = 0;  // at the left edge of the picture
  int corner_count_ = 0;
  std::array<UprightEdge, 4> corners_{};                                     // from left to right
  std::array<std::array<std::uint8_t, CameraParams::kMaxHeight>, 5> greys_;  // by side and row
  bool has_sky_ = false;
  int highest_foot_ = 0, lowest_foot_ = 0;
  Edge foot_{}, top_{};
};

}  // namespace
}  // namespace deepracer_fast
