#include "base/memory_pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace stapes {
namespace {

// Of the pages that lie wholly in `bytes`. Only hints: what the system answers changes nothing.
void advise(std::span<const std::byte> bytes, int advice) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(bytes.data()) + page - 1) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(bytes.data()) + bytes.size()) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, advice);
}

}  // namespace

void ask_for_large_pages(std::span<const std::byte> bytes) {
  advise(bytes, MADV_HUGEPAGE);
}

void release_pages(std::span<const std::byte> bytes) {
  advise(bytes, MADV_DONTNEED);
}

}  // namespace stapes
