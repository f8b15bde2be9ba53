#include "engine/sequence.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/check.h"

namespace stapes {

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

int64_t longest_length(const LoadedModel& model, const PreparedRequest& prepared) {
  const auto prompt_tokens = static_cast<int64_t>(prepared.prompt.ids.size());
  return std::min(prompt_tokens + prepared.request->sampling.max_tokens, model.context_tokens);
}

Sequence::Sequence(const LoadedModel& model, PreparedRequest prepared,
                   std::vector<Tensor> audio_rows, KvPagePool& pool, Clock::time_point start)
    : model_(&model),
      prepared_(std::move(prepared)),
      audio_rows_(std::move(audio_rows)),
      pages_(pool),
      sampler_(prepared_.request->sampling, model.tokenizer.size()),
      text_(model.tokenizer, prepared_.request->sampling.stop, prepared_.prompt.thinking_open),
      ids_(prepared_.prompt.ids.begin(), prepared_.prompt.ids.end()),
      longest_length_(longest_length(model, prepared_)),
      start_(start),
      prefill_start_(Clock::now()) {
  sampler_.see(prepared_.prompt.ids);
  generation_.prompt_ids = prepared_.prompt.ids;
  Result& result = generation_.result;
  result.audio_tokens_per_clip = prepared_.tokens_per_clip;
  result.usage.prompt_tokens = static_cast<int64_t>(ids_.size());
  for (const AudioSpan& span : prepared_.prompt.audio_spans)
    result.usage.audio_tokens += static_cast<int64_t>(span.count);
}

DecoderStep Sequence::next_step(int64_t row_limit) {
  const auto length = static_cast<int64_t>(ids_.size());
  const int64_t rows = std::min(length - read_, row_limit);
  STAPES_CHECK(!finished_ && rows > 0, "{} tokens, {} read", length, read_);
  pages_.grow_to(read_ + rows);
  return {.kv = pages_.view(),
          .start_position = read_,
          .rows = rows,
          .logits = read_ + rows == length ? LogitRows::kLast : LogitRows::kNone};
}

std::span<const int64_t> Sequence::step_ids(const DecoderStep& step) const {
  return std::span(ids_).subspan(static_cast<size_t>(step.start_position),
                                 static_cast<size_t>(step.rows));
}

void Sequence::place_audio(const DecoderStep& step, Tensor& x, int64_t first_row) const {
  const int64_t step_end = step.start_position + step.rows;
  for (const AudioSpan& span : prepared_.prompt.audio_spans) {
    const auto span_begin = static_cast<int64_t>(span.begin);
    const int64_t span_end = span_begin + static_cast<int64_t>(span.count);
    const Tensor& rows = audio_rows_.at(span.audio_index);
    STAPES_CHECK(rows.dim(0) == static_cast<int64_t>(span.count), "{} rows for {} places",
                 rows.dim(0), span.count);
    for (int64_t position = std::max(span_begin, step.start_position);
         position < std::min(span_end, step_end); ++position) {
      std::ranges::copy(rows.row(position - span_begin),
                        x.row(first_row + position - step.start_position).begin());
    }
  }
}

void Sequence::step_done(const DecoderStep& step) {
  const auto prompt_tokens = static_cast<int64_t>(generation_.prompt_ids.size());
  const bool prompt_was_open = read_ < prompt_tokens;
  read_ += step.rows;
  if (prompt_was_open && read_ >= prompt_tokens)
    generation_.result.timing.prefill_ms = milliseconds_since(prefill_start_);
}

void Sequence::choose(std::span<const float> logits, const DeltaSink& sink) {
  close_spent_thought(sink);  // an open thought with a budget of 0 ends before its first token
  if (finished_ || read_ < static_cast<int64_t>(ids_.size())) return;
  const auto position = static_cast<int64_t>(ids_.size());
  const TokenId id = sampler_.sample(logits, position);
  accept(id, /*forced=*/false, sink);
  close_spent_thought(sink);
}

void Sequence::close_spent_thought(const DeltaSink& sink) {
  const std::optional<int> budget = prepared_.request->sampling.think_budget;
  if (!budget || finished_ || !text_.in_thought()) return;
  if (generation_.result.usage.thinking_tokens < *budget) return;
  for (const TokenId id : model_->tokenizer.encode(text_.rest_of_thought_end())) {
    accept(id, /*forced=*/true, sink);
    if (finished_) return;
  }
}

void Sequence::accept(TokenId id, bool forced, const DeltaSink& sink) {
  if (generation_.ids.empty())
    generation_.result.timing.first_token_ms = milliseconds_since(start_);
  Usage& usage = generation_.result.usage;
  const bool was_in_thought = text_.in_thought();
  ++(was_in_thought || forced ? usage.thinking_tokens : usage.answer_tokens);
  generation_.ids.push_back(id);
  if (!forced && is_stop_token(id)) return finish(FinishReason::kStop, sink);
  ids_.push_back(id);
  sampler_.see({&id, 1});
  show(forced ? text_.push_forced(id) : text_.push(id), sink);
  // A thought of the text's own can only begin at its beginning: what came before was the marker.
  if (!was_in_thought && text_.in_thought())
    usage.thinking_tokens += std::exchange(usage.answer_tokens, 0);
  if (finished_) return;
  if (text_.stopped()) return finish(FinishReason::kStop, sink);
  if (static_cast<int64_t>(ids_.size()) >= longest_length_) finish(FinishReason::kLength, sink);
}

bool Sequence::is_stop_token(TokenId id) const {
  return std::ranges::count(model_->stop_token_ids, id) > 0 ||
         std::ranges::count(prepared_.request->sampling.stop_token_ids, id) > 0;
}

void Sequence::show(const std::vector<Delta>& deltas, const DeltaSink& sink) {
  Result& result = generation_.result;
  for (const Delta& delta : deltas) {
    (delta.thinking ? result.thinking : result.answer) += delta.text;
    if (!sink || sink(delta)) continue;
    finished_ = true;
    result.finish = FinishReason::kCancelled;
    return;
  }
}

void Sequence::finish(FinishReason reason, const DeltaSink& sink) {
  generation_.result.finish = reason;
  show(text_.finish(), sink);
  finished_ = true;
}

Generation Sequence::take_generation() {
  STAPES_CHECK(finished_);
  generation_.result.timing.total_ms = milliseconds_since(start_);
  return std::move(generation_);
}

}  // namespace stapes
