// Renders one car's picture: see camera.h.
#include "camera.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <utility>

#include "scanline_walk.h"
#include "wall_view.h"

namespace deepracer_fast {
namespace {

// The plan of scanlines, tuned against pictures cast ray by ray (tests/test_camera.py): more of
// them cost time without coming closer, since the texel must grow to match their distance anyway.
constexpr int kMaxScanlinesPerRow = 3;
constexpr double kSpacing = 4.0;         // pixel widths on the ground between scanlines, at most
constexpr double kGap = 3.5;             // texels between scanlines, at most
constexpr double kTexelPerPixel = 1.4;   // texel over pixel width on the ground, at least
constexpr double kFarthest = 40.0;       // m; scanlines beyond it always lie behind a wall
constexpr float kWallClearance = 0.05F;  // m; a camera nearer to a wall than this is moved inside

// The scanlines of one row, placed on the ground below a lens.
class ScanlinePlacer {
 public:
  ScanlinePlacer(const Ground& ground, const Pose& lens, int width)
      : ground_(ground),
        lens_(lens),
        offset_x_(lens.x - static_cast<float>(ground.field().min_x)),
        offset_y_(lens.y - static_cast<float>(ground.field().min_y)),
        middle_(0.5F * static_cast<float>(width - 1)) {}

  Walk place(const Scanline& scanline) const {
    const float finer = scanline.log2_texel - ground_.log2_texel() + 0.5F;
    const MipLevel& level =
        ground_.level(std::clamp(static_cast<int>(finer), 0, Ground::kLevels - 1));
    const float scale = level.texels_per_metre;
    const float right = -middle_ * scanline.step;
    const float x = offset_x_ + scanline.forward * lens_.forward_x + right * lens_.forward_y;
    const float y = offset_y_ + scanline.forward * lens_.forward_y - right * lens_.forward_x;
    const float step = scanline.step * scale * kFixed;
    return {level.texels,
            fixed(x * scale - 0.5F),
            fixed(y * scale - 0.5F),
            static_cast<std::int32_t>(step * lens_.forward_y),
            static_cast<std::int32_t>(-step * lens_.forward_x),
            (level.last_x << 16) | 0xFFFF,
            (level.last_y << 16) | 0xFFFF,
            level.pitch,
            scanline.weight,
            scanline.weight_next};
  }

 private:
  static std::int32_t fixed(float texels) { return static_cast<std::int32_t>(texels * kFixed); }

