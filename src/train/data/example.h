// What a trainer learns from: one clip, and one or several questions about it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "audio/log_mel.h"
#include "text/chat_format.h"

namespace stapes::train {

inline constexpr int32_t kIgnore = -1;  // a label that is not in the loss

// What is heard at a time, for the encoder's helper loss: one entry per encoder frame (40 ms).
// Class 0 means "nothing sounds here" in each of them; empty where the truth is not known.
struct FrameTargets {
  std::vector<int32_t> sound;    // 1 + digit (1-10), or 11 + step of the pentatonic scale (11-21)
  std::vector<int32_t> ordinal;  // 1 for the first event of the clip, 2 for the second, ...
  std::vector<int32_t> speaker;  // 1 + place in the sorted list of speakers
  std::vector<int32_t> voice;    // 1: the voice of the first event, 2: another one
  std::vector<int32_t> level;    // 1: within 3 dB of the clip's loudest event, 2: within 6 dB, ...
};
inline constexpr int kSoundClasses = 22;  // nothing, 10 digits, 11 pitches
inline constexpr int kOrdinalClasses = 9;
inline constexpr int kSpeakerClasses = 8;
inline constexpr int kVoiceClasses = 3;
inline constexpr int kLevelClasses = 7;
inline constexpr int kFrameClasses =
    kSoundClasses + kOrdinalClasses + kSpeakerClasses + kVoiceClasses + kLevelClasses;

// Rows are tokens; `<audio_patch>` rows inside a span are replaced by the adaptor's output.
// Several questions about one clip share its rows: the shared rows are segment 0, each question and
// its reply is a segment of its own that sees segment 0 and itself, and positions count as if it
// were alone.
struct TrainingExample {
  std::vector<MelSpectrogram> mels;  // one per span
  std::vector<AudioSpan> audio_spans;
  std::vector<TokenId> ids;        // [T]
  std::vector<int32_t> positions;  // [T]
  std::vector<int32_t> segments;   // [T]
  std::vector<int32_t> labels;     // [T] the next token of the same segment, or kIgnore
  FrameTargets frames;             // of the first clip
  std::string origin;              // where it comes from, for people: "chains: a.jsonl:17"
};

// A reply to train on: what the prompt ends with, and the text that the model has to write after
// it.
struct Reply {
  std::string assistant_prefix;  // "<think>\n" or "<think>\n\n</think>\n"
  std::string text;              // "THINKING\n</think>\nANSWER" or "ANSWER"
  // Where the reply was sampled: its ids, the stop token included. They count in place of `text`,
  // which read again may be other ids.
  std::vector<TokenId> sampled = {};
};
Reply reply_with_thinking(const std::string& thinking, const std::string& answer);
// The same with the thought broken off after `share` (0..1) of its tokens, one at least, and given:
// only the answer is to be written. So does a thinking budget end a thought.
Reply reply_with_cut_thought(const Tokenizer& tokenizer, const std::string& thinking,
                             const std::string& answer, double share);

// Where the empty thought of a direct answer stands.
enum class EmptyThought : uint8_t {
  kInPrompt,  // "<think>\n\n</think>\n" is given, as `think_budget = 0` gives it: not in the loss
  kInLoss     // "<think>\n" is given, as for every reply, and the model writes "\n</think>\n"
};
Reply reply_without_thinking(const std::string& answer,
                             EmptyThought empty = EmptyThought::kInPrompt);

struct Question {
  std::vector<ChatMessage> messages;  // ends with the user's turn
  Reply reply;
};

// One prompt and its reply, loss on the reply and the <|EOT|> that ends it.
// Several questions: all must begin with the same rows up to the end of the only audio span.
TrainingExample make_example(const Tokenizer& tokenizer, std::vector<MelSpectrogram> mels,
                             const std::vector<Question>& questions);
// The same without mels: the rows alone.
TrainingExample make_example_rows(const Tokenizer& tokenizer,
                                  const std::vector<int64_t>& tokens_per_audio,
                                  const std::vector<Question>& questions);

// Several turns of one conversation that are in the loss: each is a question with all that came
// before it. What all of them begin with is segment 0. (One segment would not do: a turn is written
// after its own thought, while the turns after it see it without.) The rows alone, without mels.
TrainingExample make_conversation_rows(const Tokenizer& tokenizer,
                                       const std::vector<int64_t>& tokens_per_audio,
                                       const std::vector<Question>& turns);

}  // namespace stapes::train
