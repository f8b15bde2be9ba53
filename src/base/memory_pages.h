// The pages that memory comes in. A processor remembers where some thousand of them lie: of 4 KiB
// each, that is a hundredth of a model's weights; of 2 MiB, all of them.
#pragma once

#include <cstddef>
#include <span>

namespace stapes {

inline constexpr size_t kLargePageBytes = size_t{2} << 20;

// Asks for large pages where `bytes` is taken from the system, or read from its file, from now on.
// A wish: what the page cache of the system already holds in small pages stays as it is.
void ask_for_large_pages(std::span<const std::byte> bytes);

// Gives back the memory of the pages that lie wholly in `bytes`. What is mapped from a file is read
// again where it is asked for; in other memory it becomes zeros, so nobody may want it any more.
void release_pages(std::span<const std::byte> bytes);

}  // namespace stapes