  const Ground& ground_;
  const Pose& lens_;
  float offset_x_, offset_y_;
  float middle_;
};

// Where the lens of a car at (x, y, heading) is, kept inside the walls.
Pose lens_pose(const CameraParams& params, const Rectangle& field, float x, float y,
               float heading) {
  const float c = std::cos(heading);
  const float s = std::sin(heading);
  const float ahead = static_cast<float>(params.x);
  const float left = static_cast<float>(params.y);
  return {std::clamp(x + ahead * c - left * s, static_cast<float>(field.min_x) + kWallClearance,
                     static_cast<float>(field.max_x) - kWallClearance),
          std::clamp(y + ahead * s + left * c, static_cast<float>(field.min_y) + kWallClearance,
                     static_cast<float>(field.max_y) - kWallClearance),
          c, s};
}

// The columns to walk in a row: those that show ground in it or the next, since a row carries into
// the next. The set only grows from row to row, because feet are convex across the picture.
Columns walked_columns(const WallView& walls, int row, int width, Columns columns) {
  const std::int32_t reach = (row + 1) * 256 + 384;
  for (int block = 0; block < width; block += kBlock) {
    if (walls.highest_foot(block) > reach) continue;
    columns.begin = std::min(columns.begin, block);
    columns.end = std::max(columns.end, block + kBlock);
  }
  return columns;
}

// Blends a row of walls over a row of ground where a wall's foot crosses it.
void blend_feet(int row, const WallView& walls, int width, std::uint8_t* line) {
  std::array<std::uint8_t, Camera::kMaxWidth> wall;
  walls.paint(row, wall.data());
  const std::int32_t* foot = walls.foot();
  for (int c = 0; c < width; ++c) {
    const std::int32_t share = covered_share(row * 256 + 128 - foot[c]);
    line[c] = mix(line[c], wall[static_cast<std::size_t>(c)], share);
  }
}

}  // namespace

Camera::Camera(const CameraParams& params) : params_(params), fastest_(instruction_sets().front()) {
  if (params.width <= 0 || params.width > kMaxWidth || params.width % kBlock != 0) {
    throw std::invalid_argument("camera width must be a multiple of 16 up to 640, got " +
                                std::to_string(params.width));
  }
  if (params.height <= 0 || !(params.hfov > 0.0 && params.hfov < 3.0) || !(params.z > 0.0) ||
      !(params.pitch >= 0.0 && params.pitch < 1.0)) {
    throw std::invalid_argument("camera needs height > 0, 0 < hfov < 3, z > 0 and 0 <= pitch < 1");
  }
  focal_ = static_cast<float>(0.5 * params.width / std::tan(0.5 * params.hfov));
  sine_ = static_cast<float>(std::sin(params.pitch));
  cosine_ = static_cast<float>(std::cos(params.pitch));
  plan_scanlines();
  normalise_weights();
}

// Slope of the ray through a (fractional) row: forward and downward, in units of its optical depth.
Camera::Slope Camera::slope_at(double row) const {
  const double v = (row + 0.5 - 0.5 * params_.height) / static_cast<double>(focal_);
  return {std::cos(params_.pitch) - v * std::sin(params_.pitch),
          std::sin(params_.pitch) + v * std::cos(params_.pitch)};
}

// Every row gets as many scanlines as its pixels are deeper than wide (in reason), and a texel that
// neither leaves gaps between scanlines nor aliases across columns.
void Camera::plan_scanlines() {
  const double metres_per_slope = params_.z / static_cast<double>(focal_);
  first_scanline_.assign(static_cast<std::size_t>(params_.height) + 1, 0);
  first_ground_row_ = params_.height;
  for (int row = 0; row < params_.height; ++row) {
    const double down = std::max(slope_at(row).down, 1e-3);
    const double width = metres_per_slope / down;  // of a pixel on the ground
    const double depth = width / down;
    const int count =
        std::clamp(static_cast<int>(std::ceil(depth / width / kSpacing)), 1, kMaxScanlinesPerRow);
    const double texel = std::max(kTexelPerPixel * width, depth / count / kGap);
    for (int k = 0; k < count; ++k) add_scanline(row - 0.5 + (k + 0.5) / count, count, texel);
  }
  first_ground_row_ = std::max(first_ground_row_, 0);
}

// Appends the scanline at a fractional row, one of `count` in its row, unless it shows no ground.
void Camera::add_scanline(double row, int count, double texel) {
  const Slope slope = slope_at(row);
  if (slope.down * kFarthest < params_.z * slope.forward || row > params_.height - 0.5) return;
  const int above = static_cast<int>(std::floor(row));
  const double share = 0.5 * (1 << kWeightBits) / count;  // normalised later
  scanlines_.push_back({static_cast<float>(params_.z * slope.forward / slope.down),
                        static_cast<float>(params_.z / static_cast<double>(focal_) / slope.down),
                        static_cast<float>(std::log2(texel)),
                        static_cast<std::int16_t>(share * (above + 1.0 - row)),
                        static_cast<std::int16_t>(share * (row - above))});
  first_ground_row_ = std::min(first_ground_row_, above);
  for (int r = above + 1; r <= params_.height; ++r) {
    first_scanline_[static_cast<std::size_t>(r)] = static_cast<int>(scanlines_.size());
  }
}

// Makes the weights of each row's scanlines sum to 1 << kWeightBits exactly, so that a flat surface
// keeps its grey; what rounding leaves over goes to the heaviest.
void Camera::normalise_weights() {
  for (int row = first_ground_row_; row < params_.height; ++row) {
    std::vector<std::int16_t*> weights;
    const int start = first_scanline_[static_cast<std::size_t>(std::max(row - 1, 0))];
    const int middle = first_scanline_[static_cast<std::size_t>(row)];
    const int end = first_scanline_[static_cast<std::size_t>(row) + 1];
    for (int i = row > 0 ? start : middle; i < middle; ++i) {
      weights.push_back(&scanlines_[static_cast<std::size_t>(i)].weight_next);
    }
    for (int i = middle; i < end; ++i) {
      weights.push_back(&scanlines_[static_cast<std::size_t>(i)].weight);
    }
    double sum = 0.0;
    for (const std::int16_t* weight : weights) sum += *weight;
    if (sum <= 0.0) continue;
    int rest = 1 << kWeightBits;
    std::int16_t* heaviest = weights.front();
    for (std::int16_t* weight : weights) {
      *weight = static_cast<std::int16_t>(*weight * (1 << kWeightBits) / sum);
      rest -= *weight;
      if (*weight > *heaviest) heaviest = weight;
    }
    *heaviest = static_cast<std::int16_t>(*heaviest + rest);
  }
}

void Camera::render(const Ground& ground, float x, float y, float heading, std::uint8_t* out,
                    const Tone* tone, InstructionSet path) const {
  const Pose lens = lens_pose(params_, ground.field(), x, y, heading);
  const WallView walls(*this, ground, tone, lens);
  const ScanlinePlacer placer(ground, lens, params_.width);
  const AddWalk add_walk = add_walk_of(path);
  std::array<std::int32_t, kMaxWidth> first_sums{};
  std::array<std::int32_t, kMaxWidth> second_sums{};
  std::int32_t* here = first_sums.data();
  std::int32_t* next = second_sums.data();
  Columns columns{params_.width, 0};
  for (int row = 0; row < params_.height; ++row) {
    std::uint8_t* line = out + row * params_.width;
    columns = walked_columns(walls, row, params_.width, columns);
    if (row < first_ground_row_ || columns.begin >= columns.end) {
      walls.paint(row, line);
      continue;
    }
    const int end = first_scanline_[static_cast<std::size_t>(row) + 1];
    for (int i = first_scanline_[static_cast<std::size_t>(row)]; i < end; ++i) {
      add_walk(placer.place(scanlines_[static_cast<std::size_t>(i)]), columns, here, next);
    }
    finish_row(columns, here, line);
    if (tone != nullptr) {
      for (int c = columns.begin; c < columns.end; ++c) line[c] = tone->ground[line[c]];
    }
    std::swap(here, next);
    if (row * 256 - 128 < walls.lowest_foot()) blend_feet(row, walls, params_.width, line);
  }
}

}  // namespace deepracer_fast
