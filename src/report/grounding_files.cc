#include "report/grounding_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "base/file.h"
#include "report/json_fields.h"
#include "stapes/error.h"

namespace stapes::report {
namespace {

namespace fs = std::filesystem;

Json field(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? Json(nullptr) : *found;
}

Funnel funnel_of(const Json& json, int round) {
  Funnel funnel;
  funnel.round = round;
  funnel.replies = integer_field(json, "replies");
  funnel.kept = integer_field(json, "kept");
  funnel.surrogates = integer_field(json, "surrogates");
  const Json dropped = field(json, "dropped");
  if (dropped.is_object())
    for (const auto& [stage, count] : dropped.items())
      if (count.is_number_integer()) funnel.dropped.emplace_back(stage, count.get<int64_t>());
  // What passed the filter and is not trained on all the same.
  const Json left_out = field(json, "left_out");
  if (left_out.is_object())
    for (const auto& [why, count] : left_out.items())
      if (count.is_number_integer()) funnel.left_out.emplace_back(why, count.get<int64_t>());
  const Json claims = field(json, "claims");
  funnel.true_claims = integer_field(claims, "true");
  funnel.false_claims = integer_field(claims, "false");
  funnel.uncheckable_claims = integer_field(claims, "uncheckable");
  return funnel;
}

struct Mark {
  size_t begin = 0, end = 0;
  std::string verdict, reason;
};

// Places are bytes. Claims may overlap: what was marked first stays, and what does not lie in the
// text or between its characters is not marked.
std::vector<MarkedText> marked(const std::string& thinking, const Json& report) {
  std::vector<Mark> marks;
  const Json claims = field(report, "claims");
  if (claims.is_array())
    for (const Json& claim : claims)
      marks.push_back({static_cast<size_t>(std::max<int64_t>(integer_field(claim, "begin"), 0)),
                       static_cast<size_t>(std::max<int64_t>(integer_field(claim, "end"), 0)),
                       text_field(claim, "verdict"), text_field(claim, "reason")});
  std::ranges::stable_sort(marks, {}, &Mark::begin);
  const auto between_characters = [&](size_t at) {
    return at == thinking.size() || (static_cast<unsigned char>(thinking[at]) & 0xc0) != 0x80;
  };
  std::vector<MarkedText> pieces;
  size_t at = 0;
  for (const Mark& mark : marks) {
    if (mark.begin < at || mark.end <= mark.begin || mark.end > thinking.size()) continue;
    if (!between_characters(mark.begin) || !between_characters(mark.end)) continue;
    if (mark.begin > at) pieces.push_back({thinking.substr(at, mark.begin - at), "", ""});
    pieces.push_back(
        {thinking.substr(mark.begin, mark.end - mark.begin), mark.verdict, mark.reason});
    at = mark.end;
  }
  if (at < thinking.size()) pieces.push_back({thinking.substr(at), "", ""});
  return pieces;
}

Thought thought_of(const Json& json) {
  const Json report = field(json, "report");
  return {.thinking = marked(cut(text_field(json, "thinking")), report),
          .answer = cut(text_field(json, "answer")),
          .stage = text_field(report, "stage"),
          .reason = text_field(report, "reason")};
}

GroundingExample example_of(const Json& json, int round, const fs::path& round_folder) {
  GroundingExample example;
  example.round = round;
  example.question = text_field(json, "question");
  example.expected = text_field(json, "right");
  example.task = text_field(json, "task");
  example.before = thought_of(field(json, "before"));
  example.after = thought_of(field(json, "after"));
  const std::string audio = text_field(json, "audio");
  if (audio.empty()) return example;
  example.audio = audio;
  for (const fs::path& folder : {round_folder, round_folder.parent_path()}) {
    std::error_code error;
    if (!fs::is_regular_file(folder / audio, error)) continue;  // an absolute path stays itself
    example.audio = folder / audio;
    example.audio_found = true;
    break;
  }
  return example;
}

void read_examples(const fs::path& folder, int round, size_t most, GroundingRounds& rounds) {
  const fs::path path = folder / "examples.jsonl";
  std::error_code error;
  if (!fs::exists(path, error)) return;
  std::ifstream in(path, std::ios::binary);
  int64_t bad = 0;
  size_t count = 0;
  for (std::string line; count < most && std::getline(in, line);) {
    if (line.empty()) continue;
    const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) {
      ++bad;
      continue;
    }
    rounds.examples.push_back(example_of(json, round, folder));
    ++count;
  }
  if (bad > 0)
    rounds.complaints.push_back(
        fmt::format("round-{}/examples.jsonl: lines left out: {}", round, bad));
  if (count == 0)
    rounds.complaints.push_back(fmt::format("round-{}/examples.jsonl holds no example.", round));
}

void read_funnel(const fs::path& folder, int round, GroundingRounds& rounds) {
  const fs::path path = folder / "funnel.json";
  std::error_code error;
  if (!fs::exists(path, error)) {
    if (round == 0) return;  // before the first one nothing is distilled
    rounds.complaints.push_back(
        fmt::format("round-{} has no funnel.json: it was not filtered yet.", round));
    return;
  }
  constexpr size_t kMostBytes = 1 << 20;
  try {
    const Json json = Json::parse(read_file(path, kMostBytes), nullptr, /*allow_exceptions=*/false);
    if (json.is_object())
      rounds.funnels.push_back(funnel_of(json, round));
    else
      rounds.complaints.push_back(fmt::format("round-{}/funnel.json is no JSON object.", round));
  } catch (const Error& problem) {
    rounds.complaints.emplace_back(problem.what());
  }
}

// round-1, round-2, ...: the number, or nothing.
int round_of(const std::string& name) {
  constexpr std::string_view kPrefix = "round-";
  if (!name.starts_with(kPrefix) || name.size() == kPrefix.size() || name.size() > 12) return -1;
  const std::string digits = name.substr(kPrefix.size());
  if (digits.find_first_not_of("0123456789") != std::string::npos) return -1;
  return std::stoi(digits);
}

}  // namespace

GroundingRounds read_grounding(const fs::path& run_folder, size_t most_examples) {
  std::map<int, fs::path> folders;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(run_folder, error)) {
    const int round = round_of(entry.path().filename().string());
    if (round >= 0 && entry.is_directory(error)) folders[round] = entry.path();
  }
  GroundingRounds rounds;
  for (const auto& [round, folder] : folders) {
    read_funnel(folder, round, rounds);
    read_examples(folder, round, most_examples, rounds);
  }
  return rounds;
}

}  // namespace stapes::report
