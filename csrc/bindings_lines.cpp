// The part of the Python module that looks at lines in float64, before a track is built of them.
#include <string>

#include "bindings.h"
#include "line_tree.h"

namespace df = deepracer_fast;

namespace {

df::LineTree tree_of(const DoubleArray& line, const char* name) {
  if (line.ndim() != 2 || line.shape(0) < 2 || line.shape(1) != 2)
    throw py::value_error(std::string(name) + " must have shape [N, 2], N >= 2");
  return df::LineTree(view(line));
}

// The line's points [P, 2] that are nearest to points [P, 2], and the segments [P] they lie on.
py::tuple nearest_on_line(const DoubleArray& points, const DoubleArray& line) {
  if (points.ndim() != 2 || points.shape(1) != 2)
    throw py::value_error("points must have shape [P, 2]");
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
      [](const DoubleArray& line, const DoubleArray& other, std::size_t most) {
        return pairs(tree_of(line, "line").crossings(tree_of(other, "other"), most));
      },
      py::arg("line"), py::arg("other"), py::arg("most"));
  m.def(
      "self_crossings",
      [](const DoubleArray& line, std::size_t most) {
        const df::LineTree tree = tree_of(line, "line");
        return pairs(tree.crossings(tree, most));
      },
      py::arg("line"), py::arg("most"));
}
