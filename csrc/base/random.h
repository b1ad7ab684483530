// Counter-based random numbers: a pure function of (seed, car, episode, draw).
//
// There is no generator state, so neither the number of threads nor the order in which cars are
// visited can change a result.
#pragma once

#include <cstdint>

namespace deepracer_fast {

// The finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
// generators", OOPSLA 2014): every input bit changes each output bit with probability near 1/2.
inline constexpr std::uint64_t mix(std::uint64_t z) {
  z += 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

// 64 random bits. `draw` numbers the uses within one episode of one car.
inline constexpr std::uint64_t random_bits(std::uint64_t seed, std::uint32_t car,
                                           std::uint32_t episode, std::uint32_t draw) {
  const std::uint64_t place = (static_cast<std::uint64_t>(car) << 32) | episode;
  return mix(mix(mix(seed) ^ place) ^ draw);
}

// Uniform in [0, 1) with 24 random bits.
inline constexpr float uniform(std::uint64_t seed, std::uint32_t car, std::uint32_t episode,
                               std::uint32_t draw) {
  return static_cast<float>(random_bits(seed, car, episode, draw) >> 40) * 0x1.0p-24F;
}

// A standard normal number, the sum of twelve uniform ones: cut at +-6.
inline float normal(std::uint64_t seed, std::uint32_t number) {
  float sum = -6.0F;
  for (std::uint32_t k = 0; k < 12; ++k) sum += uniform(seed, 0, number, k);
  return sum;
}

// The cars of one simulator as random numbers know them: by their places in the batch that they are
// part of.
struct SeededCars {
  std::uint64_t seed;
  int num_cars;
  int first_car;

  std::uint64_t random_bits(int car, std::uint32_t episode, std::uint32_t draw) const {
    return deepracer_fast::random_bits(seed, static_cast<std::uint32_t>(first_car + car), episode,
                                       draw);
  }
  float uniform(int car, std::uint32_t episode, std::uint32_t draw) const {
    return deepracer_fast::uniform(seed, static_cast<std::uint32_t>(first_car + car), episode,
                                   draw);
  }
};

}  // namespace deepracer_fast
