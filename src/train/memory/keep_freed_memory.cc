#include "train/memory/keep_freed_memory.h"

#include <malloc.h>

#include <climits>

namespace stapes::train {

void keep_freed_memory() {
#if defined(__GLIBC__)
  ::mallopt(M_MMAP_MAX, 0);
  ::mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
}

}  // namespace stapes::train
