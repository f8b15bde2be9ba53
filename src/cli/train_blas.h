// libtorch's matrix products come from OpenBLAS, which chooses its kernels while it is loaded.
#pragma once

namespace stapes::cli {

// Debian 12's OpenBLAS (0.3.21) takes some newer processors for a Prescott of 2004 and is then five
// times slower. Where that happened and the processor has AVX-512 or AVX2, this starts the program
// again with OPENBLAS_CORETYPE set. A value that the user has set is left alone.
void restart_with_right_blas_kernels(char** argv);

}  // namespace stapes::cli
