// Persistent workers that each own one contiguous range of the cars.
//
// Every car costs about the same, so a static partition beats a scheduler: no queue, no stealing,
// and car b is always worked on by the same thread, whose cache holds its state. The calling
// thread takes the first range. A pool of one thread starts no worker at all.
//
// A worker that has ended its part looks out for the next job for some microseconds, so that steps
// in a row cost no wake-up, and then sleeps, so that a policy has the cores to itself. A job is a
// whole step of the simulator: it is handed over once a step, not per car, and nothing is
// allocated for it.
//
// A forked child has none of the workers. The pool notices at its next job and hires others.
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "base/forks.h"

namespace deepracer_fast {

// A callable `void(int begin, int end)` that the caller keeps alive.
class RangeJob {
 public:
  template <typename Callable>
  RangeJob(const Callable& callable)  // NOLINT: a lambda is passed as it is
      : callable_(&callable), call_([](const void* self, int begin, int end) {
          (*static_cast<const Callable*>(self))(begin, end);
        }) {}

  void operator()(int begin, int end) const { call_(callable_, begin, end); }

 private:
  const void* callable_;
  void (*call_)(const void* self, int begin, int end);
};

// The workers of one process, and what they and the caller tell each other.
class Crew {
 public:
  // Throws std::system_error if the system refuses so many threads.
  explicit Crew(int threads)
      : threads_(threads),
        looks_(threads <= static_cast<int>(std::thread::hardware_concurrency()) ? 1000 : 0) {
    try {
      for (int worker = 1; worker < threads_; ++worker)
        workers_.emplace_back([this, worker] { serve(worker); });
    } catch (...) {
      stop();
      throw;
    }
  }

  ~Crew() { stop(); }

  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // Not in a child of the process that hired it.
  bool is_here() const { return forks_ == forks(); }

  void work(int count, const RangeJob& job) {
    job_ = &job;
    count_ = count;
    pending_.store(threads_ - 1, std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);
    generation_.notify_all();
    run_part(0);
    for (int left = pending_.load(std::memory_order_acquire); left > 0;)
      left = change_of(pending_, left);
  }

 private:
  // Waits until the number is another than `known`, and returns it.
  int change_of(const std::atomic<int>& number, int known) const {
    for (int look = 0; look < looks_; ++look) {
      const int now = number.load(std::memory_order_acquire);
      if (now != known) return now;
      pause();
    }
    number.wait(known, std::memory_order_acquire);
    return number.load(std::memory_order_acquire);
  }

  // Some ten nanoseconds in which a core leaves its resources to others.
  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("isb");
#endif
  }

  void stop() {
    stopping_.store(true, std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);
    generation_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  void run_part(int part) const {
    const auto bound = [&](int p) {
      return static_cast<int>(static_cast<long long>(count_) * p / threads_);
    };
    if (bound(part) < bound(part + 1)) (*job_)(bound(part), bound(part + 1));
  }

  void serve(int worker) {
    int seen = 0;
    while (true) {
      seen = change_of(generation_, seen);
      if (stopping_.load(std::memory_order_relaxed)) return;
      run_part(worker);
      if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) pending_.notify_one();
    }
  }

  const unsigned forks_ = forks();
  const int threads_;
  const int looks_;  // before a thread sleeps; none where threads outnumber the cores
  std::vector<std::thread> workers_;
  const RangeJob* job_ = nullptr;   // the job of this generation
  int count_ = 0;                   // its number of cars
  std::atomic<int> pending_{0};     // workers that have not ended it
  std::atomic<int> generation_{0};  // jobs posted, modulo 2^32
  std::atomic<bool> stopping_{false};
};

class ThreadPool {
 public:
  // Throws std::system_error if the system refuses so many threads.
  explicit ThreadPool(int threads) : threads_(threads), crew_(std::make_unique<Crew>(threads)) {}

  ~ThreadPool() { forget_absent(); }

  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Calls `job` once per thread with its part of [0, count) and returns when all have ended.
  // Jobs must not throw. One caller at a time. Throws as the constructor does, after a fork.
  void parallel_for(int count, const RangeJob& job) {
    if (threads_ == 1) return job(0, count);
    forget_absent();
    if (!crew_) crew_ = std::make_unique<Crew>(threads_);
    crew_->work(count, job);
  }

 private:
  // Threads that are not here can be neither joined nor detached: a crew that stayed behind in
  // another process is left as it is, some hundred bytes.
  void forget_absent() {
    if (crew_ && !crew_->is_here()) static_cast<void>(crew_.release());
  }

  const int threads_;
  std::unique_ptr<Crew> crew_;
};

}  // namespace deepracer_fast
