// What the files of the Python module share: array types, views, and its parts.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <span>
#include <vector>

namespace py = pybind11;

using DoubleArray = py::array_t<double, py::array::c_style | py::array::forcecast>;
using FloatArray = py::array_t<float, py::array::c_style | py::array::forcecast>;
using WordArray = py::array_t<std::uint32_t, py::array::c_style | py::array::forcecast>;
using IntArray = py::array_t<std::int32_t, py::array::c_style | py::array::forcecast>;

template <typename T, int flags>
std::span<const T> view(const py::array_t<T, flags>& array) {
  return {array.data(), static_cast<std::size_t>(array.size())};
}

// A read-only view of memory that `owner` keeps alive.
template <typename T>
py::array shaped_view(const T* data, const std::vector<py::ssize_t>& shape,
                      const py::object& owner) {
  py::array result(py::dtype::of<T>(), shape, data, owner);
  result.attr("setflags")(py::arg("write") = false);
  return result;
}

// A read-only view [rows(, columns)] of a vector that `owner` keeps alive.
template <typename T>
py::array column(const std::vector<T>& data, const py::object& owner, py::ssize_t columns = 1) {
  const auto rows = static_cast<py::ssize_t>(data.size()) / columns;
  const auto shape =
      columns == 1 ? std::vector<py::ssize_t>{rows} : std::vector<py::ssize_t>{rows, columns};
  return shaped_view(data.data(), shape, owner);
}

inline py::array flags(const std::vector<std::uint8_t>& data, const py::object& owner) {
  return column(data, owner).attr("view")("bool");
}

// bindings_lines.cpp: lines as they are before a track is built of them.
void bind_lines(py::module_& m);

// bindings_objects.cpp: rules of the traffic, options of the sensors, and what the simulator tells
// of both. The records come before, the simulator's methods after the class itself.
void bind_object_records(py::module_& m);
void bind_object_methods(py::module_& m);
