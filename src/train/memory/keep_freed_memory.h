#pragma once

namespace stapes::train {

// For programs that train. libtorch asks for the same large tensors again in every step. By default
// glibc gives them back to the system in between, and a third of the time went into pages that had
// to be cleared again. Does nothing without glibc.
void keep_freed_memory();

}  // namespace stapes::train
