// Paints the ground of one track: see ground.h.
#include "ground.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <stdexcept>
#include <string>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace deepracer_fast {
namespace {

// The frames of the original are this much brighter than the textures of its meshes (medians of
// camera frames on reinvent_base against road/field/outerLine/centerLine.png): the lighting of the
// world files. Applied to the textures of the families of which no frames exist; the lit lines and
// dashes of those reach full scale, 255, in red (and all lines in green and blue).
constexpr float kLitFloor = 1.05F;
constexpr float kLitDash = 1.21F;

constexpr float grey(float red, float green, float blue) {
  return 0.2989F * red + 0.5870F * green + 0.1140F * blue;
}

// Greys, grain and walls: frames of the original on reinvent_base, whose poses were fitted
// (benchmarks/compare_frames.py). Walls 0.25 or 0.3 m outside the borders fit equally well, and the
// latter gives the printed mat's 26 x 17 feet. The wall's height is a guess: no frame shows sky,
// though some look 1.38 m up a wall. Lines and dashes: meshes/reinvent.
constexpr Look kReinvent{
    .road = {grey(38, 51, 68), 5.3F},
    .field = {grey(100, 143, 109), 6.5F},
    .line = {grey(233, 232, 228), 13.5F},
    .dash = {grey(236, 142, 0), 5.5F},
    .line_width = 0.076F,
    .lines_inside = true,
    .dash_width = 0.026F,
    .dash_length = 0.051F,
    .dash_pitch = 0.102F,
    .dash_first = 0.05F,
    .field_margin = 0.3F,
    .wall_height = 1.5F,
    .walls = {{{22.5F, 2.5F}, {57.0F, 9.5F}, {51.0F, 8.0F}, {0.0F, 0.0F}}},
    .sky_grey = 178.0F,
};

// Textures of meshes/reInvent2019 and of the tracks from 2022 on.
constexpr Look speedway() {
  Look look = kReinvent;
  look.road = {grey(64, 63, 61) * kLitFloor, 7.0F};
  look.field = {grey(126, 133, 65) * kLitFloor, 18.0F};
  look.line = {255.0F, 4.0F};
  look.dash = {grey(255, 143 * kLitDash, 0), 5.5F};
  look.field_margin = 2.4F;  // middle of 1.8 to 3 m, and 1 m high: measured from the meshes
  look.wall_height = 1.0F;
  return look;
}

// Textures and geometry of the training tracks of 2019: lines outside the borders.
constexpr Look oval() {
  Look look = speedway();
  look.lines_inside = false;
  look.dash_length = 0.08F;
  look.dash_pitch = 0.15F;
  return look;
}

constexpr double kFinestTexel = 0.0025;        // m
constexpr double kTexelBudget = 44.0e6 / 2.0;  // texels of level 0, two bytes each
constexpr double kMaxPitch = 32000.0;          // texels; an index must fit 16 bits

struct Point {
  double x, y;
};

Point operator+(Point a, Point b) { return {a.x + b.x, a.y + b.y}; }
Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y}; }
Point operator*(double scale, Point a) { return {scale * a.x, scale * a.y}; }
double dot(Point a, Point b) { return a.x * b.x + a.y * b.y; }
double norm(Point a) { return std::sqrt(dot(a, a)); }
Point left_normal(Point direction) { return {-direction.y, direction.x}; }

using Polyline = std::vector<Point>;

Polyline polyline_of(std::span<const double> xy) {
  Polyline points;
  for (std::size_t i = 0; i + 1 < xy.size(); i += 2) {
    if (!std::isfinite(xy[i]) || !std::isfinite(xy[i + 1])) {
      throw std::invalid_argument("polyline coordinates must be finite, point " +
                                  std::to_string(i / 2) + " is not");
    }
    points.push_back({xy[i], xy[i + 1]});
  }
  return points;
}

