// completions.jsonl: replies of a run in full.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace stapes::report {

struct Sample {
  int64_t step = 0;
  std::string id, task, prompt;
  std::string thinking, answer;  // by the one splitter; the opening <think> belongs to the prompt
  bool thought_closed = false;
  std::string expected;
  int64_t tokens = 0;
  std::string stop;                     // "stop" or "length"
  std::optional<double> reward;         // none: nobody judged
  std::map<std::string, double> parts;  // "accuracy" among them, where it was judged
};

struct Samples {
  std::vector<Sample> chosen;  // in the file's order
  int64_t in_file = 0;         // that can be read
  std::vector<std::string> complaints;
};

// At most `most` of the file's replies: of each step as many as of the others, spread over the
// step's replies. Texts of more than 16 KiB are cut and say so. Lines that are no reply are
// counted, and the last one may be cut. Throws kIo where the file cannot be read.
Samples read_samples(const std::filesystem::path& path, size_t most);

}  // namespace stapes::report
