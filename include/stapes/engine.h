// Listen, think, answer: the public door of Stapes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "stapes/audio.h"
#include "stapes/chat.h"
#include "stapes/options.h"

namespace stapes {

struct Request {
  std::vector<ChatMessage> messages;
  std::vector<AudioClip> clips;  // what the messages' audio parts point to; each at most 29.98 s
  SamplingOptions sampling;
};

enum class FinishReason : uint8_t { kStop, kLength, kCancelled };

// A piece of the stream. Never half a UTF-8 character, never part of a marker.
struct Delta {
  bool thinking = false;  // else: of the answer
  std::string text;
};
// Return false to cancel.
using DeltaSink = std::function<bool(const Delta&)>;

struct Usage {
  int64_t prompt_tokens = 0;  // audio rows included
  int64_t audio_tokens = 0;
  int64_t thinking_tokens = 0;  // generated, markers included
  int64_t answer_tokens = 0;
};

struct Timing {
  double encode_ms = 0;       // mel, encoder and adaptor of all clips
  double prefill_ms = 0;
  double first_token_ms = 0;  // from the call to the first generated token
  double total_ms = 0;
};

struct Result {
  std::string thinking;
  std::string answer;
  FinishReason finish = FinishReason::kStop;
  std::vector<int64_t> audio_tokens_per_clip;
  Usage usage;
  Timing timing;
};

class Engine {
 public:
  // A model folder in the Hugging Face layout, or a GGUF file that `stapes quantize` wrote. Throws
  // kNotFound, kInvalidModel, kUnsupported (a file that is newer than this build).
  static Engine open(const std::filesystem::path& model, const EngineOptions& options = {});
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;
  ~Engine();

  // Throws kUsage, kInvalidText, kInvalidAudio, kTooLarge (prompt longer than the context).
  // Calls may come from several threads; each is answered as if it were alone.
  Result generate(const Request& request, const DeltaSink& sink = {}) const;

  // What generation_config.json recommends, or the release's own values (temperature 0.7).
  const SamplingOptions& default_sampling() const;
  double load_ms() const;

 private:
  struct Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace stapes
