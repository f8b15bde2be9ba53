// Anonymous memory in large pages where the system gives them: a pass over gigabytes in pages of
// 4 KiB would measure the translation of addresses too.
#pragma once

#include <cstddef>
#include <span>

namespace stapes {

class HugeMemory {
 public:
  HugeMemory() = default;
  // Zero at the start; taken from the system at the first touch. Throws std::bad_alloc.
  explicit HugeMemory(size_t size_bytes);
  HugeMemory(HugeMemory&& other) noexcept;
  HugeMemory& operator=(HugeMemory&& other) noexcept;
  ~HugeMemory();

  std::span<std::byte> bytes() { return {data_, size_bytes_}; }
  std::span<const std::byte> bytes() const { return {data_, size_bytes_}; }

 private:
  std::byte* data_ = nullptr;
  size_t size_bytes_ = 0;
};

}  // namespace stapes
