// A sampled chain with all that is known of it: one line of JSON.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "reward/grounding_report.h"
#include "train/rl/prompts.h"
#include "train/rl/rollouts.h"

namespace stapes::train {

struct Chain {
  uint64_t question = 0;  // index in the PromptSource
  int sample = 0;         // 0 ... K - 1
  std::string id, task;
  nlohmann::ordered_json messages;      // with <audio> tags; the chain is the last one
  nlohmann::ordered_json origin;        // RolloutPrompt::origin
  std::string thinking, answer, right;  // `right`: what was expected
  std::vector<TokenId> ids;             // as they were sampled: what is trained on
  StopReason stop = StopReason::kStop;
  nlohmann::ordered_json report;  // of check_grounding

  bool kept() const;  // it passed the filter
};

Chain chain_of(const RolloutPrompt& prompt, uint64_t question, int sample, const Rollout& rollout,
               const reward::GroundingReport& report);

// {"id", "task", "messages", "audios" or "world", "thinking", "answer", "right", "ids", "stop",
// "question", "sample", "report"}, without a newline. Bytes that are no UTF-8 are replaced.
std::string to_line(const Chain& chain);
// Throws kInvalidData (naming `where`).
Chain parse_chain(const std::string& line, const std::string& where);
std::vector<Chain> read_chains(const std::filesystem::path& path);

// What a funnel counts, from a report's JSON: the stage, claims and surrogates, and no more.
reward::GroundingReport counts_of_report(const nlohmann::ordered_json& report);

// The conversation as text with <audio> tags.
nlohmann::ordered_json messages_json(const std::vector<ChatMessage>& messages);
// The text of the last turn, the question.
std::string question_text(const RolloutPrompt& prompt);

}  // namespace stapes::train
