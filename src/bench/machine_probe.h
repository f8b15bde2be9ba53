// What this machine can do at most, measured on the spot: a rate of the model is worth little
// without it.
#pragma once

#include <string>

namespace stapes {

struct MachineSpeed {
  int threads = 0;
  double bandwidth_gb_s = 0;  // reading memory in order; 1 GB is 1e9 bytes
  double int8_gop_s = 0;      // 8-bit products and their sums; a product and an addition are two
  double f32_gflop_s = 0;
  std::string int8_instructions = {};
  std::string f32_instructions = {};
};

// Takes about a second, and for that time a buffer several times the size of the last-level cache
// (1 GiB or more, but never more than a quarter of the free memory). Each figure is the best of
// many short passes: whatever else the machine does can only lower it. threads: at least 1.
MachineSpeed probe_machine(int threads);

}  // namespace stapes
