// The network's operations as XLA custom calls.
//
// bindings/module.cpp hands the addresses to Python, native_network.py registers them with JAX and
// says there what goes in and out. Built only where jaxlib's headers are; needs nothing of XLA at
// run time but the calls that XLA itself makes.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace deepracer_fast::network {

// Name and address (an XLA_FFI_Handler*) of every operation.
std::vector<std::pair<std::string, void*>> handlers();

// Those whose kernels this processor can run, the fastest first; empty where there are none.
// The operations take one as their attribute `instruction_set`.
std::vector<std::string> instruction_sets();

}  // namespace deepracer_fast::network