// Direction of each segment; a segment of no length takes its predecessor's.
std::vector<Point> directions_of(const Polyline& line) {
  std::vector<Point> directions(line.size() - 1, Point{1.0, 0.0});
  Point last = line.back() - line.front();
  for (std::size_t i = 0; i + 1 < line.size(); ++i) {
    const Point step = line[i + 1] - line[i];
    if (norm(step) > 1e-9) last = (1.0 / norm(step)) * step;
    directions[i] = last;
  }
  return directions;
}

// The polyline moved by `distance` towards (or, if negative, away from) `towards`, with mitred
// corners. Which side that is, is asked once for the whole line: borders never cross the centre.
Polyline offset_towards(const Polyline& line, const Polyline& towards, bool is_loop,
                        double distance) {
  const std::vector<Point> directions = directions_of(line);
  const std::size_t segments = directions.size();
  double side = 0.0;
  for (std::size_t i = 0; i < segments; ++i) {
    side += dot(left_normal(directions[i]), towards[i] - line[i]);
  }
  const double signed_distance = side < 0.0 ? -distance : distance;
  Polyline moved(line.size());
  for (std::size_t i = 0; i < line.size(); ++i) {
    const std::size_t before = i > 0 ? i - 1 : (is_loop ? segments - 1 : 0);
    const std::size_t after = i < segments ? i : (is_loop ? 0 : segments - 1);
    const Point sum = left_normal(directions[before]) + left_normal(directions[after]);
    const double mitre = std::max(dot(sum, sum), 1.0);  // at most twice the distance in a corner
    moved[i] = line[i] + (2.0 * signed_distance / mitre) * sum;
  }
  return moved;
}

// A periodic tile of grain with zero mean and unit variance.
class Grain {
 public:
  static constexpr int kSize = 512;

  Grain() : values_(kSize * kSize) {
    std::vector<float> white(values_.size());
    for (std::size_t i = 0; i < white.size(); ++i)
      white[i] = white_noise(static_cast<std::uint32_t>(i));
    for (int row = 0; row < kSize; ++row) {
      for (int column = 0; column < kSize; ++column) {
        values_[index(row, column)] = stroke(white, row, column);
      }
    }
    for (int row = 0; row < kSize; row += 2) {
      for (int column = 0; column < kSize; column += 2) sharpen(row, column);
    }
    double energy = 0.0;
    for (const float value : values_) energy += value * value;
    const float scale = static_cast<float>(1.0 / std::sqrt(energy / (kSize * kSize)));
    for (float& value : values_) value *= scale;
  }

  float at(int row, int column) const { return values_[index(row, column)]; }

 private:
  static std::size_t index(int row, int column) {
    return static_cast<std::size_t>((row & (kSize - 1)) * kSize + (column & (kSize - 1)));
  }

  // Uniform in [-0.5, 0.5), from a 32-bit integer hash (multiply and xor-shift rounds).
  static float white_noise(std::uint32_t key) {
    key = (key ^ (key >> 16)) * 0x7feb352dU;
    key = (key ^ (key >> 15)) * 0x846ca68bU;
    key ^= key >> 16;
    return static_cast<float>(key) * 0x1p-32F - 0.5F;
  }

  // Carpet fibres: a short run of the white noise along a direction that differs from spot to spot.
  static float stroke(const std::vector<float>& white, int row, int column) {
    static constexpr int kDirections[4][2] = {{1, 0}, {1, 1}, {0, 1}, {-1, 1}};
    const auto cell = static_cast<std::uint32_t>((row >> 2) * kSize + (column >> 2));
    const auto& direction = kDirections[static_cast<int>((white_noise(cell + 77U) + 0.5F) * 4.0F)];
    float sum = 0.0F;
    for (int k = 0; k < 2; ++k) {
      sum += white[index(row + k * direction[0], column + k * direction[1])];
    }
    return sum;
  }

