// Looks at arguments: see bindings/checks.h.
#include "bindings/checks.h"

#include <algorithm>
#include <cstdio>

namespace deepracer_fast::check {
namespace {

using py::detail::npy_api;

[[noreturn]] void wrong_type(const char* name, const std::string& rule, py::handle value) {
  throw py::type_error(std::string(name) + " must be " + rule + ", got " + found(value));
}

[[noreturn]] void wrong_value(const char* name, const std::string& rule, const std::string& got) {
  throw py::value_error(std::string(name) + " must " + rule + ", got " + got);
}

std::string in_words(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.7g", value);
  return text;
}

std::string in_words(Range range) {
  if (range.low == kFinite.low && range.high == kFinite.high) return "be finite";
  return "lie in [" + in_words(range.low) + ", " + in_words(range.high) + "]";
}

// "(4096, 2)", as NumPy writes it.
template <typename Sizes, typename Word>
std::string in_brackets(const Sizes& sizes, const Word& word) {
  std::string text = "(";
  for (std::size_t i = 0; i < sizes.size(); ++i)
    text += (i > 0 ? ", " : "") + word(*(sizes.begin() + i));
  return text + (sizes.size() == 1 ? ",)" : ")");
}

// "(N, 2) with N from 2 to 100"
std::string in_words(Shape shape) {
  std::string text = in_brackets(shape, [](Extent extent) {
    return extent.letter != 0 ? std::string(1, extent.letter) : std::to_string(extent.least);
  });
  const char* between = " with ";
  for (const Extent& extent : shape) {
    if (extent.letter == 0 || (extent.least == 0 && extent.most == Extent('N').most)) continue;
    text += between + std::string(1, extent.letter) + " from " + std::to_string(extent.least) +
            " to " + std::to_string(extent.most);
    between = " and ";
  }
  return text;
}

std::string shape_of(const py::array& array) {
  const std::vector<py::ssize_t> sizes(array.shape(), array.shape() + array.ndim());
  return in_brackets(sizes, [](py::ssize_t size) { return std::to_string(size); });
}

bool is_bool(py::handle value) {
  if (PyBool_Check(value.ptr())) return true;
  const std::string type = Py_TYPE(value.ptr())->tp_name;  // bool_ until NumPy 2
  return type == "numpy.bool" || type == "numpy.bool_";
}

// Text that Python makes of an object, or nothing where it cannot.
std::string attempted(PyObject* text) {
  const auto owner = py::reinterpret_steal<py::object>(text);
  const char* words = owner ? PyUnicode_AsUTF8(owner.ptr()) : nullptr;
  if (words == nullptr) PyErr_Clear();
  return words == nullptr ? std::string() : std::string(words);
}

void check_shape(const py::array& array, const char* name, Shape shape) {
  bool same = array.ndim() == static_cast<py::ssize_t>(shape.size());
  for (py::ssize_t i = 0; same && i < array.ndim(); ++i) {
    const Extent extent = *(shape.begin() + i);
    same = array.shape(i) >= extent.least && array.shape(i) <= extent.most;
  }
  if (!same) wrong_value(name, "have shape " + in_words(shape), shape_of(array));
}

// "nan at [2, 1]"
template <typename T>
std::string place_of(const py::array_t<T>& array, py::ssize_t index) {
  std::vector<py::ssize_t> place(static_cast<std::size_t>(array.ndim()));
  py::ssize_t rest = index;
  for (py::ssize_t i = array.ndim(); i-- > 0; rest /= array.shape(i))
    place[i] = rest % array.shape(i);
  std::string text = in_words(static_cast<double>(array.data()[index])) + " at [";
  for (std::size_t i = 0; i < place.size(); ++i)
    text += (i > 0 ? ", " : "") + std::to_string(place[i]);
  return text + "]";
}

template <typename T>
void check_range(const py::array_t<T>& array, const char* name, Range range) {
  const T low = static_cast<T>(range.low), high = static_cast<T>(range.high);
  const auto is_bad = [low, high](T value) { return !(value >= low && value <= high); };
  const T *first = array.data(), *last = first + array.size();
  bool any = false;  // without a way out: this loop becomes vector instructions
  for (const T* value = first; value != last; ++value) any |= is_bad(*value);
  if (any)
    wrong_value(name, in_words(range), place_of(array, std::find_if(first, last, is_bad) - first));
}

// Whether the memory can be read as it is.
template <typename T>
bool is_exact(py::handle value) {
  return py::isinstance<py::array_t<T, py::array::c_style>>(value) &&
         py::detail::check_flags(value.ptr(), npy_api::NPY_ARRAY_ALIGNED_);
}

// Any array, of one of these kinds of dtype ('f', 'i', 'u') or empty.
py::array array_of(py::handle value, const char* name, const char* rule, std::string_view kinds) {
  const py::array array = value.is_none() ? py::array() : py::array::ensure(value);
  if (value.is_none() || !array) wrong_type(name, rule, value);
  const char kind = array.dtype().kind();
  if (kinds.find(kind) == std::string_view::npos && (array.size() > 0 || kind != 'f'))
    throw py::type_error(std::string(name) + " must be " + rule + ", got dtype " +
                         std::string(py::str(array.dtype())));
  return array;
}

template <typename T>
py::array_t<T> converted(const py::array& array, const char* name) {
  auto result = py::array_t<T, py::array::c_style | py::array::forcecast>::ensure(array);
  if (!result) wrong_type(name, "an array of numbers that fit", array);
  return py::reinterpret_borrow<py::array_t<T>>(result);
}

py::array_t<float> narrowed(const py::array_t<double>& wide) {
  py::array_t<float> result(std::vector<py::ssize_t>(wide.shape(), wide.shape() + wide.ndim()));
  std::transform(wide.data(), wide.data() + wide.size(), result.mutable_data(),
                 [](double value) { return static_cast<float>(value); });
  return result;
}

}  // namespace

std::string found(py::handle value) {
  constexpr std::size_t kMost = 60;
  std::string text;
  if (!py::isinstance<py::array>(value)) text = attempted(PyObject_Repr(value.ptr()));
  const std::string type = Py_TYPE(value.ptr())->tp_name;
  if (text.empty()) return "a " + type;
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < 32; }, ' ');
  if (text.size() > kMost) {
    std::size_t end = kMost;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    text = text.substr(0, end) + "...";
  }
  return text;
}

