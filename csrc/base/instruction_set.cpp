// Asks the processor: see instruction_set.h.
#include "base/instruction_set.h"

#include <stdexcept>
#include <string>

namespace deepracer_fast {

std::vector<InstructionSet> instruction_sets() {
  std::vector<InstructionSet> sets;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"))
    sets.push_back(InstructionSet::kAvx512);
  if (__builtin_cpu_supports("avx2")) sets.push_back(InstructionSet::kAvx2);
#endif
  sets.push_back(InstructionSet::kPortable);
  return sets;
}

std::string_view instruction_set_name(InstructionSet set) {
  if (set == InstructionSet::kAvx512) return "avx512";
  return set == InstructionSet::kAvx2 ? "avx2" : "portable";
}

InstructionSet instruction_set_by_name(std::string_view name) {
  const std::vector<InstructionSet> sets = instruction_sets();
  if (name.empty()) return sets.front();
  std::string known;
  for (const InstructionSet set : sets) {
    if (instruction_set_name(set) == name) return set;
    known += known.empty() ? "" : ", ";
    known += instruction_set_name(set);
  }
  throw std::invalid_argument("instruction set must be one that this machine can run (" + known +
                              "), got " + std::string(name));
}

}  // namespace deepracer_fast
