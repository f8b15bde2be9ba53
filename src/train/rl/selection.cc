#include "train/rl/selection.h"

#include <fmt/format.h>

#include "base/check.h"

namespace stapes::train {

Selection select_by_passes(std::span<const int> right, const PassRange& range) {
  Selection selection;
  selection.range = range;
  selection.histogram.assign(static_cast<size_t>(range.samples) + 1, 0);
  selection.prompts = static_cast<int64_t>(right.size());
  for (size_t i = 0; i < right.size(); ++i) {
    STAPES_CHECK(right[i] >= 0 && right[i] <= range.samples, "{} right of {}", right[i],
                 range.samples);
    ++selection.histogram[static_cast<size_t>(right[i])];
    if (right[i] >= range.lowest && right[i] <= range.highest) selection.kept.push_back(i);
  }
  return selection;
}

std::string to_line(const Selection& selection) {
  std::string line;
  for (size_t right = 0; right < selection.histogram.size(); ++right)
    line += fmt::format("{}{}: {}", right == 0 ? "" : "  ", right, selection.histogram[right]);
  return fmt::format("{} of {} prompts; {} to {} kept: {}", line, selection.prompts,
                     selection.range.lowest, selection.range.highest, selection.kept.size());
}

nlohmann::json to_json(const Selection& selection) {
  return {{"samples", selection.range.samples}, {"lowest", selection.range.lowest},
          {"highest", selection.range.highest}, {"prompts", selection.prompts},
          {"histogram", selection.histogram},   {"kept", selection.kept}};
}

Selection selection_of(const nlohmann::json& json) {
  Selection selection;
  selection.range = {.samples = json.at("samples").get<int>(),
                     .lowest = json.at("lowest").get<int>(),
                     .highest = json.at("highest").get<int>()};
  selection.prompts = json.at("prompts").get<int64_t>();
  selection.histogram = json.at("histogram").get<std::vector<int64_t>>();
  selection.kept = json.at("kept").get<std::vector<uint64_t>>();
  return selection;
}

}  // namespace stapes::train
