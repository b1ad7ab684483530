// One car's camera: 160x120 grey pictures of the painted ground, the walls and the sky.
//
// In: a Ground and the pose of base_link. Out: [height, width] uint8, what the original's 640x480
// frame becomes after Pillow's antialiased bilinear reduction to 160x120 and the grey weighting
// 0.2989 R + 0.5870 G + 0.1140 B, truncated.
//
// The ground is flat, so along a picture row the ground point moves by a constant step. A picture
// is a fixed list of scanlines (one per row near the car, several per row far away), each walked
// across the mip level that fits its step; a row is the triangle-weighted sum of the scanlines
// around it. All arithmetic on pixels is integer, hence the same bytes on every path.
// frame_painter.h says how a picture is sampled, number by number.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/fields.h"
#include "base/instruction_set.h"
#include "rendering/ground.h"

namespace deepracer_fast {

constexpr int kBlock = 32;  // columns whose windows and edges are looked at together

// Intrinsics and pose of the camera relative to base_link. Source: URDF racecar.gazebo:64-75 and
// deepracer_single_cam_lidar.urdf:41,398-399,469.
struct CameraParams {
  static constexpr int kMaxWidth = 640, kMaxHeight = 480;

  int width = 160, height = 120;
  double hfov = 1.13, x = 0.14529, z = 0.13033, pitch = 0.2618;

  static constexpr auto fields() {
    using P = CameraParams;
    return std::tuple{
        Field{"width", &P::width, "pixels", "a multiple of 32", Range{kBlock, kMaxWidth}},
        Field{"height", &P::height, "pixels", "of rows", Range{1, kMaxHeight}},
        Field{"hfov", &P::hfov, "rad", "from edge to edge of the picture", Range{0.01, 2.99}},
        Field{"x", &P::x, "m", "ahead of base_link", Range{-100.0, 100.0}},
        Field{"z", &P::z, "m", "above the ground", Range{0.001, 100.0}},
        Field{"pitch", &P::pitch, "rad", "downwards", Range{0.0, 0.999}},
    };
  }
};

constexpr int kRounding = 3;    // 1/32 grey level, more than the products of a row's weights lose
constexpr int kMostPerRow = 6;  // scanlines that a row is made of

// Lines of ground points across the picture, relative to the lens; one number a line, from the
// horizon down.
struct Scanlines {
  std::vector<float> forward;     // m ahead along the ground
  std::vector<float> step;        // m to the right per column
  std::vector<float> log2_texel;  // log2 of the texel size in metres that suits it, at least
  std::vector<float> log2_step;   // log2 of step

  void reserve(std::size_t count) {
    for (auto* table : {&forward, &step, &log2_texel, &log2_step}) table->reserve(count);
  }
  void clear() {
    for (auto* table : {&forward, &step, &log2_texel, &log2_step}) table->clear();
  }
};

// A picture row: the weighted sum of scanlines.
struct PictureRow {
  int first, count;                   // scanlines; none where only walls can be
  bool is_alone;                      // one scanline, and part of no other row: taken as it is
  std::int16_t weights[kMostPerRow];  // of 1 << 15
};

class Camera {
 public:
  static constexpr int kMaxScanlinesPerRow = 3;
  static constexpr int kMostScanlines = kMaxScanlinesPerRow * CameraParams::kMaxHeight;

  // The params lie in their ranges; throws std::invalid_argument unless the width is a multiple.
  explicit Camera(const CameraParams& params = {});

  // The same picture from another height above the ground (m) and pitch (rad), in range. Allocates
  // nothing: the tables fit any.
  void mount(double z, double pitch);

  const CameraParams& params() const { return params_; }
  std::size_t bytes() const {  // memory held beside the object itself
    return 4 * sizeof(float) * scanlines_.forward.capacity() +
           sizeof(PictureRow) * rows_.capacity();
  }
  float focal() const { return focal_; }  // pixels
  float sine() const { return sine_; }    // of the pitch
  float cosine() const { return cosine_; }
  const Scanlines& scanlines() const { return scanlines_; }
  const std::vector<PictureRow>& rows() const { return rows_; }

  // Writes params().height * params().width bytes, row by row from the top left. x, y in metres and
  // heading in radians are base_link's pose; a camera outside the walls is moved just inside. A
  // tone, if there is one, replaces the look's greys. Thread-safe, allocates nothing.
  void render(const Ground& ground, float x, float y, float heading, std::uint8_t* out,
              const Tone* tone, InstructionSet path) const;

 private:
  struct Slope {
    double forward, down;
  };
  struct PlannedScanline {
    double row;    // at which it crosses the picture
    double share;  // of a row that has several
  };
  struct Plan {
    std::array<PlannedScanline, kMostScanlines> lines;
    int count = 0;
  };

  Slope slope_at(double row) const;
  void plan_scanlines(Plan& plan);
  void weigh_scanlines(const Plan& plan);
  void find_rows_alone();

  CameraParams params_;
  float focal_ = 0.0F;
  float sine_ = 0.0F;
  float cosine_ = 1.0F;
  Scanlines scanlines_;
  std::vector<PictureRow> rows_;
};

}  // namespace deepracer_fast
