// Projects, clips and fills the faces of objects: see object_view.h.
#include "rendering/object_view.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "rendering/blocks.h"

namespace deepracer_fast {
namespace {

constexpr float kNear = 0.02F;     // m, the near plane of the original's camera
constexpr int kLinesPerRow = 4;    // of the original's 480 lines
constexpr int kMaxFacePoints = 5;  // four corners, one more where the near plane cuts one off
constexpr int kMaxFaces = 3;       // of a block that can be seen at once
constexpr int kMaxEdges = 2 * kMaxFaces;

struct Vec3 {
  float x, y, z;
};

// Light of the world files: ambient 0.5, a sun from direction (0.5, -0.1, 0.9) and a lamp 15 m
// above the world's origin. How bright sun and lamp are is what the frames say of the ground: 1.27
// times its texture below the lamp, of which the lamp gives 0.47 parts to the others' 1 (look.h).
constexpr float kAmbient = 0.5F;
constexpr float kSun = 0.42F;
constexpr float kLamp = 0.406F;
constexpr Vec3 kToSun = {0.4834F, -0.0967F, 0.8701F};
constexpr float kLampHeight = 15.0F;  // m

// A point of the picture, in pixels from its top left corner.
struct PicturePoint {
  float column, row;
};

struct Face {
  int count = 0;
  std::array<PicturePoint, kMaxFacePoints> points;
  float grey = 0.0F;

  std::span<const PicturePoint> corners() const { return std::span(points).first(count); }
};

// The camera over the world.
struct Lens {
  Vec2 position;  // m
  Vec2 along;     // unit vector
  float height;   // m
};

// Where a line meets a face: columns from left to right, or nothing if left > right.
struct Stretch {
  float left, right;
};

class ObjectPainter {
 public:
  ObjectPainter(const Camera& camera, const Lens& lens, const Tone* tone, std::uint8_t* picture,
                Channel channel)
      : channel_(channel),
        lens_(lens),
        tone_(tone),
        picture_(picture),
        width_(camera.params().width),
        height_(camera.params().height),
        focal_(camera.focal()),
        sine_(camera.sine()),
        cosine_(camera.cosine()) {}

  // An object's first block is its body. The others, a car's wheels, stand partly inside it: they
  // are drawn before it, the farthest first, and then once more what sticks out of its sides.
  void draw(const Object& object) {
    const Block& body = blocks(object.kind).front();
    const std::span<const Block> rest = blocks(object.kind).subspan(1);
    std::array<std::pair<float, const Block*>, 8> order;
    std::size_t count = 0;
    for (const Block& block : rest) {
      const Vec2 centre = offset(object.position, object.along, 0.5F * (block.rear + block.front),
                                 0.5F * (block.right + block.left));
      const Vec2 gap = centre - lens_.position;
      order[count++] = {-dot(gap, gap), &block};
    }
    std::sort(order.begin(), order.begin() + count);
    for (std::size_t i = 0; i < count; ++i) draw_block(object, *order[i].second);
    draw_block(object, body);
    for (std::size_t i = 0; i < count; ++i) draw_block(object, *order[i].second, &body);
  }

 private:
  // The faces that look towards the lens, or of a block that stands partly inside a body those that
  // do so from beside that; the ground hides the bottom.
  void draw_block(const Object& object, const Block& b, const Block* body = nullptr) {
    const Vec3 eye = eye_of(object);
    const bool is_whole = body == nullptr;
    num_faces_ = 0;
    if (is_whole && eye.x > b.front)
      add_wall(object, b, {b.front, b.right}, {b.front, b.left}, {1.0F, 0.0F});
    if (is_whole && eye.x < b.rear)
      add_wall(object, b, {b.rear, b.right}, {b.rear, b.left}, {-1.0F, 0.0F});
    if (eye.y > b.left && (is_whole || b.left > body->left))
      add_wall(object, b, {b.rear, b.left}, {b.front, b.left}, {0.0F, 1.0F});
    if (eye.y < b.right && (is_whole || b.right < body->right))
      add_wall(object, b, {b.rear, b.right}, {b.front, b.right}, {0.0F, -1.0F});
    if (is_whole && eye.z > b.top)
      add_face(object,
               {{{b.rear, b.right, b.top},
                 {b.front, b.right, b.top},
                 {b.front, b.left, b.top},
                 {b.rear, b.left, b.top}}},
               {0.0F, 0.0F, 1.0F}, shade_of(b));
    if (num_faces_ > 0) fill();
  }

  // The lens in the object's frame.
  Vec3 eye_of(const Object& object) const {
    const Vec2 gap = lens_.position - object.position;
    return {dot(gap, object.along), cross(object.along, gap), lens_.height};
  }

  // The upright face of a block over a line of its foot.
  void add_wall(const Object& object, const Block& b, Vec2 from, Vec2 to, Vec2 normal) {
    add_face(object,
             {{{from.x, from.y, b.bottom},
               {to.x, to.y, b.bottom},
               {to.x, to.y, b.top},
               {from.x, from.y, b.top}}},
             {normal.x, normal.y, 0.0F}, shade_of(b));
  }

