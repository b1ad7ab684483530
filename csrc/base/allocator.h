// Keeps freed memory in the process, so that large temporaries need not be mapped and zeroed anew.
//
// XLA frees and allocates its buffers on every call. glibc gives blocks over 128 KB back to the
// system each time, and the page faults that follow cost as much as the arithmetic between them.
#pragma once

#if defined(__GLIBC__) || __has_include(<malloc.h>)
#include <malloc.h>
#endif

namespace deepracer_fast {

// To be called once, before JAX allocates. True if the C library took the settings; a library
// other than glibc has none of them.
inline bool tune_allocator() {
#if defined(__GLIBC__)
  constexpr int kTopPad = 64 << 20;             // grow the heap by that many bytes at a time
  return mallopt(M_MMAP_MAX, 0) == 1            // large blocks from the heap, too
         && mallopt(M_TRIM_THRESHOLD, -1) == 1  // and never back to the system
         && mallopt(M_ARENA_MAX, 1) == 1        // one heap: what one thread freed, another reuses
         && mallopt(M_TOP_PAD, kTopPad) == 1;
#else
  return false;
#endif
}

}  // namespace deepracer_fast
