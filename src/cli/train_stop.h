// Ctrl-C and SIGTERM while a run trains.
#pragma once

#include <atomic>

namespace stapes::cli {

// From now on the first such signal sets the flag, so that the run saves a checkpoint and returns;
// a second one ends the program at once.
const std::atomic<bool>& stop_on_signals();

}  // namespace stapes::cli