  // A point of the object's frame as the camera has it: x right, y down, z along its axis.
  Vec3 to_camera(const Object& object, Vec3 point) const {
    const Vec2 gap = offset(object.position, object.along, point.x, point.y) - lens_.position;
    const float ahead = dot(gap, lens_.along);
    const float down = lens_.height - point.z;
    return {-cross(lens_.along, gap), down * cosine_ - ahead * sine_,
            ahead * cosine_ + down * sine_};
  }

  // Clips a face at the near plane and projects it, if anything is left in the picture.
  void add_face(const Object& object, const std::array<Vec3, 4>& corners, Vec3 normal, float grey) {
    std::array<Vec3, 4> p;
    for (std::size_t i = 0; i < 4; ++i) p[i] = to_camera(object, corners[i]);
    Face& face = faces_[num_faces_];
    face.count = 0;
    const auto project = [&](Vec3 q) {
      const float scale = focal_ / q.z;
      face.points[face.count++] = {0.5F * static_cast<float>(width_) + scale * q.x,
                                   0.5F * static_cast<float>(height_) + scale * q.y};
    };
    for (std::size_t i = 0; i < 4; ++i) {
      const Vec3 a = p[i];
      const Vec3 b = p[(i + 1) % 4];
      if (a.z >= kNear) project(a);
      if ((a.z >= kNear) != (b.z >= kNear)) {
        const float t = (kNear - a.z) / (b.z - a.z);
        project({a.x + t * (b.x - a.x), a.y + t * (b.y - a.y), kNear});
      }
    }
    if (face.count < 3) return;
    face.grey = lit_grey(object, normal, grey);
    ++num_faces_;
  }

  float lit_grey(const Object& object, Vec3 normal, float grey) const {
    const Vec2 n = offset({}, object.along, normal.x, normal.y);
    const float to_sun = n.x * kToSun.x + n.y * kToSun.y + normal.z * kToSun.z;
    const float away2 = dot(object.position, object.position) + kLampHeight * kLampHeight;
    const float to_lamp = (normal.z * kLampHeight - dot(n, object.position)) / std::sqrt(away2);
    const float light = kAmbient + kSun * std::max(to_sun, 0.0F) +
                        kLamp * (kLampHeight * kLampHeight / away2) * std::max(to_lamp, 0.0F);
    const float lit = std::min(grey * light, 255.0F);
    return tone_ == nullptr ? lit : tone_->ground[lit];
  }

  void fill() {
    float top = 1e9F, bottom = -1e9F;
    for (const Face& face : faces())
      for (const PicturePoint& point : face.corners()) {
        top = std::min(top, point.row);
        bottom = std::max(bottom, point.row);
      }
    const auto limit = static_cast<float>(height_);
    const int first = static_cast<int>(std::clamp(top - 1.5F, 0.0F, limit));
    const int end = static_cast<int>(std::clamp(bottom + 1.5F, 0.0F, limit));
    for (int row = first; row < end; ++row) fill_row(row);
  }

  // A row is the triangle-weighted mean of the original's lines within one pixel of its middle.
  // Where all edges run through it and are steep, the line through its middle stands for all of
  // them: that is off by at most slope^2 / 12 of the contrast.
  void fill_row(int row) {
    num_edges_ = 0;
    first_column_ = width_ + 8;
    last_column_ = -1;
    covered_ = lit_ = 0.0F;
    const float middle = static_cast<float>(row) + 0.5F;
    if (std::ranges::all_of(faces(), [&](const Face& face) { return is_plain_at(face, middle); })) {
      for (const Face& face : faces()) add_line(face, middle, 1.0F);
      return blend_stretches(row);
    }
    for (int i = -kLinesPerRow; i < kLinesPerRow; ++i) {
      const float gap = (static_cast<float>(i) + 0.5F) / kLinesPerRow;  // rows
      const float weight = (1.0F - std::abs(gap)) / kLinesPerRow;
      for (const Face& face : faces()) add_line(face, middle + gap, weight);
    }
    blend_columns(row, first_column_, last_column_ + 1);
  }

  // Whether every line within one row of `middle` meets the same two steep edges of a face, or
  // none.
  static bool is_plain_at(const Face& face, float middle) {
    constexpr float kSteep = 0.3F;  // columns per row, at most
    PicturePoint a = face.corners().back();
    for (const PicturePoint b : face.corners()) {
      if (std::abs(b.row - middle) < 1.0F) return false;
      if ((a.row <= middle) != (b.row <= middle) &&
          std::abs(b.column - a.column) > kSteep * std::abs(b.row - a.row))
        return false;
      a = b;
    }
    return true;
  }

  void add_line(const Face& face, float line, float weight) {
    Stretch stretch = {1e9F, -1e9F};
    PicturePoint a = face.corners().back();
    for (const PicturePoint b : face.corners()) {
      if ((a.row <= line) != (b.row <= line)) {
        const float column = a.column + (line - a.row) / (b.row - a.row) * (b.column - a.column);
        stretch = {std::min(stretch.left, column), std::max(stretch.right, column)};
      }
      a = b;
    }
    const auto limit = static_cast<float>(width_ + 1);
    if (stretch.left >= stretch.right || stretch.left > limit || stretch.right < -1.0F) return;
    add_edge(std::max(stretch.left, -1.0F), weight, face.grey);
    add_edge(std::min(stretch.right, limit), -weight, face.grey);
  }

