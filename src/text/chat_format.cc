#include "text/chat_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/fail.h"
#include "text/special_tokens.h"
#include "text/think_splitter.h"
#include "text/utf8.h"

namespace stapes {
namespace {

// A guard against nonsense: 25 s of sound are 313 rows.
constexpr int64_t kRowsPerClipLimit = int64_t{1} << 20;
constexpr size_t kCodesPerWord = 4;
constexpr int32_t kSpeechCodePad = 6561;

// The turn's parts with neighbouring texts joined, as the template concatenates them.
std::vector<ContentPart> joined_parts(const ChatMessage& message) {
  std::vector<ContentPart> joined;
  for (const ContentPart& part : message.parts) {
    const bool continues_text = part.kind == ContentPart::Kind::kText && !joined.empty() &&
                                joined.back().kind == ContentPart::Kind::kText;
    if (continues_text) {
      joined.back().text += part.text;
    } else {
      joined.push_back(part);
    }
  }
  return joined;
}

// Everything through the last end marker and the newlines after it goes.
void strip_thinking(std::vector<ContentPart>& parts) {
  for (size_t i = parts.size(); i-- > 0;) {
    if (parts[i].kind != ContentPart::Kind::kText) continue;
    const std::string_view rest = without_thinking(parts[i].text);
    if (rest.size() == parts[i].text.size()) continue;
    parts[i].text = std::string(rest);
    parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(i));
    return;
  }
}

// The names that the official server gives to turns (reference A8).
std::string_view turn_name(std::string_view role) {
  if (role == "user") return "human";
  if (role == "tool") return "function_output";
  if (role == "function_output") return "input";
  return role;
}

class PromptBuilder {
 public:
  PromptBuilder(const Tokenizer& tokenizer, std::span<const int64_t> tokens_per_audio)
      : tokenizer_(tokenizer), tokens_per_audio_(tokens_per_audio) {}

  // `<|BOT|>` and the text that follows it directly; both stay open for more.
  void begin_turn(std::string_view role) {
    prompt_.ids.push_back(tokenizer_.require(kTurnBegin));
    text_ = std::string(turn_name(role)) + "\n";
  }
  void end_turn() {
    flush_text();
    prompt_.ids.push_back(tokenizer_.require(kTurnEnd));
  }
  void add_text(std::string_view text) { text_ += text; }

  void add_audio(size_t audio_index) {
    const int64_t rows = tokens_per_audio_[audio_index];
    flush_text();
    prompt_.ids.push_back(tokenizer_.require(kAudioStart));
    prompt_.audio_spans.push_back({prompt_.ids.size(), static_cast<size_t>(rows), audio_index});
    prompt_.ids.insert(prompt_.ids.end(), static_cast<size_t>(rows),
                       tokenizer_.require(kAudioPatch));
    prompt_.ids.push_back(tokenizer_.require(kAudioEnd));
  }

  void add_control(const std::string& name) {
    const std::optional<TokenId> id = tokenizer_.find(name);
    if (!id) return add_text(name);
    flush_text();
    prompt_.ids.push_back(*id);
  }

  // One token of text and four of sound in turns (reference B1); what is missing is padding.
  void add_speech(const ContentPart& part) {
    flush_text();
    const std::vector<TokenId> words = tokenizer_.encode_plain(part.text);
    const std::vector<int32_t>& codes = part.speech_codes;
    const size_t groups =
        std::max(words.size(), (codes.size() + kCodesPerWord - 1) / kCodesPerWord);
    std::vector<TokenId>& ids = prompt_.ids;
    ids.push_back(tokenizer_.require(kSpeechStart));
    for (size_t group = 0; group < groups; ++group) {
      ids.push_back(group < words.size() ? words[group] : tokenizer_.require(kSpeechPad));
      for (size_t i = group * kCodesPerWord; i < (group + 1) * kCodesPerWord; ++i)
        ids.push_back(tokenizer_.require(
            fmt::format("<audio_{}>", i < codes.size() ? codes[i] : kSpeechCodePad)));
    }
    ids.push_back(tokenizer_.require(kSpeechEnd));
  }

