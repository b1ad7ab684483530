// Paints the ground of one track: see ground.h.
#include "rendering/ground.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/geometry.h"

namespace deepracer_fast {

// Grey texels, row by row.
struct Plane {
  Plane(int columns, int rows)
      : width(columns),
        height(rows),
        texels(static_cast<std::size_t>(columns) * static_cast<std::size_t>(rows)) {}

  std::uint8_t* row(int index) { return texels.data() + offset(index); }
  const std::uint8_t* row(int index) const { return texels.data() + offset(index); }

  int width, height;
  std::vector<std::uint8_t> texels;

 private:
  std::size_t offset(int index) const {
    return static_cast<std::size_t>(index) * static_cast<std::size_t>(width);
  }
};

namespace {

constexpr int kLeastSize = 8;                  // texels of a plane along an axis
constexpr double kFinestTexel = 0.0035;        // m
constexpr double kTexelBudget = 44.0e6 / 2.0;  // texels of level 0; all levels have twice as many
constexpr double kMaxPitch = 32000.0;          // texels; positions are 16.16 fixed point

using Point = Vec2d;
Point left_normal(Point direction) { return {-direction.y, direction.x}; }

using Polyline = std::vector<Point>;

Polyline polyline_of(std::span<const double> xy) {
  Polyline points;
  for (std::size_t i = 0; i + 1 < xy.size(); i += 2) points.push_back({xy[i], xy[i + 1]});
  return points;
}

// Direction of each segment; a segment of no length takes its predecessor's.
std::vector<Point> directions_of(const Polyline& line) {
  std::vector<Point> directions(line.size() - 1, Point{1.0, 0.0});
  Point last = line.back() - line.front();
  for (std::size_t i = 0; i + 1 < line.size(); ++i) {
    const Point step = line[i + 1] - line[i];
    if (length(step) > 1e-9) last = (1.0 / length(step)) * step;
    directions[i] = last;
  }
  return directions;
}

// The polyline moved by `distance` towards (or, if negative, away from) `towards`, with mitred
// corners. Which side that is, is asked once for the whole line: borders never cross.
Polyline offset_towards(const Polyline& line, const Polyline& towards, bool is_loop,
                        double distance) {
  const std::vector<Point> directions = directions_of(line);
  const std::size_t segments = directions.size();
  double side = 0.0;
  for (std::size_t i = 0; i < segments; ++i)
    side += dot(left_normal(directions[i]), towards[i] - line[i]);
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

// The carpet-like grain of the painted surfaces: a periodic tile of noise with zero mean and unit
// variance by texel of level 0, the same in every process.
class Grain {
 public:
  static constexpr int kSize = 512;

  Grain() : values_(kSize * kSize) {
    std::vector<float> white(values_.size());
    for (std::size_t i = 0; i < white.size(); ++i)
      white[i] = white_noise(static_cast<std::uint32_t>(i));
    for (int row = 0; row < kSize; ++row)
      for (int column = 0; column < kSize; ++column)
        values_[index(row, column)] = stroke(white, row, column);
    for (int row = 0; row < kSize; row += 2)
      for (int column = 0; column < kSize; column += 2) sharpen(row, column);
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
    for (int k = 0; k < 2; ++k)
      sum += white[index(row + k * direction[0], column + k * direction[1])];
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
        plane_(width, height),
        mask_(plane_.texels.size(), 0) {}

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
    for (int sub_row = first; sub_row <= last; ++sub_row)
      add_span(texels, (sub_row + 0.5) / kSubRows, sub_row / kSubRows);
  }

  // The band between two polylines of equal length.
  void add_band(const Polyline& one, const Polyline& other) {
    for (std::size_t i = 0; i + 1 < one.size(); ++i)
      add_quad({one[i], one[i + 1], other[i + 1], other[i]});
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
        const float value = std::min(
            light_at(row, column) * (surface.grey + surface.sigma * grain.at(row, column)), 255.0F);
        const float mixed = static_cast<float>(plane_.texels[i]) * (1.0F - share) + value * share;
        plane_.texels[i] = static_cast<std::uint8_t>(std::clamp(mixed + 0.5F, 0.0F, 255.0F));
      }
    }
    std::fill(mask_.begin(), mask_.end(), std::uint8_t{0});
  }

