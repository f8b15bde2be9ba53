#include "engine/prepared_request.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/fail.h"
#include "engine/sampler.h"
#include "spec/audio_tokens.h"
#include "text/utf8.h"

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

void check_raw_prompt(const LoadedModel& model, const Request& request) {
  const RawPrompt& prompt = *request.raw_prompt;
  if (!request.messages.empty() || !request.clips.empty())
    fail(ErrorCode::kUsage, "expected either a raw prompt or messages, got both");
  if (!prompt.text.empty() && !prompt.ids.empty())
    fail(ErrorCode::kUsage, "expected a raw prompt as text or as ids, got both");
  if (prompt.text.empty() && prompt.ids.empty())
    fail(ErrorCode::kInvalidText, "expected a prompt of at least one token, got an empty one");
  check_token_ids(model.tokenizer, prompt.ids);
  if (const size_t invalid = find_invalid_utf8(prompt.text); invalid != std::string::npos)
    fail(ErrorCode::kInvalidText, "the prompt: byte {} is not valid UTF-8", invalid);
}

Prompt prompt_of(const Tokenizer& tokenizer, const Request& request,
                 const std::vector<int64_t>& tokens_per_clip) {
  if (request.raw_prompt) {
    const RawPrompt& raw = *request.raw_prompt;
    Prompt prompt;
    if (raw.ids.empty()) prompt.ids = tokenizer.encode(raw.text);
    for (const int64_t id : raw.ids) prompt.ids.push_back(static_cast<TokenId>(id));
    return prompt;
  }
  PromptOptions options{.continue_last_turn = request.continue_last_turn,
                        .add_generation_prompt = request.add_generation_prompt};
  if (request.sampling.think_budget == 0) options.assistant_prefix = "<think>\n\n</think>\n";
  return build_prompt(tokenizer, request.messages, tokens_per_clip, options);
}

constexpr int kMostSamples = 256;

void check_samples(const Request& request) {
  if (request.samples < 1 || request.samples > kMostSamples)
    fail(ErrorCode::kUsage, "expected 1 to {} samples, got {}", kMostSamples, request.samples);
}

void check_room(const LoadedModel& model, const PreparedRequest& prepared) {
  const auto prompt_tokens = static_cast<int64_t>(prepared.prompt.ids.size());
  if (prompt_tokens >= model.context_tokens)
    fail(ErrorCode::kTooLarge,
         "the prompt has {} tokens, but the context holds {} and the answer needs room too",
         prompt_tokens, model.context_tokens);
  const KvLayout& layout = model.kv_layout;
  const int samples = prepared.request.samples;
  const int64_t wanted =
      samples == 1 ? prepared.longest_length : most_pages(layout, prepared) * layout.page_tokens;
  if (wanted > model.max_kv_tokens)
    fail(ErrorCode::kTooLarge,
         "prompt and answer may take {} tokens ({} of the prompt, {} sample{}), but the key/value "
         "memory holds {}",
         wanted, prompt_tokens, samples, samples == 1 ? "" : "s", model.max_kv_tokens);
}

std::vector<PositionContent> contents_of(const Prompt& prompt,
                                         const std::vector<ContentHash>& clip_hashes) {
  std::vector<PositionContent> contents;
  contents.reserve(prompt.ids.size());
  for (const TokenId id : prompt.ids) contents.push_back({.token = id, .clip = {}});
  for (const AudioSpan& span : prompt.audio_spans) {
    for (size_t row = 0; row < span.count; ++row) {
      PositionContent& content = contents[span.begin + row];
      content.audio_row = static_cast<int64_t>(row);
      content.clip = clip_hashes[span.audio_index];
    }
  }
  return contents;
}

}  // namespace

void check_token_ids(const Tokenizer& tokenizer, std::span<const int64_t> ids) {
  const auto size = static_cast<int64_t>(tokenizer.size());
  const auto wrong = std::ranges::find_if(ids, [&](int64_t id) { return id < 0 || id >= size; });
  if (wrong != ids.end())
    fail(ErrorCode::kUsage, "expected token ids of 0 to {}, got {} in place {}", size - 1, *wrong,
         wrong - ids.begin());
}

PreparedRequest prepare_request(const LoadedModel& model, Request request) {
  PreparedRequest prepared;
  check_sampling_options(request.sampling);
  check_samples(request);
  request.raw_prompt ? check_raw_prompt(model, request) : check_messages(request);
  for (size_t i = 0; i < request.clips.size(); ++i) {
    const AudioClip& clip = request.clips[i];
    check_clip(model, clip, i + 1);
    const int64_t frames = mel_frame_count(static_cast<int64_t>(clip.samples.size()));
    prepared.tokens_per_clip.push_back(audio_token_count(frames, model.audio_rule));
    prepared.clip_hashes.push_back(hash_of_samples(clip.samples));
  }
  prepared.prompt = prompt_of(model.tokenizer, request, prepared.tokens_per_clip);
  prepared.contents = contents_of(prepared.prompt, prepared.clip_hashes);
  const auto prompt_tokens = static_cast<int64_t>(prepared.prompt.ids.size());
  prepared.longest_length =
      std::min(prompt_tokens + request.sampling.max_tokens, model.context_tokens);
  prepared.request = std::move(request);
  check_room(model, prepared);
  return prepared;
}

int64_t most_pages_of_sample(const KvLayout& layout, const PreparedRequest& prepared) {
  const auto prompt_tokens = static_cast<int64_t>(prepared.prompt.ids.size());
  return layout.pages_for(prepared.longest_length) - prompt_tokens / layout.page_tokens;
}

int64_t most_pages(const KvLayout& layout, const PreparedRequest& prepared) {
  const auto prompt_tokens = static_cast<int64_t>(prepared.prompt.ids.size());
  return prompt_tokens / layout.page_tokens +
         prepared.request.samples * most_pages_of_sample(layout, prepared);
}

Tensor mel_of(const LoadedModel& model, const AudioClip& clip) {
  const MelSpectrogram mel = model.mel.compute(clip.samples);
  Tensor tensor({mel.frames, mel.bands});
  std::ranges::copy(mel.values, tensor.values().begin());
  return tensor;
}

}  // namespace stapes