  void add_parts(const std::vector<ContentPart>& parts) {
    bool after_audio = false;
    for (const ContentPart& part : parts) {
      if (part.kind == ContentPart::Kind::kAudio) {
        add_audio(part.audio_index);
      } else if (part.kind == ContentPart::Kind::kControl) {
        add_control(part.text);
      } else if (part.kind == ContentPart::Kind::kSpeech) {
        add_speech(part);
      } else {
        std::string_view text = part.text;
        // The template takes one newline away after a clip.
        if (after_audio && text.starts_with('\n')) text.remove_prefix(1);
        add_text(text);
      }
      after_audio = part.kind == ContentPart::Kind::kAudio;
    }
  }

  // Text between two control tokens is encoded as one string: BPE merges across its parts.
  void flush_text() {
    const std::vector<TokenId> ids = tokenizer_.encode_plain(text_);
    prompt_.ids.insert(prompt_.ids.end(), ids.begin(), ids.end());
    text_.clear();
  }

  Prompt take(bool thinking_open) {
    flush_text();
    prompt_.thinking_open = thinking_open;
    return std::move(prompt_);
  }

 private:
  const Tokenizer& tokenizer_;
  std::span<const int64_t> tokens_per_audio_;
  Prompt prompt_;
  std::string text_;  // not yet encoded
};

void check_text(std::string_view text, std::string_view what, size_t message_index) {
  const size_t invalid = find_invalid_utf8(text);
  if (invalid == std::string_view::npos) return;
  fail(ErrorCode::kInvalidText, "the {} of message {}: byte {} is not valid UTF-8", what,
       message_index, invalid);
}

void check_speech_codes(std::span<const int32_t> codes, size_t message_index) {
  const auto outside = [](int32_t code) { return code < 0 || code > kSpeechCodePad; };
  if (const auto wrong = std::ranges::find_if(codes, outside); wrong != codes.end())
    fail(ErrorCode::kUsage, "message {}: expected speech codes of 0 to {}, got {}", message_index,
         kSpeechCodePad, *wrong);
}

void check_message(const ChatMessage& message, size_t index,
                   std::span<const int64_t> tokens_per_audio) {
  if (message.role.empty()) fail(ErrorCode::kUsage, "message {} has no role", index);
  check_text(message.role, "role", index);
  for (const ContentPart& part : message.parts) {
    if (part.kind != ContentPart::Kind::kAudio) {
      check_text(part.text, "text", index);
      check_speech_codes(part.speech_codes, index);
    } else if (part.audio_index >= tokens_per_audio.size()) {
      fail(ErrorCode::kUsage, "message {} names clip {}, but only {} clips were given", index,
           part.audio_index, tokens_per_audio.size());
    }
  }
}

void check_rows(std::span<const int64_t> tokens_per_audio) {
  for (size_t i = 0; i < tokens_per_audio.size(); ++i) {
    if (tokens_per_audio[i] < 0 || tokens_per_audio[i] > kRowsPerClipLimit) {
      fail(ErrorCode::kUsage, "clip {}: expected 0 to {} rows of audio, got {}", i,
           kRowsPerClipLimit, tokens_per_audio[i]);
    }
  }
}

std::string text_of(const std::vector<ContentPart>& parts) {
  std::string text;
  for (const ContentPart& part : parts) text += part.text;
  return text;
}

}  // namespace

Prompt build_prompt(const Tokenizer& tokenizer, std::span<const ChatMessage> messages,
                    std::span<const int64_t> tokens_per_audio, const PromptOptions& options) {
  check_rows(tokens_per_audio);
  PromptBuilder builder(tokenizer, tokens_per_audio);
  for (size_t i = 0; i < messages.size(); ++i) {
    const ChatMessage& message = messages[i];
    check_message(message, i, tokens_per_audio);
    const bool is_assistant = message.role == "assistant";
    const bool stays_open = options.continue_last_turn && is_assistant && i + 1 == messages.size();
    std::vector<ContentPart> parts = joined_parts(message);
    if (is_assistant && !stays_open && options.strip_old_thinking) strip_thinking(parts);
    builder.begin_turn(message.role);
    builder.add_parts(parts);
    if (stays_open) return builder.take(ThinkSplitter::thinking_open_after(text_of(parts)));
    builder.end_turn();
  }
  if (!options.add_generation_prompt) return builder.take(false);
  check_text(options.assistant_prefix, "assistant prefix", messages.size());
  builder.begin_turn("assistant");
  builder.add_text(options.assistant_prefix);
  return builder.take(ThinkSplitter::thinking_open_after(options.assistant_prefix));
}

}  // namespace stapes
