// The records of settings: classes whose properties are the rows of their tables of fields.
//
// A record holds numbers in their range from the moment it is made, so that nothing inside has to
// ask again; deepracer_fast/world/simulator.py, race_config.py and randomization.py say what they
// mean. Neighbours: bindings/simulator.cpp takes them.
#include <cmath>
#include <string>
#include <type_traits>

#include "base/fields.h"
#include "bindings/bindings.h"
#include "simulator/options.h"

namespace {

template <typename Member>
constexpr bool kIsRecord = requires { Member::fields(); };
template <typename Member>
constexpr bool kIsList = requires(Member member) { member.push_back({}); };
template <typename Member>
constexpr bool kIsNumber = std::is_arithmetic_v<Member> && !std::is_same_v<Member, bool>;

// What Python sees: a record within a record is the very one, which can be changed in place.
template <typename Record, typename Member>
auto seen(Record& record, Member Record::* member) {
  if constexpr (kIsRecord<Member>)
    return &(record.*member);
  else if constexpr (std::is_same_v<Member, df::InstructionSet>)
    return df::instruction_set_name(record.*member);
  else
    return record.*member;
}

// What a member becomes that is set to `value`.
template <typename Member>
Member checked(py::handle value, const char* name, df::Range range) {
  if constexpr (kIsRecord<Member>) {
    return check::object<Member>(value, name);
  } else if constexpr (std::is_same_v<Member, bool>) {
    return check::flag(value, name);
  } else if constexpr (std::is_same_v<Member, df::InstructionSet>) {
    return df::instruction_set_by_name(check::text(value, name));
  } else if constexpr (std::is_enum_v<Member>) {
    return check::choice<Member>(value, name);
  } else if constexpr (kIsList<Member>) {
    Member list;
    for (const double each : check::numbers_of_list(value, name, range, df::kMaxObjects))
      list.push_back(static_cast<typename Member::value_type>(each));
    return list;
  } else if constexpr (std::is_same_v<Member, std::uint64_t>) {
    return check::seed(value, name);
  } else if constexpr (std::is_integral_v<Member>) {
    return static_cast<Member>(check::integer(value, name, static_cast<std::int64_t>(range.low),
                                              static_cast<std::int64_t>(range.high)));
  } else {
    return static_cast<Member>(check::number(value, name, range));
  }
}

// A class without a constructor. Its FIELDS: name -> (unit, meaning, (lowest, highest) or None).
template <typename Record>
py::class_<Record> bind_record(py::module_& m, const char* name) {
  py::class_<Record> record(m, name);
  py::dict table;
  df::for_each_row(Record::fields(), [&]<typename Member>(const df::Field<Record, Member>& field) {
    const std::string unit = field.unit;
    const std::string doc = (unit.empty() ? "" : unit + ": ") + field.meaning;
    record.def_property(
        field.name,
        py::cpp_function(
            [member = field.member](const py::object& self) {
              return seen(check::self<Record>(self), member);
            },
            py::return_value_policy::reference_internal),
        [field](const py::object& self, const py::object& value) {
          check::self<Record>(self).*field.member = checked<Member>(value, field.name, field.range);
        },
        doc.c_str());
    py::object range = py::none();
    if constexpr (kIsNumber<Member>) range = py::make_tuple(field.range.low, field.range.high);
    table[field.name] = py::make_tuple(field.unit, field.meaning, range);
  });
  record.attr("FIELDS") = table;
  return record;
}

template <typename Enum>
void bind_enum(py::module_& m, const char* name,
               std::initializer_list<std::pair<const char*, Enum>> values) {
  py::native_enum<Enum> result(m, name, "enum.IntEnum");
  for (const auto& [word, value] : values) result.value(word, value);
  result.finalize();
}

void bind_enums(py::module_& m) {
  using df::CameraSensor, df::LidarSensor, df::RaceType;
  bind_enum<RaceType>(m, "RaceType",
                      {{"TIME_TRIAL", RaceType::kTimeTrial},
                       {"OBJECT_AVOIDANCE", RaceType::kObjectAvoidance},
                       {"HEAD_TO_BOT", RaceType::kHeadToBot},
                       {"HEAD_TO_MODEL", RaceType::kHeadToModel}});
  bind_enum<CameraSensor>(m, "CameraSensor",
                          {{"NONE", CameraSensor::kNone},
                           {"FRONT", CameraSensor::kFront},
                           {"STEREO", CameraSensor::kStereo}});
  bind_enum<LidarSensor>(m, "LidarSensor",
                         {{"NONE", LidarSensor::kNone},
                          {"RANGES", LidarSensor::kRanges},
                          {"SECTORS", LidarSensor::kSectors},
                          {"DISCRETIZED_SECTORS", LidarSensor::kDiscretizedSectors}});
}

}  // namespace

void bind_records(py::module_& m) {
  bind_enums(m);
  bind_record<df::VehicleParams>(m, "VehicleParams")
      .def(py::init([](const py::object& car_version, const py::object& asymmetric) {
             return df::vehicle_params(
                 static_cast<int>(check::integer(car_version, "car_version", df::kFirstVersion,
                                                 df::kLastVersion)),
                 check::flag(asymmetric, "asymmetric"));
           }),
           py::arg("car_version"), py::arg("asymmetric") = false);
  bind_record<df::BotRules>(m, "BotRules").def(py::init());
  bind_record<df::TrafficRules>(m, "TrafficRules").def(py::init());
  bind_record<df::RaceRules>(m, "RaceRules").def(py::init());
  bind_record<df::Randomization>(m, "Randomization").def(py::init());
  bind_record<df::SensorOptions>(m, "SensorOptions").def(py::init());
  bind_record<df::CameraParams>(m, "CameraParams").def(py::init());
  bind_record<df::SimulatorOptions>(m, "SimulatorOptions").def(py::init());
}