bool flag(py::handle value, const char* name) {
  if (!is_bool(value)) wrong_type(name, "True or False", value);
  return PyObject_IsTrue(value.ptr()) == 1;
}

double number(py::handle value, const char* name, Range range) {
  const bool is_array = py::isinstance<py::array>(value);
  const double result = is_bool(value) || is_array ? -1.0 : PyFloat_AsDouble(value.ptr());
  const bool is_failure = is_bool(value) || is_array || PyErr_Occurred() != nullptr;
  const bool is_huge = is_failure && PyErr_ExceptionMatches(PyExc_OverflowError) != 0;
  PyErr_Clear();
  if (is_failure && !is_huge) wrong_type(name, "a number", value);
  if (is_huge || !(result >= range.low && result <= range.high))
    wrong_value(name, in_words(range), found(value));
  return result;
}

std::int64_t integer(py::handle value, const char* name, std::int64_t low, std::int64_t high) {
  if (is_bool(value) || PyIndex_Check(value.ptr()) == 0) wrong_type(name, "an integer", value);
  const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
  if (!index) {
    PyErr_Clear();
    wrong_type(name, "an integer", value);
  }
  int overflow = 0;
  const long long result = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
  if (overflow != 0 || result < low || result > high)
    wrong_value(name, "lie in [" + std::to_string(low) + ", " + std::to_string(high) + "]",
                found(value));
  return result;
}

std::uint64_t seed(py::handle value, const char* name) {
  if (is_bool(value) || PyIndex_Check(value.ptr()) == 0) wrong_type(name, "an integer", value);
  const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
  const std::uint64_t result = index ? PyLong_AsUnsignedLongLong(index.ptr()) : 0;
  if (PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    wrong_value(name, "lie in [0, 2**64)", found(value));
  }
  return result;
}

