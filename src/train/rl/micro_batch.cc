#include "train/rl/micro_batch.h"

#include <algorithm>
#include <numeric>

#include "audio/log_mel.h"
#include "base/check.h"
#include "spec/audio_tokens.h"
#include "train/data/batch.h"
#include "train/nn/losses.h"

namespace stapes::train {
namespace {

// Rows of a sequence that holds several replies. More share the prompt's rows, but attention grows
// with the square.
constexpr int64_t kPackedRows = 256;
constexpr size_t kClipsAtOnce = 16;

std::vector<Pack> make_packs(std::span<const TrainerPrompt> prompts,
                             std::span<const Rollout> rollouts, int64_t most_rows) {
  // By prompt, then by length: like lengths stand together.
  std::vector<size_t> order(rollouts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    if (rollouts[a].prompt != rollouts[b].prompt) return rollouts[a].prompt < rollouts[b].prompt;
    return rollouts[a].ids.size() < rollouts[b].ids.size();
  });
  const int64_t limit = std::min(most_rows, kPackedRows);
  std::vector<Pack> packs;
  for (const size_t i : order) {
    const TrainerPrompt& prompt = prompts[rollouts[i].prompt];
    const bool starts = packs.empty() || packs.back().prompt != &prompt ||
                        packs.back().rows + reply_rows(rollouts[i]) > limit;
    if (starts) packs.push_back({&prompt, {}, static_cast<int64_t>(prompt.ids.size())});
    packs.back().replies.push_back(i);
    packs.back().rows += reply_rows(rollouts[i]);
  }
  return packs;
}

// Collects plain numbers; tensors are made once at the end.
class Builder {
 public:
  Builder(std::span<const Pack> packs, std::span<const Rollout> rollouts,
          const RaggedTokens& tokens)
      : packs_(packs), rollouts_(rollouts), tokens_(tokens) {
    for (const Pack& pack : packs) rows_ = std::max(rows_, pack.rows);
    const auto cells = static_cast<size_t>(std::ssize(packs)) * static_cast<size_t>(rows_);
    ids_.assign(cells, 0);
    positions_.assign(cells, 0);
    segments_.assign(cells, -1);
    for (size_t b = 0; b < packs.size(); ++b) place_pack(static_cast<int64_t>(b));
  }

  MicroBatch build(torch::Device device) const {
    const int64_t b = std::ssize(packs_);
    const auto integers = [&](const std::vector<int64_t>& values, at::IntArrayRef shape) {
      return torch::tensor(values, torch::kInt64).view(shape).to(device);
    };
    MicroBatch batch;
    batch.rows.ids = integers(ids_, {b, rows_});
    batch.rows.positions = integers(positions_, {b, rows_});
    batch.rows.segments = integers(segments_, {b, rows_});
    batch.predictors = integers(predictors_, {-1});
    batch.targets = integers(targets_, {-1});
    batch.places = integers(places_, {-1});
    batch.tokens = std::ssize(targets_);
    batch.encoded = pad_clips();
    std::vector<int64_t> sources;
    const int64_t per_clip = batch.encoded.defined() ? (batch.encoded.size(1) + 1) / 2 : 0;
    for (const auto& [clip, row] : audio_sources_) sources.push_back(clip * per_clip + row);
    batch.rows.audio_rows = integers(audio_rows_, {-1});
    batch.rows.audio_sources = integers(sources, {-1});
    return batch;
  }

 private:
  void place_pack(int64_t b) {
    const Pack& pack = packs_[static_cast<size_t>(b)];
    const auto prompt_rows = static_cast<int64_t>(pack.prompt->ids.size());
    int64_t row = b * rows_;
    for (int64_t t = 0; t < prompt_rows; ++t)
      place_row(row + t, pack.prompt->ids[static_cast<size_t>(t)], t, 0);
    for (const AudioSpan& span : pack.prompt->audio_spans) place_span(span, row, *pack.prompt);
    const int64_t last_of_prompt = row + prompt_rows - 1;
    row += prompt_rows;
    int64_t segment = 0;
    for (const size_t reply : pack.replies) {
      const auto& ids = rollouts_[reply].ids;
      ++segment;
      for (size_t t = 0; t < ids.size(); ++t) {
        predictors_.push_back(t == 0 ? last_of_prompt : row - 1);
        targets_.push_back(ids[t]);
        places_.push_back(static_cast<int64_t>(tokens_.begin(reply) + t));
        if (t + 1 == ids.size()) break;
        place_row(row++, ids[t], prompt_rows + static_cast<int64_t>(t), segment);
      }
    }
  }

  void place_row(int64_t cell, TokenId id, int64_t position, int64_t segment) {
    const auto at = static_cast<size_t>(cell);
    ids_[at] = id;
    positions_[at] = position;
    segments_[at] = segment;
  }

  void place_span(const AudioSpan& span, int64_t first_row, const TrainerPrompt& prompt) {
    const int64_t clip = std::ssize(clips_);
    clips_.push_back(&prompt.encoded[span.audio_index]);
    for (size_t i = 0; i < span.count; ++i) {
      audio_rows_.push_back(first_row + static_cast<int64_t>(span.begin + i));
      audio_sources_.emplace_back(clip, static_cast<int64_t>(i));
    }
  }

