// The matrix unit of newer Intel processors (AMX).
#pragma once

namespace stapes {

// Does this processor have tiles of 8-bit products, and may this process use them? Their registers
// are large, so that Linux gives them only to those who ask (Documentation/arch/x86/xstate.rst):
// the first call asks, for all threads.
bool has_matrix_unit();

}  // namespace stapes
