#include "train/data/example.h"

#include <algorithm>

#include "base/check.h"
#include "spec/audio_tokens.h"
#include "text/utf8.h"

namespace stapes::train {
namespace {

struct PromptAndReply {
  Prompt prompt;
  std::vector<TokenId> reply;
};

PromptAndReply tokenize(const Tokenizer& tokenizer, const Question& question,
                        const std::vector<int64_t>& tokens_per_audio) {
  PromptOptions options;
  options.assistant_prefix = question.reply.assistant_prefix;
  PromptAndReply rows;
  rows.prompt = build_prompt(tokenizer, question.messages, tokens_per_audio, options);
  rows.reply = question.reply.sampled;
  if (!rows.reply.empty()) return rows;
  rows.reply = tokenizer.encode_plain(question.reply.text);
  rows.reply.push_back(tokenizer.require("<|EOT|>"));
  return rows;
}

// The rows that all questions begin with.
void append_shared(TrainingExample& example, const Prompt& prompt, size_t rows) {
  for (size_t row = 0; row < rows; ++row) {
    example.ids.push_back(prompt.ids[row]);
    example.positions.push_back(static_cast<int32_t>(row));
    example.segments.push_back(0);
    example.labels.push_back(kIgnore);
  }
  for (const AudioSpan& span : prompt.audio_spans)
    if (span.begin < rows) example.audio_spans.push_back(span);
}

// Appends the rows of one question from `first_row` of its prompt on, as one segment.
void append_segment(TrainingExample& example, const PromptAndReply& rows, size_t first_row,
                    int32_t segment) {
  const auto& prompt = rows.prompt.ids;
  const size_t total = prompt.size() + rows.reply.size();
  const auto token_at = [&](size_t row) {
    return row < prompt.size() ? prompt[row] : rows.reply[row - prompt.size()];
  };
  for (AudioSpan span : rows.prompt.audio_spans) {
    if (span.begin < first_row) continue;
    span.begin = example.ids.size() + span.begin - first_row;
    example.audio_spans.push_back(span);
  }
  // The last token of the reply has nothing to predict, so it needs no row.
  for (size_t row = first_row; row + 1 < total; ++row) {
    example.ids.push_back(token_at(row));
    example.positions.push_back(static_cast<int32_t>(row));
    example.segments.push_back(segment);
    example.labels.push_back(row + 1 >= prompt.size() ? token_at(row + 1) : kIgnore);
  }
}

// `shared`: rows that all begin with; 0 where there is one question only.
TrainingExample with_shared_rows(const std::vector<PromptAndReply>& all, size_t shared) {
  TrainingExample example;
  append_shared(example, all.front().prompt, shared);
  for (size_t i = 0; i < all.size(); ++i) {
    for (size_t row = 0; row < shared; ++row)
      STAPES_CHECK(all[i].prompt.ids[row] == example.ids[row], "question {} has other shared rows",
                   i);
    append_segment(example, all[i], shared, all.size() > 1 ? static_cast<int32_t>(i) + 1 : 0);
  }
  return example;
}

std::vector<PromptAndReply> tokenize_all(const Tokenizer& tokenizer,
                                         const std::vector<Question>& questions,
                                         const std::vector<int64_t>& tokens_per_audio) {
  STAPES_CHECK(!questions.empty(), "an example needs a question");
  std::vector<PromptAndReply> all;
  for (const auto& question : questions)
    all.push_back(tokenize(tokenizer, question, tokens_per_audio));
  return all;
}

// The longest beginning of all prompts; the last row of each stays its own, since it predicts the
// first token of the reply.
size_t common_rows(const std::vector<PromptAndReply>& all) {
  const std::vector<TokenId>& first = all.front().prompt.ids;
  size_t common = first.size();
  for (const auto& other : all) {
    const auto& ids = other.prompt.ids;
    common = std::min(common, ids.size() - 1);
    common = static_cast<size_t>(std::mismatch(first.begin(),
                                               first.begin() + static_cast<std::ptrdiff_t>(common),
                                               ids.begin())
                                     .first -
                                 first.begin());
  }
  return common;
}

}  // namespace

Reply reply_with_thinking(const std::string& thinking, const std::string& answer) {
  return {"<think>\n", thinking + "\n</think>\n" + answer};
}

Reply reply_with_cut_thought(const Tokenizer& tokenizer, const std::string& thinking,
                             const std::string& answer, double share) {
  std::vector<TokenId> ids = tokenizer.encode_plain(thinking);
  const auto kept = static_cast<size_t>(share * static_cast<double>(ids.size()));
  ids.resize(std::clamp<size_t>(kept, 1, ids.size()));
  // A character may be several tokens: half of one is left away.
  return {"<think>\n" + Utf8Stream().push(tokenizer.decode(ids)) + "\n</think>\n", answer};
}

Reply reply_without_thinking(const std::string& answer, EmptyThought empty) {
  if (empty == EmptyThought::kInLoss) return {"<think>\n", "\n</think>\n" + answer};
  return {"<think>\n\n</think>\n", answer};
}

TrainingExample make_example(const Tokenizer& tokenizer, std::vector<MelSpectrogram> mels,
                             const std::vector<Question>& questions) {
  std::vector<int64_t> tokens_per_audio;
  for (const auto& mel : mels)
    tokens_per_audio.push_back(audio_token_count(mel.frames, AudioRule::kHuggingFace));
  TrainingExample example = make_example_rows(tokenizer, tokens_per_audio, questions);
  example.mels = std::move(mels);
  return example;
}

TrainingExample make_example_rows(const Tokenizer& tokenizer,
                                  const std::vector<int64_t>& tokens_per_audio,
                                  const std::vector<Question>& questions) {
  const auto all = tokenize_all(tokenizer, questions, tokens_per_audio);
  size_t shared = 0;
  if (all.size() > 1) {
    const auto& spans = all.front().prompt.audio_spans;
    STAPES_CHECK(spans.size() == 1, "only questions about one clip can share rows");
    shared = spans[0].begin + spans[0].count + 1;  // with <audio_end>
  }
  return with_shared_rows(all, shared);
}

TrainingExample make_conversation_rows(const Tokenizer& tokenizer,
                                       const std::vector<int64_t>& tokens_per_audio,
                                       const std::vector<Question>& turns) {
  const auto all = tokenize_all(tokenizer, turns, tokens_per_audio);
  return with_shared_rows(all, all.size() > 1 ? common_rows(all) : 0);
}

}  // namespace stapes::train