  torch::Tensor pad_clips() const {
    if (clips_.empty()) return {};
    int64_t longest = 0;
    for (const torch::Tensor* clip : clips_) longest = std::max(longest, clip->size(0));
    torch::Tensor padded = torch::zeros({std::ssize(clips_), longest, clips_.front()->size(1)},
                                        clips_.front()->options());
    for (int64_t c = 0; c < std::ssize(clips_); ++c) {
      const torch::Tensor& clip = *clips_[static_cast<size_t>(c)];
      padded[c].slice(0, 0, clip.size(0)).copy_(clip);
    }
    return padded;
  }

  std::span<const Pack> packs_;
  std::span<const Rollout> rollouts_;
  const RaggedTokens& tokens_;
  int64_t rows_ = 0;
  std::vector<int64_t> ids_, positions_, segments_, predictors_, targets_, places_, audio_rows_;
  std::vector<std::pair<int64_t, int64_t>> audio_sources_;  // clip, row of the adaptor's output
  std::vector<const torch::Tensor*> clips_;
};

}  // namespace

std::vector<TrainerPrompt> read_prompts(std::span<const RolloutPrompt> prompts,
                                        const Tokenizer& tokenizer, const Parameters& parameters,
                                        const ModelConfig& config, torch::Device device) {
  const torch::NoGradGuard no_grad;
  const LogMel mel(config.encoder.mel_bands);
  std::vector<TrainerPrompt> read;
  std::vector<TrainingExample> waiting;  // one clip each: make_batch pads them
  std::vector<std::pair<size_t, size_t>> places;
  const auto encode_waiting = [&] {
    if (waiting.empty()) return;
    const DeviceBatch batch = to_device(make_batch(waiting, config.encoder.mel_bands), device);
    const torch::Tensor encoded =
        encode_audio(parameters, config, batch.mels, AudioRule::kHuggingFace);
    for (size_t i = 0; i < waiting.size(); ++i) {
      const int64_t frames = encoder_frames(waiting[i].mels.front().frames);
      read[places[i].first].encoded[places[i].second] =
          encoded[static_cast<int64_t>(i)].slice(0, 0, frames).clone();
    }
    waiting.clear();
    places.clear();
  };
  for (const RolloutPrompt& prompt : prompts) {
    std::vector<int64_t> tokens_per_clip;
    TrainerPrompt trainer_prompt;
    trainer_prompt.encoded.resize(prompt.clips.size());
    for (size_t i = 0; i < prompt.clips.size(); ++i) {
      TrainingExample example;
      example.mels.push_back(mel.compute(prompt.clips[i].samples));
      tokens_per_clip.push_back(
          audio_token_count(example.mels.front().frames, AudioRule::kHuggingFace));
      waiting.push_back(std::move(example));
      places.emplace_back(read.size(), i);
    }
    Prompt rows = build_prompt(tokenizer, prompt.messages, tokens_per_clip);
    trainer_prompt.ids = std::move(rows.ids);
    trainer_prompt.audio_spans = std::move(rows.audio_spans);
    read.push_back(std::move(trainer_prompt));
    if (waiting.size() >= kClipsAtOnce) encode_waiting();
  }
  encode_waiting();
  return read;
}

std::vector<MicroBatch> make_micro_batches(std::span<const TrainerPrompt> prompts,
                                           std::span<const Rollout> rollouts, int64_t most_rows,
                                           torch::Device device) {
  return make_micro_batches(make_packs(prompts, rollouts, most_rows), rollouts, most_rows, device);
}

std::vector<MicroBatch> make_micro_batches(std::vector<Pack> packs,
                                           std::span<const Rollout> rollouts, int64_t most_rows,
                                           torch::Device device) {
  const RaggedTokens tokens = tokens_of(rollouts);
  std::stable_sort(packs.begin(), packs.end(),
                   [](const Pack& a, const Pack& b) { return a.rows < b.rows; });
  std::vector<MicroBatch> batches;
  for (size_t begin = 0; begin < packs.size();) {
    // Packs are sorted, so the last one is the longest.
    size_t end = begin + 1;
    while (end < packs.size() &&
           static_cast<int64_t>(end + 1 - begin) * packs[end].rows <= most_rows)
      ++end;
    const std::span<const Pack> of_batch = std::span(packs).subspan(begin, end - begin);
    batches.push_back(Builder(of_batch, rollouts, tokens).build(device));
    begin = end;
  }
  return batches;
}

int64_t reply_rows(const Rollout& rollout) {
  return static_cast<int64_t>(rollout.ids.size()) - 1;
}

RaggedTokens tokens_of(std::span<const Rollout> rollouts) {
  std::vector<size_t> lengths;
  for (const Rollout& rollout : rollouts) lengths.push_back(rollout.ids.size());
  return RaggedTokens(lengths);
}

}  // namespace stapes::train
