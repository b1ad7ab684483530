// Persistent workers that each own one contiguous range of the cars.
//
// Every car costs about the same, so a static partition beats a scheduler: no queue, no stealing,
// and car b is always worked on by the same thread, whose cache holds its state. The calling
// thread takes the first range. A pool of one thread starts no worker at all.
//
// Workers sleep between jobs. One mutex and two condition variables are enough: a job is a whole
// stage of the simulator, so it is handed over a few times a step, not per car.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace deepracer_fast {

class ThreadPool {
 public:
  using RangeJob = std::function<void(int begin, int end)>;

  // Throws std::system_error if the system refuses so many threads.
  explicit ThreadPool(int num_threads) : num_threads_(num_threads) {
    try {
      for (int worker = 1; worker < num_threads_; ++worker)
        workers_.emplace_back([this, worker] { serve(worker); });
    } catch (...) {
      stop();
      throw;
    }
  }

  ~ThreadPool() { stop(); }

  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int num_threads() const { return num_threads_; }

  // Calls `job` once per thread with its part of [0, count) and returns when all have ended.
  // Jobs must not throw. Callers take turns.
  void parallel_for(int count, const RangeJob& job) {
    std::lock_guard turn(callers_);
    if (num_threads_ == 1) return job(0, count);
    {
      std::lock_guard lock(mutex_);
      job_ = &job;
      count_ = count;
      pending_ = num_threads_ - 1;
      ++generation_;
    }
    job_posted_.notify_all();
    run_part(0, job, count);
    std::unique_lock lock(mutex_);
    job_ended_.wait(lock, [this] { return pending_ == 0; });
  }

 private:
  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    job_posted_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  void run_part(int part, const RangeJob& job, int count) const {
    const auto bound = [&](int p) {
      return static_cast<int>(static_cast<long long>(count) * p / num_threads_);
    };
    if (bound(part) < bound(part + 1)) job(bound(part), bound(part + 1));
  }

  void serve(int worker) {
    unsigned seen = 0;
    while (true) {
      const RangeJob* job = nullptr;
      int count = 0;
      {
        std::unique_lock lock(mutex_);
        job_posted_.wait(lock, [&] { return stopping_ || generation_ != seen; });
        if (stopping_) return;
        seen = generation_;
        job = job_;
        count = count_;
      }
      run_part(worker, *job, count);
      std::lock_guard lock(mutex_);
      if (--pending_ == 0) job_ended_.notify_one();
    }
  }

  const int num_threads_;
  std::vector<std::thread> workers_;
  std::mutex callers_;
  std::mutex mutex_;
  std::condition_variable job_posted_;
  std::condition_variable job_ended_;
  const RangeJob* job_ = nullptr;  // the job of this generation
  int count_ = 0;                  // its number of cars
  int pending_ = 0;                // workers that have not ended it
  unsigned generation_ = 0;        // number of jobs posted
  bool stopping_ = false;
};

}  // namespace deepracer_fast
