#include "train/rl/completions_log.h"

#include <algorithm>
#include <sstream>

#include "base/fail.h"
#include "base/file.h"
#include "train/data/shuffle.h"

namespace stapes::train {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

std::string text_of(const std::vector<ChatMessage>& messages) {
  std::string text;
  for (const ChatMessage& message : messages) {
    if (!text.empty()) text += "\n";
    if (messages.size() > 1) text += message.role + ": ";
    for (const ContentPart& part : message.parts)
      text += part.kind == ContentPart::Kind::kAudio ? "<audio>" : part.text;
  }
  return text;
}

ordered_json line_of(int64_t step, const RolloutPrompt& prompt, const Rollout& rollout) {
  return {{"step", step},
          {"id", prompt.id},
          {"task", prompt.task},
          {"prompt", text_of(prompt.messages)},
          {"text", rollout.text},
          {"tokens", rollout.ids.size()},
          {"stop", rollout.stop == StopReason::kStop ? "stop" : "length"},
          {"answer", prompt.expected.text},
          {"reward", rollout.reward.total ? ordered_json(*rollout.reward.total) : nullptr},
          {"parts", rollout.reward.parts},
          {"ids", rollout.ids}};
}

// Text of a model may be cut inside of a character.
std::string dump(const ordered_json& object) {
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

CompletionsLog::CompletionsLog(const std::filesystem::path& run_folder, int64_t steps_done)
    : path_(run_folder / "completions.jsonl") {
  std::string kept;
  if (steps_done > 0 && std::filesystem::exists(path_)) {
    std::istringstream lines(read_file(path_, size_t{4} << 30));
    for (std::string line; std::getline(lines, line);) {
      const json object = json::parse(line, nullptr, /*allow_exceptions=*/false);
      // A last line that was cut is no object.
      if (object.is_object() && object.value("step", int64_t{0}) <= steps_done) kept += line + "\n";
    }
  }
  write_file_atomically(path_, kept);
  out_.open(path_, std::ios::app);
  if (!out_) fail(ErrorCode::kIo, "cannot write {}", path_.string());
}

void CompletionsLog::write(int64_t step, std::span<const RolloutPrompt> prompts,
                           std::span<const Rollout> rollouts, int count, uint64_t seed) {
  std::vector<size_t> chosen =
      shuffled_order(rollouts.size(), Rng(seed, 0x6c6f67 /* "log" */, static_cast<uint64_t>(step)));
  if (count > 0) chosen.resize(std::min(chosen.size(), static_cast<size_t>(count)));
  std::ranges::sort(chosen);
  for (const size_t i : chosen)
    out_ << dump(line_of(step, prompts[rollouts[i].prompt], rollouts[i])) << '\n';
  out_.flush();
}

std::filesystem::path save_bad_batch(const std::filesystem::path& run_folder, int64_t step,
                                     const Iteration& iteration) {
  const std::filesystem::path path = run_folder / fmt::format("bad-step-{:08}.json", step);
  ordered_json replies = ordered_json::array();
  size_t place = 0;
  for (const Rollout& rollout : iteration.rollouts) {
    ordered_json reply = line_of(step, iteration.prompts[rollout.prompt], rollout);
    const auto tokens = [&](const std::vector<double>& all) {
      // JSON has no NaN: what is not finite stands as null.
      return std::vector<double>(
          all.begin() + static_cast<std::ptrdiff_t>(std::min(place, all.size())),
          all.begin() +
              static_cast<std::ptrdiff_t>(std::min(place + rollout.ids.size(), all.size())));
    };
    reply["engine_log_probs"] = rollout.logprobs;
    reply["log_probs"] = tokens(iteration.scores.log_probs);
    reply["values"] = tokens(iteration.scores.values);
    reply["advantages"] = tokens(iteration.targets.advantages);
    reply["returns"] = tokens(iteration.targets.returns);
    place += rollout.ids.size();
    replies.push_back(std::move(reply));
  }
  write_file_atomically(path, dump({{"step", step}, {"replies", std::move(replies)}}) + "\n");
  return path;
}

}  // namespace stapes::train
