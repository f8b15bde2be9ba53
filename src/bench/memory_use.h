// How much memory this process has taken (Linux: proc(5)).
#pragma once

#include <cstdint>

namespace stapes {

struct MemoryUse {
  int64_t rss_bytes = 0;         // now
  int64_t large_page_bytes = 0;  // of those, what lies in large pages (base/memory_pages.h)
  int64_t peak_rss_bytes = 0;    // since the process began, or since reset_peak_memory()
};
MemoryUse memory_use();

// The peak begins anew at what is in use now. Where the system refuses, the old peak stays.
void reset_peak_memory();

}  // namespace stapes
