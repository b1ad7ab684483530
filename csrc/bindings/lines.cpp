// The part of the Python module that looks at lines in float64, before a track is built of them.
#include <string>

#include "bindings/bindings.h"
#include "tracks/line_tree.h"

namespace {

constexpr df::Range kWorld = {-1e9, 1e9};  // m

df::LineTree tree_of(const py::object& line, const char* name) {
  return df::LineTree(view(check::numbers<double>(line, name, {{'N', 2}, 2}, kWorld)));
}

std::size_t at_most(const py::object& most) {
  return static_cast<std::size_t>(check::integer(most, "most", 0, 1 << 26));
}

// The line's points [P, 2] that are nearest to points [P, 2], and the segments [P] they lie on.
py::tuple nearest_on_line(const py::object& places, const py::object& line) {
  const auto points = check::numbers<double>(places, "points", {{'P'}, 2}, kWorld);
  const df::LineTree tree = tree_of(line, "line");
  py::array_t<double> feet({points.shape(0), py::ssize_t{2}});
  py::array_t<std::int64_t> segments(points.shape(0));
  const double* p = points.data();
  double* foot = feet.mutable_data();
  std::int64_t* segment = segments.mutable_data();
  const py::ssize_t count = points.shape(0);
  {
    py::gil_scoped_release unlocked;
    for (py::ssize_t i = 0; i < count; ++i) {
      const df::LineTree::Nearest found = tree.nearest({p[2 * i], p[2 * i + 1]});
      foot[2 * i] = found.point.x;
      foot[2 * i + 1] = found.point.y;
      segment[i] = static_cast<std::int64_t>(found.segment);
    }
  }
  return py::make_tuple(feet, segments);
}

py::array_t<std::int32_t> pairs(const std::vector<df::LineTree::Crossing>& crossings) {
  py::array_t<std::int32_t> result({static_cast<py::ssize_t>(crossings.size()), py::ssize_t{2}});
  std::int32_t* out = result.mutable_data();
  for (const auto& each : crossings) {
    *out++ = each.first;
    *out++ = each.second;
  }
  return result;
}

}  // namespace

void bind_lines(py::module_& m) {
  m.def("nearest_on_line", &nearest_on_line, py::arg("points"), py::arg("line"));
  // Pairs [K, 2] of segments that cross, `most` at most; of a line with itself the lower first.
  m.def(
      "line_crossings",
      [](const py::object& line, const py::object& other, const py::object& most) {
        return pairs(tree_of(line, "line").crossings(tree_of(other, "other"), at_most(most)));
      },
      py::arg("line"), py::arg("other"), py::arg("most"));
  m.def(
      "self_crossings",
      [](const py::object& line, const py::object& most) {
        const df::LineTree tree = tree_of(line, "line");
        return pairs(tree.crossings(tree, at_most(most)));
      },
      py::arg("line"), py::arg("most"));
}
