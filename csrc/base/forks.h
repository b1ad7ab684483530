// How often this process is a copy of the one that loaded the core.
//
// A fork copies memory, but of the threads only the one that forked: whatever waits for another
// thread of before would wait for ever. Who keeps this number beside such a thing notices.
#pragma once

#include <atomic>

#if __has_include(<pthread.h>)
#include <pthread.h>
#endif

namespace deepracer_fast {

// Another number in each generation of children; the first call begins to count.
inline unsigned forks() {
  static std::atomic<unsigned> count{0};
#if __has_include(<pthread.h>)
  [[maybe_unused]] static const int watched =
      pthread_atfork(nullptr, nullptr, [] { count.fetch_add(1, std::memory_order_relaxed); });
#endif
  return count.load(std::memory_order_relaxed);
}

}  // namespace deepracer_fast
