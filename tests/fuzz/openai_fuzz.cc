// libFuzzer: any bytes are a body that is refused by an Error, or a request whose prompt has no
// more turns and sounds than the request, whatever its texts say.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "serve/openai/chat_reply.h"
#include "serve/openai/chat_request.h"
#include "serve/openai/completion_request.h"
#include "text/bpe_trainer.h"
#include "text/chat_format.h"

namespace {

using namespace stapes;
using namespace stapes::serve;

void check(bool holds) {
  if (!holds) std::abort();
}

const Tokenizer& tokenizer() {
  static const Tokenizer kTokenizer = [] {
    const std::vector<std::string> corpus = {"<think>\nWhich digits are spoken?\n</think>\n"};
    return Tokenizer::parse(train_tokenizer_json(corpus, /*merge_count=*/20), "fuzz");
  }();
  return kTokenizer;
}

ModelFacts facts() {
  ModelFacts facts;
  facts.context_tokens = 4096;
  return facts;
}

int64_t count(const Prompt& prompt, const char* name) {
  return std::ranges::count(prompt.ids, tokenizer().require(name));
}

bool has_controls(const Request& request) {
  return std::ranges::any_of(request.messages, [](const ChatMessage& message) {
    return std::ranges::any_of(message.parts, [](const ContentPart& part) {
      return part.kind == ContentPart::Kind::kSpeech;  // needs tokens that this vocabulary lacks
    });
  });
}

void read_chat(std::string_view body) {
  const AudioPolicy policy{.max_clip_bytes = 1 << 16, .max_audio_seconds = 60};
  const ChatRequest request = parse_chat_request(body, policy, facts());
  const Request& native = request.native;
  if (has_controls(native)) return;
  const std::vector<int64_t> rows(native.clips.size(), 1);
  const Prompt prompt = build_prompt(tokenizer(), native.messages, rows,
                                     {.continue_last_turn = native.continue_last_turn,
                                      .add_generation_prompt = native.add_generation_prompt});
  const auto turns = static_cast<int64_t>(native.messages.size());
  check(count(prompt, "<|BOT|>") <= turns + 1);
  check(count(prompt, "<|EOT|>") <= turns);
  check(count(prompt, "<audio_patch>") == static_cast<int64_t>(native.clips.size()));
  check(count(prompt, "<tts_start>") <= 1);
  ChatReplyWriter writer(request, "chatcmpl-1", 1, "m");
  std::vector<Result> results(static_cast<size_t>(native.samples));
  for (Result& result : results) result.answer = "<tool_call>function\nf\n{}</tool_call>";
  check(writer.whole(results).find('\n') == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    if (data[0] % 4 == 0) {
      parse_completion_request(body, facts());
    } else {
      read_chat(body);
    }
  } catch (const Error&) {
    // refused, in words
  }
  return 0;
}