  Plane take_plane() { return std::move(plane_); }

 private:
  float light_at(int row, int column) const {
    const float x = static_cast<float>(extent_.min_x + (column + 0.5) * texel_);
    const float y = static_cast<float>(extent_.min_y + (row + 0.5) * texel_);
    return lamp_light(x * x + y * y);
  }

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
  Plane plane_;
  std::vector<std::uint8_t> mask_;
};

// The dashes of the centre line, each cut where the line bends.
void add_dashes(const Polyline& centre, const Look& look, Canvas& canvas) {
  const std::vector<Point> directions = directions_of(centre);
  double arc = 0.0;  // at the start of the segment
  for (std::size_t i = 0; i + 1 < centre.size(); ++i) {
    const double end = arc + length(centre[i + 1] - centre[i]);
    const Point half_width = (0.5 * look.dash_width) * left_normal(directions[i]);
    double dash = look.dash_first;
    if (arc > dash)
      dash += std::floor((arc - dash) / look.dash_pitch) * static_cast<double>(look.dash_pitch);
    for (; dash < end; dash += look.dash_pitch) {
      const double from = std::max(dash, arc) - arc;
      const double to = std::min(dash + look.dash_length, end) - arc;
      if (to <= from) continue;
      const Point a = centre[i] + from * directions[i];
      const Point b = centre[i] + to * directions[i];
      canvas.add_quad({a - half_width, b - half_width, b + half_width, a + half_width});
    }
    arc = end;
  }
}

// The white squares of the start line: 2 along the road by 8 across it, about square and half
// white, which is the mean grey of the original's texture (its pattern is not known better). The
// line is centred on the first point of the route.
void add_start_line(const Polyline& centre, const Polyline borders[2], const Look& look,
                    Canvas& canvas) {
  constexpr int kAcross = 8;
  const Point along = directions_of(centre).front();
  for (int i = 0; i < 2; ++i) {
    for (int j = i; j < kAcross; j += 2) {
      const auto corner = [&](int row, int column) {
        const double share = static_cast<double>(column) / kAcross;
        const double ahead = 0.5 * (row - 1) * static_cast<double>(look.start_length);
        const Point across = borders[1].front() - borders[0].front();
        return borders[0].front() + share * across + ahead * along;
      };
      canvas.add_quad({corner(i, j), corner(i + 1, j), corner(i + 1, j + 1), corner(i, j + 1)});
    }
  }
}

// Which texels a coarser one covers along an axis, and how much of each.
struct Overlap {
  std::size_t first = 0;
  int count = 0;
  std::array<float, 3> shares{};
};

std::vector<Overlap> overlaps(int size, double ratio, int coarse_size) {
  std::vector<Overlap> result(static_cast<std::size_t>(coarse_size));
  for (int i = 0; i < coarse_size; ++i) {
    Overlap& overlap = result[i];
    const double from = std::min(i * ratio, size - 1.0);
    const double to = std::min((i + 1) * ratio, static_cast<double>(size));
    overlap.first = static_cast<std::size_t>(from);
    for (int k = static_cast<int>(from); k < to - 1e-9; ++k) {
      const double covered = std::min(to, k + 1.0) - std::max(from, static_cast<double>(k));
      overlap.shares[overlap.count++] = static_cast<float>(covered / (to - from));
    }
  }
  return result;
}

// The plane in texels `ratio` times as large, each the mean of what it covers.
Plane shrink(const Plane& plane, double ratio) {
  const auto coarse = [ratio](int size) {
    return std::max(kLeastSize, static_cast<int>(std::ceil(size / ratio - 1e-9)));
  };
  Plane result(coarse(plane.width), coarse(plane.height));
  const std::vector<Overlap> across = overlaps(plane.width, ratio, result.width);
  const std::vector<Overlap> along = overlaps(plane.height, ratio, result.height);
  std::vector<float> sums(static_cast<std::size_t>(plane.width));
  for (int row = 0; row < result.height; ++row) {
    const Overlap& rows = along[row];
    std::fill(sums.begin(), sums.end(), 0.0F);
    for (int k = 0; k < rows.count; ++k) {
      const std::uint8_t* line = plane.row(static_cast<int>(rows.first) + k);
      const float share = rows.shares[k];
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += share * static_cast<float>(line[i]);
    }
    std::uint8_t* out = result.row(row);
    for (const Overlap& columns : across) {
      float sum = 0.5F;
      for (int k = 0; k < columns.count; ++k) {
        const auto i = static_cast<std::size_t>(k);
        sum += columns.shares[i] * sums[columns.first + i];
      }
      *out++ = static_cast<std::uint8_t>(sum);
    }
  }
  return result;
}

// Writes four rows from `first` on, with the border; rows outside the plane repeat its own.
void store_strip(const Plane& plane, int first, std::uint32_t* out) {
  std::array<const std::uint8_t*, 4> rows;
  for (int k = 0; k < 4; ++k) rows[k] = plane.row(std::clamp(first + k, 0, plane.height - 1));
  const auto column = [&rows](int c) {
    return static_cast<std::uint32_t>(rows[0][c] | rows[1][c] << 8 | rows[2][c] << 16) |
           static_cast<std::uint32_t>(rows[3][c]) << 24;
  };
  out = std::fill_n(out, MipLevel::kBorder, column(0));
  for (int c = 0; c < plane.width; ++c) *out++ = column(c);
  std::fill_n(out, MipLevel::kBorder, column(plane.width - 1));
}

}  // namespace

