// Renders one car's picture: see camera.h.
#include "rendering/camera.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <utility>

#include "rendering/frame.h"

namespace deepracer_fast {
namespace {

// The plan of scanlines, tuned against pictures cast ray by ray (test_camera.py): more of
// them cost time without coming closer, since the texel must grow to match their distance anyway.
constexpr double kSpacing = 6.0;         // pixel widths on the ground between scanlines, at most
constexpr double kGap = 6.0;             // texels between scanlines, at most
constexpr double kTexelPerPixel = 1.0;   // texel over pixel width on the ground, at least
constexpr double kFarthest = 40.0;       // m; scanlines beyond it always lie behind a wall
constexpr float kWallClearance = 0.05F;  // m; a camera nearer to a wall than this is moved inside

// Where the lens of a car at (x, y, heading) is, kept inside the walls.
Pose lens_pose(const CameraParams& params, const Rectangle& field, float x, float y,
               float heading) {
  const float c = std::cos(heading);
  const float s = std::sin(heading);
  const float ahead = static_cast<float>(params.x);
  return {std::clamp(x + ahead * c, static_cast<float>(field.min_x) + kWallClearance,
                     static_cast<float>(field.max_x) - kWallClearance),
          std::clamp(y + ahead * s, static_cast<float>(field.min_y) + kWallClearance,
                     static_cast<float>(field.max_y) - kWallClearance),
          c, s};
}

}  // namespace

Camera::Camera(const CameraParams& params) : params_(params) {
  if (params.width % kBlock != 0)
    throw std::invalid_argument("camera width must be a multiple of 32 up to 640, got " +
                                std::to_string(params.width));
  focal_ = static_cast<float>(0.5 * params.width / std::tan(0.5 * params.hfov));
  const auto height = static_cast<std::size_t>(params.height);
  scanlines_.reserve(kMaxScanlinesPerRow * height);
  rows_.resize(height);
  mount(params.z, params.pitch);
}

void Camera::mount(double z, double pitch) {
  params_.z = z;
  params_.pitch = pitch;
  sine_ = static_cast<float>(std::sin(pitch));
  cosine_ = static_cast<float>(std::cos(pitch));
  Plan plan;
  plan_scanlines(plan);
  weigh_scanlines(plan);
  find_rows_alone();
}

// Slope of the ray through a (fractional) row: forward and downward, in units of its optical depth.
Camera::Slope Camera::slope_at(double row) const {
  const double v = (row + 0.5 - 0.5 * params_.height) / static_cast<double>(focal_);
  return {std::cos(params_.pitch) - v * std::sin(params_.pitch),
          std::sin(params_.pitch) + v * std::cos(params_.pitch)};
}

// Every row gets as many scanlines as its pixels are deeper than wide (in reason), and a texel that
// neither leaves gaps between scanlines nor aliases across columns.
void Camera::plan_scanlines(Plan& plan) {
  const double metres_per_slope = params_.z / static_cast<double>(focal_);
  scanlines_.clear();
  for (int row = 0; row < params_.height; ++row) {
    const double down = std::max(slope_at(row).down, 1e-3);
    const double width = metres_per_slope / down;  // of a pixel on the ground
    const double depth = width / down;
    const int count =
        std::clamp(static_cast<int>(std::ceil(depth / width / kSpacing)), 1, kMaxScanlinesPerRow);
    const double texel = std::max(kTexelPerPixel * width, depth / count / kGap);
    for (int k = 0; k < count; ++k) {
      const double at = row - 0.5 + (k + 0.5) / count;
      const Slope slope = slope_at(at);
      if (slope.down * kFarthest < params_.z * slope.forward) continue;
      const double step = metres_per_slope / slope.down;
      scanlines_.forward.push_back(static_cast<float>(params_.z * slope.forward / slope.down));
      scanlines_.step.push_back(static_cast<float>(step));
      scanlines_.log2_texel.push_back(static_cast<float>(std::log2(texel)));
      scanlines_.log2_step.push_back(static_cast<float>(std::log2(step)));
      plan.lines[plan.count++] = {at, 1.0 / count};
    }
  }
}

// A row is the triangle-weighted sum of the scanlines less than a row away. Its weights sum to
// 1 << 15 exactly, so that a flat surface keeps its grey; what rounding leaves over goes to the
// heaviest.
void Camera::weigh_scanlines(const Plan& plan) {
  int above = 0;  // scanlines that lie above what any row to come reaches
  for (int index = 0; index < params_.height; ++index) {
    PictureRow& row = rows_[index];
    row = {};
    std::array<double, kMostPerRow> weights{};
    double sum = 0.0;
    const auto row_of = [&](int i) { return plan.lines[i].row; };
    while (above < plan.count && row_of(above) <= index - 1.0) ++above;
    for (int i = above; i < plan.count && row_of(i) < index + 1.0; ++i) {
      const double share = plan.lines[i].share;
      const double weight = share * (1.0 - std::abs(row_of(i) - index));
      if (weight < 1e-6) continue;
      if (row.count == 0) row.first = i;
      weights[row.count++] = weight;
      sum += weight;
    }
    int rest = 1 << 15;
    int heaviest = 0;
    for (int i = 0; i < row.count; ++i) {
      const double weight = weights[i] * (1 << 15) / sum;
      row.weights[i] = static_cast<std::int16_t>(std::min(weight, 32767.0));
      rest -= row.weights[i];
      if (row.weights[i] > row.weights[heaviest]) heaviest = i;
    }
    if (row.count > 1)
      row.weights[heaviest] = static_cast<std::int16_t>(row.weights[heaviest] + rest);
  }
}

// Near the car every row has a scanline to itself. The first row below the horizon may have but one
// as well, which the next row is made of, too.
void Camera::find_rows_alone() {
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const auto has_it = [only = rows_[i].first](const PictureRow& row) {
      return row.first <= only && only < row.first + row.count;
    };
    const bool is_shared =
        (i > 0 && has_it(rows_[i - 1])) || (i + 1 < rows_.size() && has_it(rows_[i + 1]));
    rows_[i].is_alone = rows_[i].count == 1 && !is_shared;
  }
}

void Camera::render(const Ground& ground, float x, float y, float heading, std::uint8_t* out,
                    const Tone* tone, InstructionSet path) const {
  const Frame frame{*this, ground, tone, lens_pose(params_, ground.field(), x, y, heading)};
#if defined(__x86_64__)
  if (path == InstructionSet::kAvx512) return paint_frame_avx512(frame, out);
  if (path == InstructionSet::kAvx2) return paint_frame_avx2(frame, out);
#endif
  paint_frame_portable(frame, out);
}

}  // namespace deepracer_fast
