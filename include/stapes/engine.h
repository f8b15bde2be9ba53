// Listen, think, answer: the public door of Stapes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stapes/audio.h"
#include "stapes/chat.h"
#include "stapes/options.h"

namespace stapes {

// A prompt without any chat format.
struct RawPrompt {
  std::string text;          // UTF-8; names of control tokens in it become these tokens
  std::vector<int64_t> ids;  // in place of a text
};

struct Request {
  std::vector<ChatMessage> messages;
  std::vector<AudioClip> clips;  // what the messages' audio parts point to; each at most 29.98 s
  SamplingOptions sampling;
  int samples = 1;  // answers to the one prompt, which is read once; 1 to 256

  // An assistant's message at the end stays open, and its text is continued. Thinking is open if
  // the last marker in it opens a thought.
  bool continue_last_turn = true;
  // Where no turn is left open: begin the assistant's, with an open thought.
  bool add_generation_prompt = true;
  // In place of messages and clips; what follows is continued text and all of it the answer.
  std::optional<RawPrompt> raw_prompt = {};
  // False: thinking stays in the answer, with its markers, as the model writes it.
  bool split_thinking = true;
  // Control tokens that the model writes appear in the text, save the one that ends it.
  bool show_special_tokens = false;
};

enum class FinishReason : uint8_t { kStop, kLength, kCancelled };

struct TokenLogprob {
  int64_t id = 0;
  double logprob = 0;  // natural; -infinity where the model excludes the token
  std::string bytes;   // may be a part of a UTF-8 character
};

// One generated token; only where SamplingOptions::logprobs asks for it. Stop tokens and those that
// close a spent thought are not among them; those of markers and of a stop text are.
struct GeneratedToken {
  TokenLogprob chosen;
  std::vector<TokenLogprob> top;  // the most likely ones, most likely first
  bool thinking = false;          // else: of the answer
};

// A piece of the stream. Never half a UTF-8 character, never part of a marker.
struct Delta {
  bool thinking = false;  // else: of the answer
  std::string text;
  int sample = 0;  // of Request::samples
  // Those generated since the sample's last delta. The last delta of a sample may have no text.
  std::vector<GeneratedToken> tokens = {};
};
// Return false to cancel.
using DeltaSink = std::function<bool(const Delta&)>;

struct Usage {
  int64_t prompt_tokens = 0;  // audio rows included
  int64_t cached_tokens = 0;  // of the prompt: their keys and values were there already
  int64_t audio_tokens = 0;
  int64_t thinking_tokens = 0;  // generated, markers included
  int64_t answer_tokens = 0;
};

struct Timing {
  double encode_ms = 0;       // mel, encoder and adaptor of all clips
  double prefill_ms = 0;      // from the first prompt token read to the last
  double first_token_ms = 0;  // from the call to the first generated token
  double total_ms = 0;
};

struct Result {
  std::string thinking;
  std::string answer;
  FinishReason finish = FinishReason::kStop;
  bool thought_closed = false;           // an end of thinking was written
  std::string stop_text;                 // kStop: the one of SamplingOptions::stop that was met
  std::optional<int64_t> stop_token_id;  // kStop: the token that ended the answer
  std::vector<GeneratedToken> tokens;    // all, as in the deltas
  std::vector<int64_t> audio_tokens_per_clip;
  Usage usage;
  Timing timing;
};

class RequestStream;

// The answer to one request while it is written. One thread reads; cancel() may be called from any.
// It may outlive the engine: what was not finished by then ends as cancelled.
class AnswerStream {
 public:
  explicit AnswerStream(std::shared_ptr<RequestStream> stream);
  AnswerStream(AnswerStream&&) noexcept;
  AnswerStream& operator=(AnswerStream&&) noexcept;
  ~AnswerStream();  // cancels what is not finished

  uint64_t id() const;  // for Engine::cancel

