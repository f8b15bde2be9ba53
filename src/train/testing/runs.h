// For tests of runs: what is compared, and what is refused.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "stapes/error.h"

namespace stapes::train {

// A CSV without the columns that say how long things took.
inline std::string without_times(const std::filesystem::path& csv) {
  std::ifstream in(csv);
  std::vector<bool> kept;
  std::string line, all;
  while (std::getline(in, line)) {
    std::stringstream cells(line);
    std::string cell;
    for (size_t i = 0; std::getline(cells, cell, ','); ++i) {
      if (kept.size() <= i) kept.push_back(!cell.ends_with("_s"));
      if (kept[i]) all += cell + ",";
    }
    all += "\n";
  }
  return all;
}

// What `run` throws, in words.
template <typename Run>
std::string refusal(Run&& run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was refused";
}

}  // namespace stapes::train
