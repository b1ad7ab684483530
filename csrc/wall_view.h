// The walls and the sky in one picture.
//
// In: the ground's field rectangle and look, and a lens. Out: per column the row at which the
// ground ends, and rows of wall and sky with antialiased edges. Included by camera.cpp alone.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "camera.h"
#include "ground.h"
#include "scanline_walk.h"

namespace deepracer_fast {

// The lens over the ground: position in metres and heading as a unit vector.
struct Pose {
  float x, y;
  float forward_x, forward_y;
};

// Share of a triangle filter of half-width one pixel that lies beyond an edge `distance` away,
// both in 1/256 pixel, of 65536.
inline std::int32_t covered_share(std::int32_t distance) {
  distance = std::clamp(distance, -256, 256);
  const std::int32_t rest = 256 - std::abs(distance);
  return distance < 0 ? rest * rest / 2 : 65536 - rest * rest / 2;
}

inline std::uint8_t mix(std::int32_t below, std::int32_t above, std::int32_t share) {
  return static_cast<std::uint8_t>((below * share + above * (65536 - share)) >> 16);
}

// The walls and the sky in one picture: their straight edges and the grey of each side.
class WallView {
 public:
  WallView(const Camera& camera, const Ground& ground, const Tone* tone, const Pose& lens);

  // Column c shows ground in the rows below foot()[c], in 1/256 pixel from the picture's top.
  const std::int32_t* foot() const { return foot_.data(); }
  // The least foot of the block of columns that starts at `column`.
  std::int32_t highest_foot(int column) const {
    return highest_foot_[static_cast<std::size_t>(column / kBlock)];
  }
  std::int32_t lowest_foot() const {
    return std::max(foot_.front(), foot_[static_cast<std::size_t>(width_) - 1]);
  }
  // Fills a row with walls and sky.
  void paint(int row, std::uint8_t* out) const;

 private:
  // Distance of the lens to a side, and the side's outward normal along forward and right.
  struct Facing {
    float distance, ahead, right;
  };
  struct Corner {
    float start;  // column at which its vertical edge meets the picture's top
    float slope;  // columns per row
  };
  // An edge in the picture, in 1/256 pixel: start + step * column.
  struct Edge {
    float start, step;
  };

  int side(int index) const { return (left_side_ + index) & 3; }
  const Facing& facing(int index) const { return sides_[static_cast<std::size_t>(side(index))]; }
  Edge edge_at_height(const Facing& facing, float lens_above) const;
  void find_corners(const Pose& lens, const Rectangle& field);
  void trace_feet();
  void trace_tops();
  std::int32_t grey(int row, int index, float column) const;

  const std::array<WallShade, 4>& shades_;
  float wall_height_, sky_grey_;
  int width_;
  float focal_, lens_z_, sine_, cosine_, middle_x_, middle_y_;
  std::array<Facing, 4> sides_{};
  int left_side_ = 0;  // at the left edge of the picture
  int corner_count_ = 0;
  std::array<Corner, 4> corners_{};  // from left to right
  bool has_sky_ = false;
  std::array<std::int32_t, Camera::kMaxWidth> foot_;
  std::array<std::int32_t, Camera::kMaxWidth> top_;
  std::array<std::int32_t, Camera::kMaxWidth / kBlock> highest_foot_;
};

inline WallView::WallView(const Camera& camera, const Ground& ground, const Tone* tone,
                          const Pose& lens)
    : shades_(tone != nullptr ? tone->walls : ground.look().walls),
      wall_height_(ground.look().wall_height),
      sky_grey_(tone != nullptr ? tone->sky_grey : ground.look().sky_grey),
      width_(camera.params().width),
      focal_(camera.focal()),
      lens_z_(static_cast<float>(camera.params().z)),
      sine_(camera.sine()),
      cosine_(camera.cosine()),
      middle_x_(0.5F * static_cast<float>(width_)),
      middle_y_(0.5F * static_cast<float>(camera.params().height)) {
  find_corners(lens, ground.field());
  trace_feet();
  trace_tops();
}

// The picture line at the height of a wall over which the lens stands by `lens_above`: points
// (right u, down v), in focal lengths, where a ray reaches the wall's distance at that height.
inline WallView::Edge WallView::edge_at_height(const Facing& facing, float lens_above) const {
  const float depth = facing.distance * cosine_ + lens_above * sine_ * facing.ahead;
  const float scale = 256.0F / std::max(depth, 1e-3F);
  const float middle = lens_above * cosine_ * facing.ahead - facing.distance * sine_;
  const float step = scale * lens_above * facing.right;
  return {scale * focal_ * middle + 256.0F * middle_y_ + step * (0.5F - middle_x_), step};
}

// From the side that the ray at the picture's top left meets, clockwise to the last corner ahead.
inline void WallView::find_corners(const Pose& lens, const Rectangle& field) {
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
    const Facing& facing = sides_[static_cast<std::size_t>(k)];
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
    corners_[static_cast<std::size_t>(corner_count_++)] = {start, -right / ahead * sine_};
  }
}

