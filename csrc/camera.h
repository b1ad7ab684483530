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
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ground.h"
#include "instruction_set.h"

namespace deepracer_fast {

// Intrinsics and pose of the camera relative to base_link. Source: URDF racecar.gazebo:64-75 and
// deepracer_single_cam_lidar.urdf:41,398-399,469.
struct CameraParams {
  int width = 160;        // pixels, a multiple of 16
  int height = 120;       // pixels
  double hfov = 1.13;     // rad, between the left and right edge of the picture
  double x = 0.14529;     // m ahead of base_link
  double y = 0.0;         // m to its left (stereo: +-0.03)
  double z = 0.13033;     // m above the ground
  double pitch = 0.2618;  // rad, downwards
};

// One line of ground points across the picture, relative to the lens.
struct Scanline {
  float forward;             // m ahead along the ground
  float step;                // m to the right per column
  float log2_texel;          // log2 of the texel size in metres that suits it
  std::int16_t weight;       // share in the picture row at or above it, of 1 << 14
  std::int16_t weight_next;  // share in the picture row below that
};

class Camera {
 public:
  static constexpr int kMaxWidth = 640;

  // Throws std::invalid_argument if params are out of range.
  explicit Camera(const CameraParams& params = {});

  const CameraParams& params() const { return params_; }
  std::size_t bytes() const {  // memory held beside the object itself
    return sizeof(Scanline) * scanlines_.capacity() + sizeof(int) * first_scanline_.capacity();
  }
  float focal() const { return focal_; }  // pixels
  float sine() const { return sine_; }    // of the pitch
  float cosine() const { return cosine_; }

  // Writes params().height * params().width bytes, row by row from the top left. x, y in metres and
  // heading in radians are base_link's pose; a camera outside the walls is moved just inside. A
  // tone, if there is one, replaces the look's greys. Thread-safe, allocates nothing.
  void render(const Ground& ground, float x, float y, float heading, std::uint8_t* out,
              const Tone* tone = nullptr) const {
    render(ground, x, y, heading, out, tone, fastest_);
  }
  void render(const Ground& ground, float x, float y, float heading, std::uint8_t* out,
              const Tone* tone, InstructionSet path) const;

 private:
  struct Slope {
    double forward, down;
  };

  Slope slope_at(double row) const;
  void plan_scanlines();
  void add_scanline(double row, int count, double texel);
  void normalise_weights();

  CameraParams params_;
  float focal_ = 0.0F;
  float sine_ = 0.0F;
  float cosine_ = 1.0F;
  InstructionSet fastest_;
  std::vector<Scanline> scanlines_;  // from the horizon down
  std::vector<int> first_scanline_;  // [height + 1] index of the first scanline at or below a row
  int first_ground_row_ = 0;         // rows above it show walls and sky only
};

}  // namespace deepracer_fast
