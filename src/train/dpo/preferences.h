// Pairs of replies to one prompt, the better and the worse one, as they are read from JSON lines.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "text/tokenizer.h"
#include "train/data/jsonl_rows.h"
#include "train/data/source.h"
#include "train/rl/prompts.h"

namespace stapes::train {

// What follows the prompt, which ends with the opened thought: "THOUGHT\n</think>\nANSWER", or
// "\n</think>\nANSWER" for a reply without one.
struct ScoredReply {
  std::vector<TokenId> ids;  // with the <|EOT|> that closes the reply
  size_t counted_from = 0;   // the tokens from here on are in the loss
};
// `text` as JSON lines hold it: "<think>\n...". Without `score_thought` what follows </think> is in
// the loss alone; of a thought that never ends, that is the <|EOT|>.
ScoredReply read_reply(const Tokenizer& tokenizer, const std::string& text, bool score_thought);

struct Preference {
  std::string id;                     // "pairs.jsonl:42"
  std::vector<ChatMessage> messages;  // ends with the user's turn
  std::vector<std::filesystem::path> audios;
  ScoredReply chosen, rejected;
  std::string chosen_text, rejected_text;  // as they were read

  // Reads the audio files.
  RolloutPrompt prompt() const;
};

struct PreferenceOptions {
  bool score_thought = true;
  int64_t context_tokens = 0;  // prompt and reply may have
};

class Preferences {
 public:
  // JSON lines as jsonl_rows.h reads them: the last turn is the assistant's and the better reply,
  // `rejected_response` the worse one. Pairs that are too long are left out, and the log
  // says how many. Throws as read_jsonl, and kInvalidData naming a line without one of the replies
  // or with two that are the same.
  static Preferences read(const std::filesystem::path& path, const Tokenizer& tokenizer,
                          const PreferenceOptions& options);

  // Prompts, not pairs, are kept for evaluation: every tenth prompt where there are at least 20,
  // else all pairs are used for both.
  size_t count(Phase phase) const { return rows(phase).size(); }
  const Preference& get(Phase phase, size_t index) const { return all_[rows(phase)[index]]; }
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  const std::vector<size_t>& rows(Phase phase) const {
    return phase == Phase::kTraining ? train_ : test_;
  }
  void split_by_prompt();

  std::vector<Preference> all_;
  std::vector<size_t> train_, test_;
  std::string fingerprint_;
};

}  // namespace stapes::train
