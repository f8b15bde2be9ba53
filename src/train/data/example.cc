#include "train/data/example.h"

#include "base/check.h"
#include "spec/audio_tokens.h"

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

// Appends the rows of one question from `first_row` of its prompt on, as one segment.
void append_segment(TrainingExample& example, const PromptAndReply& rows, size_t first_row,
                    int32_t segment) {
  const auto& prompt = rows.prompt.ids;
  const size_t total = prompt.size() + rows.reply.size();
  const auto token_at = [&](size_t row) {
    return row < prompt.size() ? prompt[row] : rows.reply[row - prompt.size()];
  };
  // The last token of the reply has nothing to predict, so it needs no row.
  for (size_t row = first_row; row + 1 < total; ++row) {
    example.ids.push_back(token_at(row));
    example.positions.push_back(static_cast<int32_t>(row));
    example.segments.push_back(segment);
    example.labels.push_back(row + 1 >= prompt.size() ? token_at(row + 1) : kIgnore);
  }
}

}  // namespace

Reply reply_with_thinking(const std::string& thinking, const std::string& answer) {
  return {"<think>\n", thinking + "\n</think>\n" + answer};
}

Reply reply_without_thinking(const std::string& answer) {
  return {"<think>\n\n</think>\n", answer};
}

TrainingExample make_example(const Tokenizer& tokenizer, std::vector<MelSpectrogram> mels,
                             const std::vector<Question>& questions) {
  STAPES_CHECK(!questions.empty(), "an example needs a question");
  std::vector<int64_t> tokens_per_audio;
  for (const auto& mel : mels)
    tokens_per_audio.push_back(audio_token_count(mel.frames, AudioRule::kHuggingFace));

  TrainingExample example;
  example.mels = std::move(mels);
  std::vector<PromptAndReply> all;
  for (const auto& question : questions)
    all.push_back(tokenize(tokenizer, question, tokens_per_audio));
  example.audio_spans = all.front().prompt.audio_spans;

  size_t shared = 0;
  if (all.size() > 1) {
    STAPES_CHECK(example.audio_spans.size() == 1, "only questions about one clip can share rows");
    shared = example.audio_spans[0].begin + example.audio_spans[0].count + 1;  // with <audio_end>
    for (size_t row = 0; row < shared; ++row) {
      example.ids.push_back(all.front().prompt.ids[row]);
      example.positions.push_back(static_cast<int32_t>(row));
      example.segments.push_back(0);
      example.labels.push_back(kIgnore);
    }
  }
  for (size_t i = 0; i < all.size(); ++i) {
    for (size_t row = 0; row < shared; ++row)
      STAPES_CHECK(all[i].prompt.ids[row] == example.ids[row], "question {} has other shared rows",
                   i);
    append_segment(example, all[i], shared, all.size() > 1 ? static_cast<int32_t>(i) + 1 : 0);
  }
  return example;
}

}  // namespace stapes::train