  // Takes part of the mean from a 2x2 block, so that the grain fades with distance, level by level,
  // as fast as in the frames of the original.
  void sharpen(int row, int column) {
    float* block[4] = {&values_[index(row, column)], &values_[index(row, column + 1)],
                       &values_[index(row + 1, column)], &values_[index(row + 1, column + 1)]};
    const float mean = 0.25F * (*block[0] + *block[1] + *block[2] + *block[3]);
    for (float* value : block) *value -= kSharpness * mean;
  }

  static constexpr float kSharpness = 0.4F;

  std::vector<float> values_;
};

// Level 0 while it is being painted: shapes are added to a coverage mask, then the mask is blended
// with a surface over what is there.
class Canvas {
 public:
  Canvas(const Rectangle& extent, double texel, int width, int height)
      : extent_(extent),
        texel_(texel),
        width_(width),
        height_(height),
        plane_(static_cast<std::size_t>(width) * static_cast<std::size_t>(height)),
        mask_(plane_.size(), 0) {}

  // Adds a convex quadrilateral; shapes that share an edge cover it exactly once together.
  void add_quad(const std::array<Point, 4>& corners) {
    std::array<Point, 4> texels{};
    double low = 1e30;
    double high = -1e30;
    for (std::size_t i = 0; i < 4; ++i) {
      texels[i] = {(corners[i].x - extent_.min_x) / texel_,
                   (corners[i].y - extent_.min_y) / texel_};
      low = std::min(low, texels[i].y);
      high = std::max(high, texels[i].y);
    }
    const int first = std::max(0, static_cast<int>(std::ceil(low * kSubRows - 0.5)));
    const int last =
        std::min(height_ * kSubRows - 1, static_cast<int>(std::ceil(high * kSubRows - 0.5)) - 1);
    for (int sub_row = first; sub_row <= last; ++sub_row) {
      add_span(texels, (sub_row + 0.5) / kSubRows, sub_row / kSubRows);
    }
  }

  // The band between two polylines of equal length.
  void add_band(const Polyline& one, const Polyline& other) {
    for (std::size_t i = 0; i + 1 < one.size(); ++i) {
      add_quad({one[i], one[i + 1], other[i + 1], other[i]});
    }
  }

  void fill(const Surface& surface, const Grain& grain) {
    std::fill(mask_.begin(), mask_.end(), std::uint8_t{255});
    blend(surface, grain);
  }

  // Paints the surface where the mask is set, then clears the mask.
  void blend(const Surface& surface, const Grain& grain) {
    for (int row = 0; row < height_; ++row) {
      const std::size_t start = static_cast<std::size_t>(row) * static_cast<std::size_t>(width_);
      for (int column = 0; column < width_; ++column) {
        const std::size_t i = start + static_cast<std::size_t>(column);
        if (mask_[i] == 0) continue;
        const float share = static_cast<float>(mask_[i]) * (1.0F / 255.0F);
        const float value = surface.grey + surface.sigma * grain.at(row, column);
        const float mixed = static_cast<float>(plane_[i]) * (1.0F - share) + value * share;
        plane_[i] = static_cast<std::uint8_t>(std::clamp(mixed + 0.5F, 0.0F, 255.0F));
      }
    }
    std::fill(mask_.begin(), mask_.end(), std::uint8_t{0});
  }

  const std::vector<std::uint8_t>& plane() const { return plane_; }

 private:
  static constexpr int kSubRows = 4;
  static constexpr double kFull = 256.0 / kSubRows;  // mask units of a fully covered sub-row

