#include "report/samples.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/fail.h"
#include "report/json_fields.h"
#include "text/think_splitter.h"

namespace stapes::report {
namespace {

Sample sample_of(const Json& object) {
  Sample sample;
  sample.step = integer_field(object, "step");
  sample.id = text_field(object, "id");
  sample.task = text_field(object, "task");
  sample.prompt = text_field(object, "prompt");
  ThinkingAndAnswer parts = split_thinking(text_field(object, "text"), /*thinking_open=*/true);
  sample.thinking = cut(std::move(parts.thinking));
  sample.answer = cut(std::move(parts.answer));
  sample.thought_closed = parts.closed;
  sample.expected = text_field(object, "answer");
  sample.tokens = integer_field(object, "tokens");
  sample.stop = text_field(object, "stop");
  sample.reward = number_field(object, "reward");
  const auto found = object.find("parts");
  if (found != object.end() && found->is_object())
    for (const auto& [name, value] : found->items())
      if (value.is_number()) sample.parts[name] = value.get<double>();
  return sample;
}

// Where a step's replies stand in the file, so that a file of any size is read in two passes and
// only what is shown is kept.
using Places = std::map<int64_t, std::vector<int64_t>>;

std::vector<int64_t> choose(const Places& places, size_t most) {
  std::vector<int64_t> lines;
  if (places.empty()) return lines;
  const size_t steps = places.size();
  // With more steps than replies to keep, every n-th step; the last one always.
  const size_t stride = (steps + most - 1) / most;
  const size_t per_step = std::max<size_t>(1, most / ((steps + stride - 1) / stride));
  size_t number = 0;
  for (const auto& [step, of_step] : places) {
    const bool kept = (steps - 1 - number++) % stride == 0;
    if (!kept) continue;
    const size_t count = std::min(per_step, of_step.size());
    for (size_t i = 0; i < count; ++i) lines.push_back(of_step[i * of_step.size() / count]);
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

template <typename Visit>
void for_each_line(const std::filesystem::path& path, const Visit& visit) {
  std::ifstream in(path, std::ios::binary);
  if (!in) fail(ErrorCode::kIo, "cannot read {}", path.string());
  int64_t number = 0;
  for (std::string line; std::getline(in, line); ++number) visit(number, line, !in.eof());
}

}  // namespace

Samples read_samples(const std::filesystem::path& path, size_t most) {
  Samples samples;
  Places places;
  int64_t bad = 0;
  bool cut_end = false;
  for_each_line(path, [&](int64_t number, const std::string& line, bool whole) {
    if (line.empty()) return;
    const Json object = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (object.is_object() && object.contains("step") && object["step"].is_number_integer()) {
      places[object["step"].get<int64_t>()].push_back(number);
      ++samples.in_file;
    } else if (!whole) {
      cut_end = true;
    } else {
      ++bad;
    }
  });
  if (cut_end) samples.complaints.emplace_back("the last line is cut and left out");
  if (bad > 0)
    samples.complaints.push_back(bad == 1 ? "a line is no reply"
                                          : fmt::format("{} lines are no replies", bad));

  const std::vector<int64_t> chosen = choose(places, std::max<size_t>(most, 1));
  auto next = chosen.begin();
  for_each_line(path, [&](int64_t number, const std::string& line, bool) {
    if (next == chosen.end() || number != *next) return;
    ++next;
    const Json object = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (object.is_object()) samples.chosen.push_back(sample_of(object));
  });
  return samples;
}

}  // namespace stapes::report
