// The release's chat format (reference A8): `<|BOT|>role\ncontent<|EOT|>`, sound as
// `<audio_start><audio_patch>*n<audio_end>`, generation prompt `<|BOT|>assistant\n<think>\n`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "stapes/chat.h"
#include "text/tokenizer.h"

namespace stapes {

// Rows [begin, begin + count) of the prompt are <audio_patch> placeholders for one clip.
struct AudioSpan {
  size_t begin = 0;
  size_t count = 0;
  size_t audio_index = 0;
};

struct Prompt {
  std::vector<TokenId> ids;
  std::vector<AudioSpan> audio_spans;
  bool thinking_open = false;  // the prompt ends inside <think>
};

struct PromptOptions {
  // An assistant's message at the end stays open (no <|EOT|>), as in the release's template.
  bool continue_last_turn = true;
  // Where no turn is left open: append `<|BOT|>assistant\n<think>\n`.
  bool add_generation_prompt = true;
  // What the generation prompt opens with; "<think>\n\n</think>\n" asks for a direct answer.
  std::string assistant_prefix = "<think>\n";
  // Take the thinking out of earlier assistant turns (common practice; the template itself keeps
  // it).
  bool strip_old_thinking = true;
};

// Text is encoded plainly: control tokens in it stay text. `tokens_per_audio[i]` is the number of
// rows that clip i takes. As in the release's template, one newline directly after a clip is left
// out. Turns are named as the official server does (ChatMessage::role). Throws kInvalidText (not
// UTF-8), kUsage (an audio index out of range, a negative or absurd number of rows, no role),
// a speech code out of range), kInvalidModel (the tokenizer lacks a control token, or those of
// speech where a message has speech).
Prompt build_prompt(const Tokenizer& tokenizer, std::span<const ChatMessage> messages,
                    std::span<const int64_t> tokens_per_audio, const PromptOptions& options = {});

}  // namespace stapes