  void add_span(const std::array<Point, 4>& corners, double y, int row) {
    double left = 1e30;
    double right = -1e30;
    for (std::size_t i = 0; i < 4; ++i) {
      const Point a = corners[i];
      const Point b = corners[(i + 1) % 4];
      if ((a.y <= y) == (b.y <= y)) continue;
      const double x = a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x);
      left = std::min(left, x);
      right = std::max(right, x);
    }
    left = std::clamp(left, 0.0, static_cast<double>(width_));
    right = std::clamp(right, 0.0, static_cast<double>(width_));
    std::uint8_t* line =
        mask_.data() + static_cast<std::size_t>(row) * static_cast<std::size_t>(width_);
    for (int column = static_cast<int>(left); column < right; ++column) {
      const double covered =
          std::min(right, column + 1.0) - std::max(left, static_cast<double>(column));
      const int sum = line[column] + static_cast<int>(covered * kFull + 0.5);
      line[column] = static_cast<std::uint8_t>(std::min(sum, 255));
    }
  }

  Rectangle extent_;
  double texel_;
  int width_, height_;
  std::vector<std::uint8_t> plane_;
  std::vector<std::uint8_t> mask_;
};

// The dashes of the centre line, each cut where the line bends.
void add_dashes(const Polyline& centre, const Look& look, Canvas& canvas) {
  const std::vector<Point> directions = directions_of(centre);
  double arc = 0.0;  // at the start of the segment
  for (std::size_t i = 0; i + 1 < centre.size(); ++i) {
    const double length = norm(centre[i + 1] - centre[i]);
    const Point half_width = (0.5 * look.dash_width) * left_normal(directions[i]);
    double dash = look.dash_first;
    if (arc > dash) {
      dash += std::floor((arc - dash) / look.dash_pitch) * static_cast<double>(look.dash_pitch);
    }
    for (; dash < arc + length; dash += look.dash_pitch) {
      const double from = std::max(dash, arc) - arc;
      const double to = std::min(dash + look.dash_length, arc + length) - arc;
      if (to <= from) continue;
      const Point a = centre[i] + from * directions[i];
      const Point b = centre[i] + to * directions[i];
      canvas.add_quad({a - half_width, b - half_width, b + half_width, a + half_width});
    }
    arc += length;
  }
}

// Each texel of the next level is the mean of four.
std::vector<std::uint8_t> halve(const std::vector<std::uint8_t>& plane, int width, int height) {
  const std::size_t pitch = static_cast<std::size_t>(width);
  const std::size_t half = pitch / 2;
  std::vector<std::uint8_t> next(half * static_cast<std::size_t>(height / 2));
  for (std::size_t row = 0; row < static_cast<std::size_t>(height / 2); ++row) {
    const std::uint8_t* a = plane.data() + 2 * row * pitch;
    const std::uint8_t* b = a + pitch;
    for (std::size_t i = 0; i < half; ++i) {
      const int sum = a[2 * i] + a[2 * i + 1] + b[2 * i] + b[2 * i + 1];
      next[row * half + i] = static_cast<std::uint8_t>((sum + 2) / 4);
    }
  }
  return next;
}

}  // namespace

Look look_by_name(std::string_view name) {
  if (name == "reinvent") return kReinvent;
  if (name == "oval") return oval();
  if (name == "speedway") return speedway();
  throw std::invalid_argument("look must be reinvent, oval or speedway, got " + std::string(name));
}

void Ground::Free::operator()(std::uint16_t* memory) const { std::free(memory); }

Ground::Ground(std::span<const double> centre, std::span<const double> inner,
               std::span<const double> outer, bool is_loop, const Look& look)
    : look_(look) {
  if (centre.size() < 4 || centre.size() % 2 != 0 || inner.size() != centre.size() ||
      outer.size() != centre.size()) {
    throw std::invalid_argument(
        "centre, inner and outer must hold the same number of points, >= 2");
  }
  const Polyline middle = polyline_of(centre);
  const Polyline borders[2] = {polyline_of(inner), polyline_of(outer)};
  choose_extent(inner, outer);
  const Grain grain;
  Canvas canvas(field_, static_cast<double>(texel_), width_, height_);
  canvas.fill(look.field, grain);
  canvas.add_band(borders[0], borders[1]);
  canvas.blend(look.road, grain);
  const double width = look.lines_inside ? look.line_width : -look.line_width;
  for (const Polyline& border : borders) {
    canvas.add_band(border, offset_towards(border, middle, is_loop, width));
  }
  canvas.blend(look.line, grain);
  add_dashes(middle, look, canvas);
  canvas.blend(look.dash, grain);
  allocate_levels();
  std::vector<std::uint8_t> plane = canvas.plane();
  for (int index = 0; index < kLevels; ++index) {
    if (index > 0) plane = halve(plane, width_ >> (index - 1), height_ >> (index - 1));
    store_level(index, plane);
  }
}