// The ground is what lies below the feet of all sides.
inline void WallView::trace_feet() {
  foot_.fill(0);
  for (int k = 0; k <= std::min(corner_count_, 3); ++k) {
    const Edge edge = edge_at_height(facing(k), lens_z_);
    for (int column = 0; column < width_; ++column) {
      const float foot = edge.start + edge.step * static_cast<float>(column);
      auto& lowest = foot_[static_cast<std::size_t>(column)];
      lowest = std::max(lowest, static_cast<std::int32_t>(foot));
    }
  }
  for (int column = 0; column < width_; column += kBlock) {
    const std::int32_t* block = foot_.data() + column;
    highest_foot_[static_cast<std::size_t>(column / kBlock)] =
        *std::min_element(block, block + kBlock);
  }
}

// The sky is what lies above the tops of all sides; most pictures show none.
inline void WallView::trace_tops() {
  const float lens_above = lens_z_ - wall_height_;
  std::array<Edge, 4> edges;
  const int count = std::min(corner_count_, 3) + 1;
  for (int k = 0; k < count; ++k) {
    const Edge edge = edge_at_height(facing(k), lens_above);
    const float highest = edge.start + std::max(0.0F, edge.step * static_cast<float>(width_ - 1));
    if (highest < -128.0F) return;
    edges[static_cast<std::size_t>(k)] = edge;
  }
  has_sky_ = true;
  for (int column = 0; column < width_; ++column) {
    float top = 1e6F;
    for (int k = 0; k < count; ++k) {
      const Edge& edge = edges[static_cast<std::size_t>(k)];
      top = std::min(top, edge.start + edge.step * static_cast<float>(column));
    }
    top_[static_cast<std::size_t>(column)] = static_cast<std::int32_t>(std::max(top, -1e6F));
  }
}

// Grey of the index-th side from the left where it meets a pixel, of 256.
inline std::int32_t WallView::grey(int row, int index, float column) const {
  const Facing& wall = facing(index);
  const WallShade& shade = shades_[static_cast<std::size_t>(side(index))];
  const float v = (static_cast<float>(row) + 0.5F - middle_y_) / focal_;
  const float u = (column - middle_x_) / focal_;
  const float closing = (cosine_ - v * sine_) * wall.ahead + u * wall.right;
  const float height = lens_z_ - wall.distance / std::max(closing, 1e-3F) * (sine_ + v * cosine_);
  const float lit = shade.foot + shade.gain * std::clamp(height, 0.0F, wall_height_);
  return static_cast<std::int32_t>(std::clamp(lit, 0.0F, 255.0F));
}

inline void WallView::paint(int row, std::uint8_t* out) const {
  int column = 0;
  std::int32_t previous = 0;
  float edge = -2.0F;
  for (int k = 0; k <= corner_count_; ++k) {
    const Corner& corner = corners_[static_cast<std::size_t>(std::min(k, 3))];
    const float next_edge = k == corner_count_
                                ? static_cast<float>(width_ + 2)
                                : corner.start + corner.slope * (static_cast<float>(row) + 0.5F);
    const float from = std::max(edge, 0.0F);
    const float to = std::min(next_edge, static_cast<float>(width_));
    const std::int32_t here = grey(row, k, 0.5F * (from + to));
    for (; column < width_ && static_cast<float>(column) < edge + 0.5F; ++column) {
      const float beyond = static_cast<float>(column) + 0.5F - edge;
      out[column] = mix(here, previous, covered_share(static_cast<std::int32_t>(256.0F * beyond)));
    }
    const int end = std::clamp(static_cast<int>(next_edge - 0.5F), column, width_);
    std::memset(out + column, here, static_cast<std::size_t>(end - column));
    column = end;
    edge = next_edge;
    previous = here;
  }
  if (!has_sky_) return;
  const auto sky = static_cast<std::int32_t>(sky_grey_);
  for (int c = 0; c < width_; ++c) {
    const std::int32_t share = covered_share(row * 256 + 128 - top_[static_cast<std::size_t>(c)]);
    out[c] = mix(out[c], sky, share);
  }
}

}  // namespace deepracer_fast
