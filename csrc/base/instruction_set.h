// Which vector instructions this machine can run. What has a path for each chooses at run time.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

// Inlined also into functions for another instruction set, which is what makes their vectors.
#define DEEPRACER_FAST_INLINE [[gnu::always_inline]] inline

namespace deepracer_fast {

enum class InstructionSet { kAvx512, kAvx2, kPortable };  // AVX-512 F and BW

// What this machine can run, fastest first; never empty.
std::vector<InstructionSet> instruction_sets();
std::string_view instruction_set_name(InstructionSet set);  // "avx512", "avx2", "portable"
// The one of that name, or the fastest for ""; throws std::invalid_argument if it can't run here.
InstructionSet instruction_set_by_name(std::string_view name);

#if defined(__x86_64__)
template <auto kLoop, typename... Arguments>
__attribute__((target("avx2"))) void run_on_avx2(Arguments&&... arguments) {
  kLoop(std::forward<Arguments>(arguments)...);
}
template <auto kLoop, typename... Arguments>
__attribute__((target("avx512f"))) void run_on_avx512(Arguments&&... arguments) {
  kLoop(std::forward<Arguments>(arguments)...);
}
#endif

// Calls a DEEPRACER_FAST_INLINE function, compiled once for each instruction set: the same
// arithmetic, hence the same bytes.
template <auto kLoop, typename... Arguments>
void run_on(InstructionSet set, Arguments&&... arguments) {
#if defined(__x86_64__)
  if (set == InstructionSet::kAvx512)
    return run_on_avx512<kLoop>(std::forward<Arguments>(arguments)...);
  if (set == InstructionSet::kAvx2)
    return run_on_avx2<kLoop>(std::forward<Arguments>(arguments)...);
#endif
  kLoop(std::forward<Arguments>(arguments)...);
}

}  // namespace deepracer_fast