// The field reaches from the outermost border points by the look's margins; the texel is the finest
// that keeps level 0 within budget.
void Ground::choose_extent(std::span<const double> inner, std::span<const double> outer) {
  field_ = {1e30, 1e30, -1e30, -1e30};
  for (const auto& border : {inner, outer}) {
    for (std::size_t i = 0; i + 1 < border.size(); i += 2) {
      field_.min_x = std::min(field_.min_x, border[i] - look_.field_margin);
      field_.max_x = std::max(field_.max_x, border[i] + look_.field_margin);
      field_.min_y = std::min(field_.min_y, border[i + 1] - look_.field_margin);
      field_.max_y = std::max(field_.max_y, border[i + 1] + look_.field_margin);
    }
  }
  const double size_x = field_.max_x - field_.min_x;
  const double size_y = field_.max_y - field_.min_y;
  const double texel = std::max({kFinestTexel, std::sqrt(size_x * size_y / kTexelBudget),
                                 size_x / kMaxPitch, size_y / kMaxPitch});
  texel_ = static_cast<float>(texel);
  log2_texel_ = static_cast<float>(std::log2(texel));
  const int unit = 1 << (kLevels - 1);
  width_ = (static_cast<int>(size_x / texel) / unit + 1) * unit;
  height_ = (static_cast<int>(size_y / texel) / unit + 1) * unit;
}

void Ground::allocate_levels() {
  std::size_t texels = 0;
  for (int index = 0; index < kLevels; ++index) {
    texels +=
        static_cast<std::size_t>(width_ >> index) * static_cast<std::size_t>(height_ >> index);
  }
  // Whole huge pages where the system has them: a picture row crosses many texel rows, and with
  // small pages nearly every one of them would miss the TLB.
  constexpr std::size_t kHugePage = std::size_t{2} << 20;
  bytes_ = (2 * texels + kHugePage - 1) / kHugePage * kHugePage;
  texels_.reset(static_cast<std::uint16_t*>(std::aligned_alloc(kHugePage, bytes_)));
  if (!texels_) throw std::bad_alloc();
#if defined(__linux__)
  madvise(texels_.get(), bytes_, MADV_HUGEPAGE);
#endif
  std::uint16_t* start = texels_.get();
  for (int index = 0; index < kLevels; ++index) {
    const int width = width_ >> index;
    const int height = height_ >> index;
    levels_[static_cast<std::size_t>(index)] = {start, width, width - 2, height - 2,
                                                1.0F / (texel_ * static_cast<float>(1 << index))};
    start += static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  }
}

void Ground::store_level(int index, const std::vector<std::uint8_t>& plane) {
  const std::size_t pitch = static_cast<std::size_t>(width_ >> index);
  const std::size_t rows = static_cast<std::size_t>(height_ >> index);
  std::uint16_t* texels = const_cast<std::uint16_t*>(level(index).texels);
  for (std::size_t row = 0; row < rows; ++row) {
    const std::uint8_t* here = plane.data() + row * pitch;
    const std::uint8_t* next = row + 1 < rows ? here + pitch : here;
    for (std::size_t i = 0; i < pitch; ++i) {
      texels[row * pitch + i] = static_cast<std::uint16_t>(here[i] | (next[i] << 8));
    }
  }
}

}  // namespace deepracer_fast
