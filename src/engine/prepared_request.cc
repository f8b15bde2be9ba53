#include "engine/prepared_request.h"

#include <algorithm>
#include <cmath>

#include "base/fail.h"
#include "engine/sampler.h"
#include "spec/audio_tokens.h"

namespace stapes {
namespace {

// Counts from 1 in messages: "audio clip 2".
void check_clip(const LoadedModel& model, const AudioClip& clip, size_t number) {
  if (clip.samples.empty())
    fail(ErrorCode::kInvalidAudio, "audio clip {} is empty: expected at least one sample", number);
  const auto bad =
      std::ranges::find_if(clip.samples, [](float sample) { return !std::isfinite(sample); });
  if (bad != clip.samples.end())
    fail(ErrorCode::kInvalidAudio, "audio clip {}: expected finite samples, but sample {} is {}",
         number, bad - clip.samples.begin(), *bad);
  const int64_t frames = mel_frame_count(static_cast<int64_t>(clip.samples.size()));
  const int64_t longest = model.model.config().encoder.max_mel_frames();
  if (frames > longest)
    fail(ErrorCode::kTooLarge,
         "audio clip {} lasts {:.2f} s ({} mel frames), but the model takes at most {} frames "
         "({:.2f} s); split it first",
         number, clip.seconds(), frames, longest, static_cast<double>(longest) / 100 - 0.02);
  if (audio_token_count(frames, model.audio_rule) < 1)
    fail(ErrorCode::kInvalidAudio,
         "audio clip {} lasts only {:.3f} s: too short to give the model one token", number,
         clip.seconds());
}

void check_messages(const Request& request) {
  if (request.messages.empty()) fail(ErrorCode::kUsage, "expected at least one message, got none");
  bool anything = false;
  std::vector<bool> used(request.clips.size(), false);
  for (const ChatMessage& message : request.messages) {
    for (const ContentPart& part : message.parts) {
      const bool audio = part.kind == ContentPart::Kind::kAudio;
      anything = anything || audio || !part.text.empty();
      if (!audio) continue;
      if (part.audio_index >= used.size())
        fail(ErrorCode::kUsage, "a message points to audio clip {}, but the request has {}",
             part.audio_index + 1, used.size());
      used[part.audio_index] = true;
    }
  }
  if (!anything)
    fail(ErrorCode::kInvalidText, "expected a question or sound, but all messages are empty");
  const auto unused = std::ranges::find(used, false);
  if (unused != used.end())
    fail(ErrorCode::kUsage, "audio clip {} is in the request, but no message points to it",
         unused - used.begin() + 1);
}

void check_room(const LoadedModel& model, const PreparedRequest& prepared) {
  const auto prompt_tokens = static_cast<int64_t>(prepared.prompt.ids.size());
  if (prompt_tokens >= model.context_tokens)
    fail(ErrorCode::kTooLarge,
         "the prompt has {} tokens, but the context holds {} and the answer needs room too",
         prompt_tokens, model.context_tokens);
  const int64_t wanted =
      std::min(prompt_tokens + prepared.request->sampling.max_tokens, model.context_tokens);
  if (wanted > model.max_kv_tokens)
    fail(ErrorCode::kTooLarge,
         "prompt and answer may take {} tokens ({} of the prompt), but the key/value memory holds "
         "{}",
         wanted, prompt_tokens, model.max_kv_tokens);
}

}  // namespace

PreparedRequest prepare_request(const LoadedModel& model, const Request& request) {
  check_sampling_options(request.sampling);
  check_messages(request);
  PreparedRequest prepared;
  prepared.request = &request;
  for (size_t i = 0; i < request.clips.size(); ++i) {
    check_clip(model, request.clips[i], i + 1);
    const auto samples = static_cast<int64_t>(request.clips[i].samples.size());
    prepared.tokens_per_clip.push_back(
        audio_token_count(mel_frame_count(samples), model.audio_rule));
  }
  PromptOptions options;
  if (request.sampling.think_budget == 0) options.assistant_prefix = "<think>\n\n</think>\n";
  prepared.prompt =
      build_prompt(model.tokenizer, request.messages, prepared.tokens_per_clip, options);
  check_room(model, prepared);
  return prepared;
}

Tensor mel_of(const LoadedModel& model, const AudioClip& clip) {
  const MelSpectrogram mel = model.mel.compute(clip.samples);
  Tensor tensor({mel.frames, mel.bands});
  std::ranges::copy(mel.values, tensor.values().begin());
  return tensor;
}

}  // namespace stapes