std::string text(py::handle value, const char* name) {
  constexpr py::ssize_t kMost = 100;
  py::ssize_t size = 0;
  const char* bytes =
      PyUnicode_Check(value.ptr()) ? PyUnicode_AsUTF8AndSize(value.ptr(), &size) : nullptr;
  PyErr_Clear();
  const auto is_control = [](unsigned char c) { return c < 32; };
  if (bytes == nullptr || size > kMost || std::any_of(bytes, bytes + size, is_control))
    wrong_type(name, "text of one line of up to " + std::to_string(kMost) + " bytes", value);
  return {bytes, static_cast<std::size_t>(size)};
}

std::vector<double> numbers_of_list(py::handle value, const char* name, Range range,
                                    std::size_t most) {
  if (!py::isinstance<py::list>(value) && !py::isinstance<py::tuple>(value))
    wrong_type(name, "a list", value);
  const auto items = py::reinterpret_borrow<py::sequence>(value);
  if (items.size() > most)
    wrong_value(name, "hold at most " + std::to_string(most) + " numbers",
                std::to_string(items.size()));
  std::vector<double> result;
  for (const py::handle item : items) result.push_back(number(item, name, range));
  return result;
}

template <typename T>
py::array_t<T> numbers(py::handle value, const char* name, Shape shape, Range range) {
  if (is_exact<T>(value)) {
    auto array = py::reinterpret_borrow<py::array_t<T>>(value);
    check_shape(array, name, shape);
    check_range(array, name, range);
    return array;
  }
  const std::string rule = "an array of numbers, " + in_words(shape);
  const py::array array = array_of(value, name, rule.c_str(), "fiu");
  check_shape(array, name, shape);
  const auto wide = converted<double>(array, name);
  check_range(wide, name, range);
  if constexpr (std::is_same_v<T, float>)
    return narrowed(wide);
  else
    return wide;
}
template py::array_t<float> numbers(py::handle, const char*, Shape, Range);
template py::array_t<double> numbers(py::handle, const char*, Shape, Range);

std::vector<std::int32_t> indices(py::handle value, const char* name, py::ssize_t count) {
  const py::array array = array_of(value, name, "an array of integers", "iu");
  check_shape(array, name, {'n'});
  // Of unsigned numbers, those that do not fit become negative, which no index is.
  const auto wide = converted<std::int64_t>(array, name);
  std::vector<std::int32_t> result(static_cast<std::size_t>(wide.size()));
  for (py::ssize_t i = 0; i < wide.size(); ++i) {
    const std::int64_t index = wide.data()[i];
    if (index < 0 || index >= count)
      wrong_value(name, "lie in [0, " + std::to_string(count) + ")",
                  std::string(py::str(array[py::int_(i)])));
    result[i] = static_cast<std::int32_t>(index);
  }
  return result;
}

std::vector<std::int32_t> cars(py::handle value, int num_cars) {
  std::vector<std::int32_t> result = indices(value, "cars", num_cars);
  std::vector<bool> is_named(static_cast<std::size_t>(num_cars));
  for (const std::int32_t car : result) {
    if (is_named[car]) wrong_value("cars", "name each car once", std::to_string(car) + " twice");
    is_named[car] = true;
  }
  return result;
}

std::uint8_t* picture(py::handle value, const char* name, py::ssize_t height, py::ssize_t width) {
  if (!is_exact<std::uint8_t>(value))
    wrong_type(name, "a C-contiguous array of dtype uint8", value);
  auto array = py::reinterpret_borrow<py::array_t<std::uint8_t>>(value);
  check_shape(array, name, {height, width});
  if (!array.writeable()) wrong_value(name, "be writeable", "a read-only array");
  return array.mutable_data();
}

void instance(py::handle value, const char* name, const std::type_info& type) {
  const py::detail::type_info* known = py::detail::get_type_info(type, true);
  const auto words = [known] {
    const py::handle wanted(reinterpret_cast<PyObject*>(known->type));
    return "a _core." + std::string(py::str(wanted.attr("__name__")));
  };
  if (PyObject_TypeCheck(value.ptr(), known->type) == 0) wrong_type(name, words(), value);
  auto* object = reinterpret_cast<py::detail::instance*>(value.ptr());
  if (object->get_value_and_holder(known).value_ptr() == nullptr)
    throw py::type_error(std::string(name) + " must be " + words() + " whose __init__ has run");
}

}  // namespace deepracer_fast::check
