#include "train/dpo/preferences.h"

#include <algorithm>
#include <map>

#include "audio/audio_file.h"
#include "base/log.h"

namespace stapes::train {
namespace {

constexpr std::string_view kOpen = "<think>", kClose = "</think>";

// The prompt has opened the thought already.
std::string completion_of(const std::string& text) {
  if (!text.starts_with(kOpen)) return fmt::format("\n{}\n{}", kClose, text);
  std::string completion = text.substr(kOpen.size());
  if (completion.starts_with('\n')) completion.erase(0, 1);
  return completion;
}

// The first token with a byte of the answer.
size_t first_of_answer(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  const std::string text = tokenizer.decode(ids);
  size_t answer = text.find(kClose);
  if (answer == std::string::npos) return ids.size();
  answer = std::min(text.find_first_not_of('\n', answer + kClose.size()), text.size());
  size_t token = 0, end = 0;
  while (token < ids.size() && (end += tokenizer.token_bytes(ids[token]).size()) <= answer) ++token;
  return token;
}

std::string text_of_reply(const JsonlFile& file, const JsonlRow& row) {
  const ChatMessage& last = row.messages.back();
  if (last.role != "assistant" || row.messages.size() < 2)
    file.reject(row.line, "expected a user's turn and then the assistant's, which is preferred");
  if (last.parts.size() != 1 || last.parts[0].kind != ContentPart::Kind::kText ||
      last.parts[0].text.empty())
    file.reject(row.line, "the assistant's last message must be text, and not empty");
  return last.parts[0].text;
}

std::string rejected_of(const JsonlFile& file, const JsonlRow& row) {
  if (!row.rejected_response)
    file.reject(row.line, "expected `rejected_response`, the worse reply, as text");
  return *row.rejected_response;
}

Preference preference_of(const JsonlFile& file, const JsonlRow& row, const Tokenizer& tokenizer,
                         bool score_thought) {
  Preference pair;
  pair.id = fmt::format("{}:{}", file.path.filename().string(), row.line);
  pair.chosen_text = text_of_reply(file, row);
  pair.rejected_text = rejected_of(file, row);
  if (pair.chosen_text == pair.rejected_text)
    file.reject(row.line, "the reply and `rejected_response` are the same: nothing to prefer");
  pair.messages.assign(row.messages.begin(), row.messages.end() - 1);
  if (pair.messages.back().role != "user")
    file.reject(row.line, "expected a user's turn before the assistant's");
  pair.audios = row.audios;
  pair.chosen = read_reply(tokenizer, pair.chosen_text, score_thought);
  pair.rejected = read_reply(tokenizer, pair.rejected_text, score_thought);
  return pair;
}

// Which prompt: everything but the replies.
std::string prompt_key(const Preference& pair) {
  std::string key;
  for (const ChatMessage& message : pair.messages) {
    key += message.role + '\x1f';
    for (const ContentPart& part : message.parts) key += part.text + '\x1e';
  }
  for (const auto& path : pair.audios) key += path.string() + '\x1d';
  return key;
}

}  // namespace

ScoredReply read_reply(const Tokenizer& tokenizer, const std::string& text, bool score_thought) {
  ScoredReply reply;
  reply.ids = tokenizer.encode_plain(completion_of(text));
  if (!score_thought) reply.counted_from = first_of_answer(tokenizer, reply.ids);
  reply.ids.push_back(tokenizer.require("<|EOT|>"));
  return reply;
}

RolloutPrompt Preference::prompt() const {
  RolloutPrompt prompt;
  prompt.id = id;
  prompt.messages = messages;
  for (const auto& path : audios) prompt.clips.push_back(load_audio_file(path));
  return prompt;
}

Preferences Preferences::read(const std::filesystem::path& path, const Tokenizer& tokenizer,
                              const PreferenceOptions& options) {
  const JsonlFile file = read_jsonl(path);
  Preferences preferences;
  preferences.fingerprint_ = file.fingerprint;
  for (const JsonlRow& row : file.rows) {
    Preference pair = preference_of(file, row, tokenizer, options.score_thought);
    const auto longest = std::max(pair.chosen.ids.size(), pair.rejected.ids.size());
    const int64_t rows = count_prompt_tokens(pair.messages, row.audio_samples, tokenizer) +
                         static_cast<int64_t>(longest);
    if (rows <= options.context_tokens) preferences.all_.push_back(std::move(pair));
  }
  const size_t left_out = file.rows.size() - preferences.all_.size();
  if (preferences.all_.empty())
    fail(ErrorCode::kInvalidData, "{}: all pairs have more than {} tokens", path.string(),
         options.context_tokens);
  if (left_out > 0)
    spdlog::warn("{}: {} of {} pairs have more than {} tokens and are left out", path.string(),
                 left_out, file.rows.size(), options.context_tokens);
  preferences.split_by_prompt();
  return preferences;
}

void Preferences::split_by_prompt() {
  constexpr size_t kFewest = 20, kEvery = 10;
  std::map<std::string, size_t> prompts;
  for (size_t i = 0; i < all_.size(); ++i) {
    const size_t number = prompts.emplace(prompt_key(all_[i]), prompts.size()).first->second;
    (number % kEvery == kEvery - 1 ? test_ : train_).push_back(i);
  }
  if (prompts.size() >= kFewest) return;
  train_.clear();  // too few to keep some apart
  for (size_t i = 0; i < all_.size(); ++i) train_.push_back(i);
  test_ = train_;
}

}  // namespace stapes::train
