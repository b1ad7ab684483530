// The part of the Python module that belongs to tracks and to cameras on their own.
#include <cmath>

#include "bindings/bindings.h"
#include "rendering/camera.h"
#include "rendering/ground.h"
#include "rendering/object_view.h"
#include "tracks/track.h"

namespace {

constexpr py::ssize_t kMostPoints = 32'767;  // the edges of both borders are numbered with 16 bits
constexpr double kMostExtent = 10e3;  // m from the first point: cells and texels grow with it
constexpr double kClosed = 1e-3;      // m between the ends of a loop
constexpr py::ssize_t kMostPictures = 65'536;  // at a time

// A route whose numbers may be relied on.
struct Lines {
  py::array_t<double> center, inner, outer;
  bool is_loop;
};

double gap(const py::array_t<double>& points, py::ssize_t i, py::ssize_t k) {
  const auto at = points.unchecked<2>();
  return std::hypot(at(k, 0) - at(i, 0), at(k, 1) - at(i, 1));
}

void check_extent(const Lines& lines) {
  const auto first = lines.center.unchecked<2>();
  for (const auto* line : {&lines.center, &lines.inner, &lines.outer}) {
    const auto at = line->unchecked<2>();
    for (py::ssize_t i = 0; i < at.shape(0); ++i)
      if (std::hypot(at(i, 0) - first(0, 0), at(i, 1) - first(0, 1)) > kMostExtent)
        throw py::value_error(
            "every point of a track must lie within 10000 m of its first one, "
            "point " +
            std::to_string(i) + " does not");
  }
}

void check_length(const Lines& lines) {
  const py::ssize_t last = lines.center.shape(0) - 1;
  double length = 0.0;
  for (py::ssize_t i = 0; i < last; ++i) length += gap(lines.center, i, i + 1);
  if (length < kClosed) throw py::value_error("center must have a length, all its points are one");
  if (lines.is_loop && gap(lines.center, 0, last) > kClosed)
    throw py::value_error("a loop must repeat its first point at the end, its ends are " +
                          std::to_string(gap(lines.center, 0, last)) + " m apart");
}

// The borders have as many points as each other, and as the centre line or any number of them.
Lines lines_of(const py::object& center, const py::object& inner, const py::object& outer,
               const py::object& is_loop, bool any_number) {
  Lines lines;
  const check::Extent any('N', 2, kMostPoints);
  lines.center = check::numbers<double>(center, "center", {any, 2}, check::kPlaces);
  const check::Extent rows = any_number ? any : check::Extent(lines.center.shape(0));
  lines.inner = check::numbers<double>(inner, "inner", {rows, 2}, check::kPlaces);
  lines.outer = check::numbers<double>(outer, "outer", {lines.inner.shape(0), 2}, check::kPlaces);
  lines.is_loop = check::flag(is_loop, "is_loop");
  check_extent(lines);
  check_length(lines);
  return lines;
}

std::vector<df::Vec2> to_vec2(const py::array_t<double>& xy) {
  std::vector<df::Vec2> result(static_cast<std::size_t>(xy.shape(0)));
  for (std::size_t i = 0; i < result.size(); ++i)
    result[i] = {static_cast<float>(xy.data()[2 * i]), static_cast<float>(xy.data()[2 * i + 1])};
  return result;
}

std::shared_ptr<df::Track> make_track(const py::object& center, const py::object& inner,
                                      const py::object& outer, const py::object& is_loop,
                                      const py::object& rows_stand_opposite) {
  const Lines lines = lines_of(center, inner, outer, is_loop, false);
  const bool opposite = check::flag(rows_stand_opposite, "rows_stand_opposite");
  const auto middle = to_vec2(lines.center), left = to_vec2(lines.inner),
             right = to_vec2(lines.outer);
  const py::gil_scoped_release unlocked;
  return std::make_shared<df::Track>(middle, left, right, lines.is_loop, opposite);
}

std::shared_ptr<df::Ground> make_ground(const py::object& center, const py::object& inner,
                                        const py::object& outer, const py::object& is_loop,
                                        const py::object& look, const py::object& channel,
                                        const py::object& grain) {
  const Lines lines = lines_of(center, inner, outer, is_loop, true);
  df::Look colours =
      df::look_by_name(check::text(look, "look"), check::choice<df::Channel>(channel, "channel"));
  if (!check::flag(grain, "grain")) colours = df::without_grain(colours);
  const auto middle = view(lines.center), left = view(lines.inner), right = view(lines.outer);
  const py::gil_scoped_release unlocked;
  return std::make_shared<df::Ground>(middle, left, right, lines.is_loop, colours);
}

void bind_track(py::module_& m) {
  py::class_<df::Track, std::shared_ptr<df::Track>>(m, "Track")
      .def(py::init(&make_track), py::arg("center"), py::arg("inner"), py::arg("outer"),
           py::arg("is_loop"), py::arg("rows_stand_opposite") = true)
      .def_property_readonly(
          "length", [](const py::object& self) { return check::self<df::Track>(self).length(); })
      .def_property_readonly(
          "bytes", [](const py::object& self) { return check::self<df::Track>(self).bytes(); });
  // Throws as Track does, and builds nothing.
  m.def(
      "check_track",
      [](const py::object& center, const py::object& inner, const py::object& outer,
         const py::object& is_loop) { lines_of(center, inner, outer, is_loop, false); },
      py::arg("center"), py::arg("inner"), py::arg("outer"), py::arg("is_loop"));
}

void bind_ground(py::module_& m) {
  py::class_<df::Ground, std::shared_ptr<df::Ground>>(m, "Ground")
      .def(py::init(&make_ground), py::arg("center"), py::arg("inner"), py::arg("outer"),
           py::arg("is_loop"), py::arg("look"), py::arg("channel") = df::Channel::kGrey,
           py::arg("grain") = true)
      // Where the walls stand: min x, min y, max x, max y, metres.
      .def_property_readonly("field",
                             [](const py::object& self) {
                               const df::Rectangle& r = check::self<df::Ground>(self).field();
                               return py::make_tuple(r.min_x, r.min_y, r.max_x, r.max_y);
                             })
      .def_property_readonly(
          "texel", [](const py::object& self) { return check::self<df::Ground>(self).texel(); })
      .def_property_readonly(
          "bytes", [](const py::object& self) { return check::self<df::Ground>(self).bytes(); });
}

py::object seen(float number) { return py::float_(number); }
py::object seen(const df::Surface& s) { return py::make_tuple(s.grey, s.sigma); }
py::object seen(const std::array<df::WallShade, 4>& walls) {
  py::list result;
  for (const df::WallShade& wall : walls) result.append(py::make_tuple(wall.foot, wall.gain));
  return result;
}

// The table of a track family's looks, for painters other than Ground; lengths in metres, greys
// 0..255; a surface is (grey, sigma of its grain), a wall (grey at the foot, gain per metre).
py::dict look(const py::object& name) {
  const df::Look look = df::look_by_name(check::text(name, "look"));
  py::dict result;
  df::for_each_row(df::Look::fields(),
                   [&](const auto& field) { result[field.name] = seen(look.*field.member); });
  return result;
}

py::array_t<std::uint8_t> render(const py::object& self, const py::object& ground,
                                 const py::object& x, const py::object& y,
                                 const py::object& heading, const py::object& path) {
  const auto& camera = check::self<df::Camera>(self);
  const auto& place = check::object<df::Ground>(ground, "ground");
  const auto xs = check::numbers<float>(x, "x", {{'n', 0, kMostPictures}}, check::kPlaces);
  const py::ssize_t count = xs.size();
  const auto ys = check::numbers<float>(y, "y", {count}, check::kPlaces);
  const auto headings = check::numbers<float>(heading, "heading", {count}, check::kAngles);
  const df::InstructionSet chosen = df::instruction_set_by_name(check::text(path, "path"));
  const py::ssize_t height = camera.params().height, width = camera.params().width;
  py::array_t<std::uint8_t> out({count, height, width});
  for (py::ssize_t i = 0; i < count; ++i)
    camera.render(place, xs.data()[i], ys.data()[i], headings.data()[i],
                  out.mutable_data() + i * height * width, nullptr, chosen);
  return out;
}

// Draws objects over one of a camera's pictures: poses [K, 3] are x, y (m) and heading (rad),
// is_car [K] says what they look like. The camera is that of a car [3] at x, y and heading.
void draw_objects(const py::object& self, const py::object& picture, const py::object& car,
                  const py::object& poses, const py::object& is_car, const py::object& channel) {
  const auto& camera = check::self<df::Camera>(self);
  const df::CameraParams& params = camera.params();
  std::uint8_t* pixels = check::picture(picture, "picture", params.height, params.width);
  const auto lens = check::numbers<float>(car, "car", {3}, check::kPlaces);
  const auto places =
      check::numbers<float>(poses, "poses", {{'K', 0, df::kMostDrawn}, 3}, check::kPlaces);
  const auto kinds = check::indices(is_car, "is_car", 2);
  const auto count = static_cast<std::size_t>(places.shape(0));
  if (kinds.size() != count)
    throw py::value_error("is_car must have shape (" + std::to_string(count) + ",), got (" +
                          std::to_string(kinds.size()) + ",)");
  std::vector<df::Object> objects;
  for (std::size_t i = 0; i < count; ++i) {
    const float* pose = places.data() + 3 * i;
    objects.push_back({{pose[0], pose[1]},
                       df::direction(df::wrap_angle(pose[2])),
                       0.0F,
                       kinds[i] != 0 ? df::ObjectKind::kCar : df::ObjectKind::kBox});
  }
  const float* at = lens.data();
  df::draw_objects(camera, {at[0], at[1]}, at[2], objects, 0.0F, nullptr, pixels,
                   check::choice<df::Channel>(channel, "channel"));
}

void bind_camera(py::module_& m) {
  py::class_<df::Camera>(m, "Camera")
      .def(py::init([](const py::object& params) {
             return df::Camera(check::object<df::CameraParams>(params, "params"));
           }),
           py::arg("params") = df::CameraParams{})
      .def("render", &render, py::arg("ground"), py::arg("x"), py::arg("y"), py::arg("heading"),
           py::arg("path") = "")
      .def("draw_objects", &draw_objects, py::arg("picture"), py::arg("car"), py::arg("poses"),
           py::arg("is_car"), py::arg("channel") = df::Channel::kGrey);
}

}  // namespace

void bind_world(py::module_& m) {
  py::native_enum<df::Channel>(m, "Channel", "enum.IntEnum")
      .value("GREY", df::Channel::kGrey)
      .value("RED", df::Channel::kRed)
      .value("GREEN", df::Channel::kGreen)
      .value("BLUE", df::Channel::kBlue)
      .finalize();
  m.def("look", &look, py::arg("name"));
  bind_track(m);
  bind_ground(m);
  bind_camera(m);
}