Ground::Ground(std::span<const double> centre, std::span<const double> inner,
               std::span<const double> outer, bool is_loop, const Look& look)
    : look_(look) {
  const Polyline middle = polyline_of(centre);
  const Polyline borders[2] = {polyline_of(inner), polyline_of(outer)};
  choose_extent(inner, outer);
  const Grain grain;
  Canvas canvas(field_, static_cast<double>(texel_), width_, height_);
  canvas.fill(look.field, grain);
  canvas.add_band(borders[0], borders[1]);
  canvas.blend(look.road, grain);
  if (look.start_length > 0.0F) {
    add_start_line(middle, borders, look, canvas);
    canvas.blend(look.line, grain);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    const Polyline &border = borders[i], &across = borders[1 - i];
    canvas.add_band(offset_towards(border, across, is_loop, look.line_outer),
                    offset_towards(border, across, is_loop, look.line_inner));
  }
  canvas.blend(look.line, grain);
  add_dashes(middle, look, canvas);
  canvas.blend(look.dash, grain);
  store_levels(canvas.take_plane());
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
  width_ = std::max(kLeastSize, static_cast<int>(size_x / texel) + 1);
  height_ = std::max(kLeastSize, static_cast<int>(size_y / texel) + 1);
}

// Levels of odd number come from the first one, half an octave coarser than level 0.
void Ground::store_levels(Plane plane) {
  std::vector<Plane> planes;
  planes.push_back(std::move(plane));
  planes.push_back(shrink(planes[0], std::sqrt(2.0)));
  while (planes.size() < kLevels) planes.push_back(shrink(planes[planes.size() - 2], 2.0));
  constexpr int kBorder = MipLevel::kBorder;
  static_assert(kBorder == 4, "one strip");
  const auto pitch = [](const Plane& level) { return level.width + 2 * kBorder; };
  const auto strips = [](const Plane& level) { return (level.height + 2 * kBorder + 3) / 4; };
  std::size_t columns = 0;
  for (const Plane& level : planes)
    columns += static_cast<std::size_t>(strips(level)) * static_cast<std::size_t>(pitch(level));
  columns_.resize(columns);
  std::uint32_t* start = columns_.data();
  for (std::size_t i = 0; i < planes.size(); ++i) {
    const Plane& level = planes[i];
    const auto scale = static_cast<float>(std::exp2(static_cast<double>(i) / kLevelsPerOctave));
    levels_[i] = {start, pitch(level), level.width - 1 + kBorder, level.height - 1 + kBorder,
                  1.0F / (texel_ * scale)};
    for (int strip = 0; strip < strips(level); ++strip) {
      store_strip(level, 4 * strip - kBorder, start);
      start += pitch(level);
    }
  }
}

}  // namespace deepracer_fast
