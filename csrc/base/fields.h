// Tables of a struct's members, one row each, beside the struct: what a member is called elsewhere,
// its unit and its meaning.
//
// Who handles all members alike (bindings, allocation, documentation) goes through the table, so a
// new member is named in its struct and nowhere else.
#pragma once

#include <cfloat>
#include <tuple>
#include <vector>

namespace deepracer_fast {

// What a number may be, both ends included.
struct Range {
  double low;
  double high;
};
inline constexpr Range kFinite = {-static_cast<double>(FLT_MAX), static_cast<double>(FLT_MAX)};
inline constexpr Range kNotNegative = {0.0, kFinite.high};

// A member of a record of settings.
template <typename Record, typename Member>
struct Field {
  using Type = Member;

  const char* name;
  Member Record::* member;
  const char* unit;  // "" where it has none
  const char* meaning;
  Range range = kFinite;  // of its numbers
};
template <typename Record, typename Member, typename... Rest>
Field(const char*, Member Record::*, Rest...) -> Field<Record, Member>;

// A member that is one column of a struct of arrays: [B], or [B, K] where each car has K of them.
template <typename Arrays, typename Number>
struct Column {
  const char* name;
  std::vector<Number> Arrays::* member;
  const char* unit;
  const char* meaning;
  int width = 1;  // numbers of one of them: one more axis where it is not 1
  bool is_of_objects = false;
};
template <typename Arrays, typename Number, typename... Rest>
Column(const char*, std::vector<Number> Arrays::*, Rest...) -> Column<Arrays, Number>;

// Calls `job(row)` for every row of a table.
template <typename Table, typename Job>
constexpr void for_each_row(const Table& table, const Job& job) {
  std::apply([&job](const auto&... rows) { (job(rows), ...); }, table);
}

// Gives every column of a table room for so many cars, of so many objects each.
template <typename Arrays, typename Table>
void resize_columns(Arrays& arrays, const Table& table, int num_cars, int num_objects = 1) {
  for_each_row(table, [&](const auto& column) {
    const int rows = num_cars * (column.is_of_objects ? num_objects : 1);
    (arrays.*column.member).resize(static_cast<std::size_t>(rows) * column.width);
  });
}

// Bytes that the columns hold.
template <typename Arrays, typename Table>
std::size_t bytes_of_columns(const Arrays& arrays, const Table& table) {
  std::size_t bytes = 0;
  for_each_row(table, [&](const auto& column) {
    const auto& values = arrays.*column.member;
    bytes += sizeof(values[0]) * values.size();
  });
  return bytes;
}

}  // namespace deepracer_fast
