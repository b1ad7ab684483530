// Which vector instructions this machine can run. What has a path for each chooses at run time.
#pragma once

#include <string_view>
#include <vector>

namespace deepracer_fast {

enum class InstructionSet { kAvx512, kAvx2, kPortable };  // AVX-512 F and BW

// What this machine can run, fastest first; never empty.
std::vector<InstructionSet> instruction_sets();
std::string_view instruction_set_name(InstructionSet set);  // "avx512", "avx2", "portable"
// The one of that name, or the fastest for ""; throws std::invalid_argument if it can't run here.
InstructionSet instruction_set_by_name(std::string_view name);

}  // namespace deepracer_fast
