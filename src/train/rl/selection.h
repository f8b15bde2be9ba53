// Which prompts are worth training on, by how often the policy gets them right.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

namespace stapes::train {

// Keeps prompts with `lowest` to `highest` right answers of `samples` (the paper: 3 to 6 of 8).
// 0 to 0 keeps those that are always failed.
struct PassRange {
  int samples = 8;
  int lowest = 3;
  int highest = 6;
};

struct Selection {
  PassRange range;
  std::vector<uint64_t> kept;      // indices of prompts, in order
  std::vector<int64_t> histogram;  // [samples + 1]: prompts by number of right answers
  int64_t prompts = 0;             // looked at
};

// right[i] of range.samples answers to prompt i were right.
Selection select_by_passes(std::span<const int> right, const PassRange& range);

// "0: 12  1: 30 ... 8: 411 of 600 prompts; 3 to 6 kept: 97"
std::string to_line(const Selection& selection);
nlohmann::json to_json(const Selection& selection);
// Throws nlohmann::json::exception for what to_json did not write.
Selection selection_of(const nlohmann::json& json);

}  // namespace stapes::train
