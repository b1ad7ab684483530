// What the files of the Python module share: array types, views, and its parts.
#pragma once

#include <pybind11/native_enum.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <span>
#include <vector>

namespace py = pybind11;

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

// The parts of the module, each in the file of its name; records come before what takes them.
void bind_lines(py::module_& m);
void bind_records(py::module_& m);
void bind_world(py::module_& m);
void bind_simulator(py::module_& m);

namespace deepracer_fast {
struct SimulatorOptions;
}
// bindings/records.cpp: throws ValueError unless the options fit together and to a track of that
// length (m), MemoryError if this machine has no room for so many cars.
void check_options(const deepracer_fast::SimulatorOptions& options, double track_length);
