// What the files of the Python module share: array types, views, and its parts.
#pragma once

#include <pybind11/native_enum.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "base/fields.h"
#include "bindings/checks.h"

namespace py = pybind11;
namespace df = deepracer_fast;
namespace check = deepracer_fast::check;

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

// Flags are bytes, and so is a member of an enumeration.
template <typename Number>
using Seen =
    std::conditional_t<std::is_enum_v<Number>, std::uint8_t,
                       std::conditional_t<std::is_same_v<Number, std::uint8_t>, bool, Number>>;

// A read-only view of a column of B cars, of K objects each, that `owner` keeps alive.
template <typename Arrays, typename Number>
py::array column_view(const Arrays& arrays, const df::Column<Arrays, Number>& column,
                      py::ssize_t cars, py::ssize_t objects, const py::object& owner) {
  std::vector<py::ssize_t> shape = {cars};
  if (column.is_of_objects) shape.push_back(objects);
  if (column.width > 1) shape.push_back(column.width);
  const auto* data = (arrays.*column.member).data();
  return shaped_view(reinterpret_cast<const Seen<Number>*>(data), shape, owner);
}

// The rows of a table: name, dtype, shape such as ("B", 2), unit, meaning.
template <typename Table>
py::tuple described(const Table& table) {
  py::list rows;
  df::for_each_row(table,
                   [&]<typename Arrays, typename Number>(const df::Column<Arrays, Number>& column) {
                     py::list shape;
                     shape.append("B");
                     if (column.is_of_objects) shape.append("K");
                     if (column.width > 1) shape.append(column.width);
                     rows.append(py::make_tuple(column.name, py::dtype::of<Seen<Number>>(),
                                                py::tuple(shape), column.unit, column.meaning));
                   });
  return py::tuple(rows);
}

// The parts of the module, each in the file of its name; records come before what takes them.
void bind_lines(py::module_& m);
void bind_records(py::module_& m);
void bind_world(py::module_& m);
void bind_simulator(py::module_& m);