  // Waits for the next piece; nothing after the last one. Throws the error that ended the request:
  // kInvalidModel, kTooLarge, or whatever a thread of the engine threw.
  std::optional<Delta> next();
  // The same without waiting: nothing if there is nothing yet.
  std::optional<Delta> try_next();
  // All is generated, or the request has failed; there may be deltas left to read.
  bool finished() const;

  // Waits for the end; deltas not read by then are dropped. A cancelled request's result holds what
  // had been generated until then. Throws as next().
  Result result();                // of the first sample
  std::vector<Result> results();  // of all samples

  void cancel();

 private:
  std::shared_ptr<RequestStream> stream_;
};

// What the engine has done since it was opened, and what it holds now.
struct EngineCounters {
  int64_t prompt_tokens_computed = 0;
  int64_t prompt_tokens_from_cache = 0;
  int64_t encoder_runs = 0;
  int64_t clips_from_cache = 0;  // clips of requests that needed no run of the encoder
  int64_t generated_tokens = 0;  // stop tokens and forced ones included
  int64_t speculated_tokens = 0;
  int64_t accepted_tokens = 0;  // of those speculated
  int64_t steps = 0;            // forward passes of the decoder
  int64_t turns = 0;            // of the engine's thread; it makes none while there is nothing to do

  int64_t pages_in_use = 0;  // of keys and values, those below included
  int64_t pages_cached = 0;  // kept for prompts that begin alike; given up when pages are needed
  int64_t page_limit = 0;
  int64_t queued_requests = 0;
  int64_t live_sequences = 0;
};

// One thread of the engine's own runs the model; all functions may be called from any thread.
class Engine {
 public:
  // A model folder in the Hugging Face layout, or a GGUF file that `stapes quantize` wrote. Throws
  // kNotFound, kInvalidModel, kUsage (options out of range), kTooLarge (more key/value memory asked
  // for than there is), kUnsupported (the weights are larger than the memory; a file that is newer
  // than this build).
  static Engine open(const std::filesystem::path& model, const EngineOptions& options = {});
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;
  ~Engine();  // requests that are not finished end as cancelled

  // Begins a request and returns at once. Each is answered as if it were alone. `on_news`, if
  // given, is called by the engine's thread whenever there is something new to read; it must return
  // quickly and must not throw. Throws kUsage, kInvalidText, kInvalidAudio, kTooLarge (prompt
  // longer than the context), kBusy (too many requests wait already).
  AnswerStream submit(Request request, std::function<void()> on_news = {}) const;
  // Ends a request, wherever it stands; false if no such request is unfinished.
  bool cancel(uint64_t id) const;

  // submit() and result() in one, for one sample; waits where submit() throws kBusy. The sink is
  // called on the calling thread; once it has returned false the result's finish is kCancelled.
  Result generate(const Request& request, const DeltaSink& sink = {}) const;

  EngineCounters counters() const;
  // Asks the engine's thread for a turn even where there is nothing to do: where counters().turns
  // does not grow after that, the thread is stuck.
  void nudge() const;

  // The ids of a text. control_tokens: names of control tokens in it become these tokens, else they
  // stay text. Throws kInvalidText (not UTF-8).
  std::vector<int64_t> tokenize(std::string_view text, bool control_tokens = true) const;
  // The prompt that submit() would make; throws as that does.
  std::vector<int64_t> prompt_ids(const Request& request) const;
  // The bytes that ids stand for; may begin or end inside of a character. Throws kUsage (an id that
  // the vocabulary does not have).
  std::string detokenize(std::span<const int64_t> ids, bool skip_special_tokens = false) const;

  // Tokens that prompt and answer may come to.
  int64_t context_tokens() const;
  AudioRule audio_rule() const;
  // What generation_config.json recommends, or the release's own values (temperature 0.7).
  const SamplingOptions& default_sampling() const;
  double load_ms() const;

 private:
  struct Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace stapes