  // From this column on, a line counts with `weight`: the integral of the triangle, whose three
  // steps fall on the two pixels around the edge and the one after them.
  void add_edge(float column, float weight, float grey) {
    const float shifted = column + 1.5F;  // index of the pixel whose middle lies at or before it
    const int index = static_cast<int>(shifted);
    const float beyond = shifted - static_cast<float>(index);  // pixels
    const float first = 0.5F * weight * (1.0F - beyond) * (1.0F - beyond);
    const float last = 0.5F * weight * beyond * beyond;
    const float middle = weight - first - last;
    const std::array<float, 3> steps = {first, middle, last};
    for (int i = 0; i < 3; ++i) {
      coverage_[index + i] += steps[i];
      light_[index + i] += grey * steps[i];
    }
    if (num_edges_ < kMaxEdges) edges_[num_edges_++] = index;
    first_column_ = std::min(first_column_, index);
    last_column_ = std::max(last_column_, index + 2);
  }

  // Lays a plain row over the picture: blended at its edges, constant between them.
  void blend_stretches(int row) {
    std::sort(edges_.begin(), edges_.begin() + num_edges_);
    std::uint8_t* line = picture_ + row * width_;
    int done = 0;  // steps before this index are laid
    for (int k = 0; k < num_edges_; ++k) {
      const int index = edges_[k];
      const int begin = std::clamp(done - 2, 0, width_);
      const int end = std::clamp(index - 2, begin, width_);
      if (k > 0 && covered_ > 0.999F)
        std::fill(line + begin, line + end, static_cast<std::uint8_t>(lit_ + 0.5F));
      blend_columns(row, std::max(index, done), index + 3);
      done = index + 3;
    }
  }

  // Lays steps [first, end) over the picture, on top of what is covered before, and clears them.
  void blend_columns(int row, int first, int end) {
    std::uint8_t* line = picture_ + row * width_;
    for (int i = first; i < end; ++i) {
      covered_ += coverage_[i];
      lit_ += light_[i];
      coverage_[i] = light_[i] = 0.0F;
      const int column = i - 2;
      if (column < 0 || column >= width_) continue;
      const float mixed = static_cast<float>(line[column]) * (1.0F - covered_) + lit_;
      line[column] = static_cast<std::uint8_t>(std::clamp(mixed + 0.5F, 0.0F, 255.0F));
    }
  }

  float shade_of(const Block& block) const {
    return block.shades[static_cast<std::size_t>(channel_)];
  }
  std::span<const Face> faces() const { return std::span(faces_).first(num_faces_); }

  const Channel channel_;
  const Lens lens_;
  const Tone* tone_;
  std::uint8_t* picture_;
  int width_, height_;
  float focal_, sine_, cosine_;
  int num_faces_ = 0;
  std::array<Face, kMaxFaces> faces_;
  // Steps of the coverage and of the grey times coverage along a row; index 2 is column 0.
  std::array<float, CameraParams::kMaxWidth + 8> coverage_{};
  std::array<float, CameraParams::kMaxWidth + 8> light_{};
  int first_column_ = 0, last_column_ = -1;  // indices with steps
  std::array<int, kMaxEdges> edges_{};       // where the steps of a plain row begin
  int num_edges_ = 0;
  float covered_ = 0.0F, lit_ = 0.0F;  // sums of the steps so far
};

}  // namespace

void draw_objects(const Camera& camera, Vec2 position, float heading,
                  std::span<const Object> objects, float age, const Tone* tone, std::uint8_t* out,
                  Channel channel) {
  const CameraParams& params = camera.params();
  const Vec2 along = direction(heading);
  const Lens lens = {offset(position, along, static_cast<float>(params.x), 0.0F), along,
                     static_cast<float>(params.z)};
  // Tangent from the middle of the picture to beyond where an edge may touch its last column.
  const float widest = (0.5F * static_cast<float>(params.width) + 2.0F) / camera.focal();
  std::array<std::pair<float, int>, kMostDrawn> order;
  int count = 0;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const Vec2 gap = objects[i].position - lens.position;
    constexpr float kRadius = 0.3F;  // m, more than any object's, and more than their height
    if (dot(gap, along) < -kRadius) continue;
    const float depth = (dot(gap, along) + kRadius) * camera.cosine() +
                        (lens.height + kRadius) * std::abs(camera.sine());
    if (std::abs(cross(along, gap)) - kRadius > widest * depth) continue;
    order[count++] = {-dot(gap, gap), static_cast<int>(i)};
  }
  if (count == 0) return;
  std::sort(order.begin(), order.begin() + count);
  ObjectPainter painter(camera, lens, tone, out, channel);
  for (int i = 0; i < count; ++i) {
    Object object = objects[order[i].second];
    object.position = position_before(object, age);
    painter.draw(object);
  }
}

}  // namespace deepracer_fast
