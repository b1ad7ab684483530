// A lock of which a forked child can tell that nobody will ever open it.
//
// A mutex that another thread held during a fork is locked in the child for ever, and what it
// guards was left halfway through a change. This one remembers in which process it was taken, and
// says so instead of waiting.
#pragma once

#include <atomic>
#include <stdexcept>

#include "base/forks.h"

namespace deepracer_fast {

// What a lock guards was left halfway through a change by a thread of another process.
struct LeftBehind : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// For std::lock_guard.
class Turns {
 public:
  // Waits until no other thread has its turn. Throws LeftBehind if one had it while this process
  // was forked.
  void lock() {
    const unsigned mine = forks() + 1;
    for (unsigned found = kFree; !holder_.compare_exchange_weak(found, mine); found = kFree) {
      if (found == kFree) continue;  // by the weak exchange's leave
      if (found != mine)
        throw LeftBehind(
            "the process was forked while another thread was stepping this simulator, whose cars "
            "are halfway through that step: make a new simulator in the child");
      holder_.wait(found);
    }
  }
  void unlock() {
    holder_.store(kFree);
    holder_.notify_one();
  }

 private:
  static constexpr unsigned kFree = 0;

  std::atomic<unsigned> holder_{kFree};  // forks() + 1 where a thread has its turn
};

}  // namespace deepracer_fast
