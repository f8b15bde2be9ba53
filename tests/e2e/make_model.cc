// make_model FOLDER: writes FOLDER/random, a tiny model with random weights, and FOLDER/endless,
// the same with room for long answers and without a way to end one.
#include <cstdio>
#include <filesystem>

#include "engine/testing/endless_model.h"

int main(int argc, char** argv) {
  if (argc != 2 || argv[1][0] == '-') {
    std::fprintf(stderr, "usage: make_model FOLDER\n");
    return 64;
  }
  const std::filesystem::path folder = argv[1];
  stapes::testing::write_random_model(folder / "random");
  stapes::testing::write_endless_model(folder / "endless");
  return 0;
}
