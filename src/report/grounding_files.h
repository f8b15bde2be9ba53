// What MGRD leaves of each round: the funnel of its filter, and thoughts before and after it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace stapes::report {

// round-N/funnel.json: what reward::GroundingFunnel::to_json writes, and `left_out` of `mgrd`.
struct Funnel {
  int round = 0;
  int64_t replies = 0, kept = 0, surrogates = 0;
  std::vector<std::pair<std::string, int64_t>> dropped;   // by stage, in the filter's order
  std::vector<std::pair<std::string, int64_t>> left_out;  // of those kept: "duplicates", ...
  int64_t true_claims = 0, false_claims = 0, uncheckable_claims = 0;
};

// A stretch of a thought; `verdict` is "" where it claims nothing, else "true", "false" or
// "uncheckable", and `reason` says why.
struct MarkedText {
  std::string text, verdict, reason;
};

struct Thought {
  std::vector<MarkedText> thinking;
  std::string answer;
  std::string stage, reason;  // where the filter drops it ("kept": it does not), and why
};

// round-N/examples.jsonl, one object a line: question, audio (a file, relative to the round or to
// the run), right (the answer), task, before and after: {thinking, answer, report:
// reward::to_json}.
struct GroundingExample {
  int round = 0;
  std::string question, expected, task;
  std::filesystem::path audio;  // empty: none was named
  bool audio_found = false;
  Thought before, after;
};

struct GroundingRounds {
  std::vector<Funnel> funnels;
  std::vector<GroundingExample> examples;
  std::vector<std::string> complaints;  // whole sentences
  bool empty() const { return funnels.empty() && examples.empty() && complaints.empty(); }
};

// All rounds of a run, in their order; at most `most_examples` of each. What cannot be read is a
// complaint.
GroundingRounds read_grounding(const std::filesystem::path& run_folder, size_t most_examples);

}  // namespace stapes::report
