#include "ops/cpu/matrix_unit.h"

#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace stapes {

bool has_matrix_unit() {
#if defined(__x86_64__) && defined(__linux__)
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;               // the state component XTILEDATA
  static const bool granted = __builtin_cpu_supports("amx-tile") &&
                              __builtin_cpu_supports("amx-int8") &&
                              ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return granted;
#else
  return false;
#endif
}

}  // namespace stapes
