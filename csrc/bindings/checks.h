// What the functions of the Python module ask of their arguments before they trust them.
//
// Arguments come in as plain Python objects, since pybind11's own conversions wrap car numbers, cut
// fractions off, take None for a null pointer, and answer a wrong type in many lines. A check hands
// back what was asked for, or throws ValueError or TypeError (OverflowError never) with one line:
// what, the rule, what was found. Neighbours: every other file of this folder.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "base/fields.h"

namespace deepracer_fast::check {

namespace py = pybind11;

inline constexpr Range kPlaces = {-1e7, 1e7};  // m; whose fourth powers float32 still holds
inline constexpr Range kAngles = {-1e4, 1e4};  // rad, for which geometry.h's `direction` is made

// One dimension of an array: a number, or a letter for any within bounds.
struct Extent {
  py::ssize_t least;
  py::ssize_t most;
  char letter;

  template <std::integral Size>
  Extent(Size size) : least(static_cast<py::ssize_t>(size)), most(least), letter(0) {}  // NOLINT
  Extent(char any, py::ssize_t low = 0, py::ssize_t high = 1 << 26)                     // NOLINT
      : least(low), most(high), letter(any) {}
};
using Shape = std::initializer_list<Extent>;

// What was found, in a few words of one line.
std::string found(py::handle value);

bool flag(py::handle value, const char* name);
double number(py::handle value, const char* name, Range range);
std::int64_t integer(py::handle value, const char* name, std::int64_t low, std::int64_t high);
std::uint64_t seed(py::handle value, const char* name);
std::string text(py::handle value, const char* name);
// Of a list or tuple.
std::vector<double> numbers_of_list(py::handle value, const char* name, Range range,
                                    std::size_t most);

// An array of real numbers, within `range` each: the given one where its layout is right, or else a
// copy. T is float or double.
template <typename T>
py::array_t<T> numbers(py::handle value, const char* name, Shape shape, Range range);
// Whole numbers [N] in [0, count).
std::vector<std::int32_t> indices(py::handle value, const char* name, py::ssize_t count);
// The same of cars, each of them once.
std::vector<std::int32_t> cars(py::handle value, int num_cars);
// A picture [height, width] that may be written to, as it is.
std::uint8_t* picture(py::handle value, const char* name, py::ssize_t height, py::ssize_t width);

// Throws TypeError unless `value` is a T whose __init__ has run.
void instance(py::handle value, const char* name, const std::type_info& type);

// A `_core` object: None and what was made without its __init__ are refused.
template <typename T>
T& object(py::handle value, const char* name) {
  instance(value, name, typeid(T));
  return value.cast<T&>();
}
template <typename T>
T& self(py::handle value) {
  return object<T>(value, "self");
}
template <typename T>
std::shared_ptr<T> shared(py::handle value, const char* name) {
  instance(value, name, typeid(T));
  return value.cast<std::shared_ptr<T>>();
}

// A member of an enumeration of this module, all of which have one of the value 0.
template <typename Enum>
Enum choice(py::handle value, const char* name) {
  const py::type type = py::type::of(py::cast(Enum{}));
  if (!py::isinstance(value, type))
    throw py::type_error(std::string(name) + " must be a _core." +
                         std::string(py::str(type.attr("__name__"))) + ", got " + found(value));
  return value.cast<Enum>();
}

}  // namespace deepracer_fast::check
