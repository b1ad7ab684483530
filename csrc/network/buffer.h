// Memory that begins on a cache line, so that no vector of a packed panel straddles two.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace deepracer_fast::network {

template <class T>
struct CacheAligned {
  using value_type = T;
  static constexpr std::align_val_t kLine{64};

  CacheAligned() = default;
  template <class Other>
  explicit CacheAligned(const CacheAligned<Other>& /*other*/) {}

  T* allocate(std::size_t count) {
    return static_cast<T*>(::operator new(count * sizeof(T), kLine));
  }
  void deallocate(T* data, std::size_t /*count*/) { ::operator delete(data, kLine); }
  bool operator==(const CacheAligned& /*other*/) const { return true; }
};

template <class T>
using Buffer = std::vector<T, CacheAligned<T>>;

// At least `count` elements of a buffer that is kept from call to call: memory fresh from the
// system costs a page fault every 4 KB.
template <class T>
T* room_for(Buffer<T>& buffer, std::size_t count) {
  if (buffer.size() < count) buffer.resize(count);
  return buffer.data();
}

}  // namespace deepracer_fast::network
