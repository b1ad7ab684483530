// An allocator of whole huge pages, for arrays in which work jumps about.
//
// A picture row crosses many strips of texels, and a batch's pictures are written one after the
// other: with small pages nearly every access to a new strip would miss the TLB.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace deepracer_fast {

template <class T>
struct HugePages {
  using value_type = T;

  HugePages() = default;
  template <class Other>
  explicit HugePages(const HugePages<Other>&) {}

  // Arrays smaller than a page have no use for one.
  T* allocate(std::size_t count) {
    constexpr std::size_t kHugePage = std::size_t{2} << 20;
    constexpr std::size_t kCacheLine = 64;
    const std::size_t unit = count * sizeof(T) < kHugePage ? kCacheLine : kHugePage;
    const std::size_t bytes = (count * sizeof(T) + unit - 1) / unit * unit;
    void* memory = std::aligned_alloc(unit, bytes);
    if (memory == nullptr) throw std::bad_alloc();
#if defined(__linux__)
    if (unit == kHugePage) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t) { std::free(memory); }

  bool operator==(const HugePages&) const { return true; }
};

}  // namespace deepracer_fast
