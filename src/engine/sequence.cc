#include "engine/sequence.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "engine/speculation.h"
#include "engine/token_logprobs.h"

namespace stapes {

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

namespace {

TextOptions text_options(const PreparedRequest& prepared) {
  return {.stops = prepared.request.sampling.stop,
          .thinking_open = prepared.prompt.thinking_open,
          .split_thinking = prepared.request.split_thinking,
          .show_special_tokens = prepared.request.show_special_tokens};
}

}  // namespace

Sequence::Sequence(const LoadedModel& model, std::shared_ptr<const PreparedRequest> prepared,
                   KvPagePool& pool, PrefixCache* cache)
    : model_(&model),
      prepared_(std::move(prepared)),
      clip_rows_(prepared_->request.clips.size()),
      pages_(pool),
      cached_prefix_(cache),
      sampler_(sampling(), model.tokenizer.size()),
      text_(model.tokenizer, text_options(*prepared_)),
      ids_(prepared_->prompt.ids.begin(), prepared_->prompt.ids.end()),
      contents_(prepared_->contents) {
  sampler_.see_prompt(prepared_->prompt.ids);
  generation_.prompt_ids = prepared_->prompt.ids;
  Result& result = generation_.result;
  result.audio_tokens_per_clip = prepared_->tokens_per_clip;
  result.usage.prompt_tokens = prompt_tokens();
  for (const AudioSpan& span : prepared_->prompt.audio_spans)
    result.usage.audio_tokens += static_cast<int64_t>(span.count);
}

Sequence::Sequence(const ForkOf& fork)
    : model_(fork.original.model_),
      prepared_(fork.original.prepared_),
      sample_(fork.sample),
      pages_(fork.original.pages_.fork()),
      cached_prefix_(fork.original.cached_prefix_),
      sampler_(sampling(), model_->tokenizer.size(), fork.sample),
      text_(fork.original.text_),
      ids_(fork.original.ids_),
      contents_(fork.original.contents_),
      read_(fork.original.read_),
      generation_(fork.original.generation_) {
  sampler_.see_prompt(prepared_->prompt.ids);
}

Sequence Sequence::fork(uint64_t sample) const {
  STAPES_CHECK(read_ == prompt_tokens() && length() == read_, "{} tokens, {} read", length(),
               read_);
  return Sequence(ForkOf{*this, sample});
}

int64_t Sequence::take_cached_prefix() {
  if (prompt_is_read()) return 0;
  const int64_t tokens = cached_prefix_.take(pages_, contents_, prompt_tokens() - 1);
  read_ += tokens;
  generation_.result.usage.cached_tokens += tokens;
  return tokens;
}

bool Sequence::can_wait_for(const Sequence& other) const {
  const int64_t page_end = read_ + pages_.page_tokens();
  const bool at_page = read_ == static_cast<int64_t>(pages_.pages().size()) * pages_.page_tokens();
  if (!at_page || page_end >= prompt_tokens() || page_end > other.length()) return false;
  const auto begin = static_cast<size_t>(read_);
  const auto count = static_cast<size_t>(pages_.page_tokens());
  return cached_prefix_.is_beside(other.cached_prefix_) &&
         std::ranges::equal(std::span(contents_).subspan(begin, count),
                            std::span(other.contents_).subspan(begin, count));
}

std::optional<size_t> Sequence::missing_clip() const {
  for (const AudioSpan& span : prepared_->prompt.audio_spans) {
    const bool unread = static_cast<int64_t>(span.begin + span.count) > read_;
    if (unread && clip_rows_.at(span.audio_index) == nullptr) return span.audio_index;
  }
  return std::nullopt;
}

void Sequence::set_clip_rows(size_t clip, ClipRows rows) {
  STAPES_CHECK(rows->dim(0) == prepared_->tokens_per_clip.at(clip), "{} rows for {} places",
               rows->dim(0), prepared_->tokens_per_clip[clip]);
  clip_rows_.at(clip) = std::move(rows);
}

RowDemand Sequence::demand() {
  RowDemand demand{.rows = length() - read_, .generating = prompt_is_read()};
  guesses_.clear();
  if (demand.generating && demand.rows == 1) {
    // A guess in the last place would be of no use: nothing is chosen after it.
    const int64_t room = prepared_->longest_length - length() - 1;
    guesses_ = propose_continuation(ids_, std::min(int64_t{sampling().speculate_tokens}, room));
  }
  demand.extra_rows = static_cast<int64_t>(guesses_.size());
  return demand;
}

DecoderStep Sequence::next_step(int64_t rows) {
  STAPES_CHECK(!finished_ && rows > 0 && read_ < length(), "{} tokens, {} read", length(), read_);
  if (!prefill_start_) prefill_start_ = Clock::now();
  const int64_t own_rows = std::min(rows, length() - read_);
  guesses_.resize(static_cast<size_t>(rows - own_rows));
  pages_.prepare_write(read_, read_ + rows);
  const bool all_is_read = read_ + own_rows == length();
  return {.kv = pages_.view(),
          .start_position = read_,
          .rows = rows,
          .logits = !all_is_read       ? LogitRows::kNone
                    : guesses_.empty() ? LogitRows::kLast
                                       : LogitRows::kAll};
}

void Sequence::append_ids(const DecoderStep& step, std::vector<int64_t>& ids) const {
  const auto own_rows = step.rows - static_cast<int64_t>(guesses_.size());
  const auto first = ids_.begin() + step.start_position;
  ids.insert(ids.end(), first, first + own_rows);
  ids.insert(ids.end(), guesses_.begin(), guesses_.end());
}

void Sequence::place_audio(const DecoderStep& step, Tensor& x, int64_t first_row) const {
  const int64_t step_end = step.start_position + step.rows;
  for (const AudioSpan& span : prepared_->prompt.audio_spans) {
    const auto span_begin = static_cast<int64_t>(span.begin);
    const int64_t span_end = span_begin + static_cast<int64_t>(span.count);
    for (int64_t position = std::max(span_begin, step.start_position);
         position < std::min(span_end, step_end); ++position) {
      std::ranges::copy(clip_rows_.at(span.audio_index)->row(position - span_begin),
                        x.row(first_row + position - step.start_position).begin());
    }
  }
}

void Sequence::step_done(const DecoderStep& step) {
  const bool prompt_was_open = !prompt_is_read();
  // Guesses are read only once they have been chosen.
  read_ += step.rows - static_cast<int64_t>(guesses_.size());
  cached_prefix_.keep(pages_, std::span(contents_).first(static_cast<size_t>(read_)));
  if (!prompt_was_open || !prompt_is_read()) return;
  generation_.result.timing.prefill_ms = milliseconds_since(*prefill_start_);
  clip_rows_.clear();
}

void Sequence::choose(LogitsView logits, int64_t first_row, std::vector<float>& scratch) {
  close_spent_thought();  // an open thought with a budget of 0 ends before its first token
  const std::vector<int64_t> guesses = std::exchange(guesses_, {});
  speculated_tokens_ += static_cast<int64_t>(guesses.size());
  for (size_t i = 0; !finished_ && read_ == length(); ++i) {
    const auto row = logits.row(first_row + static_cast<int64_t>(i));
    const TokenId id = sampler_.sample(row, length(), scratch);
    note_logprobs(row, id);
    accept(id, By::kModel);
    const bool guessed = i < guesses.size() && guesses[i] == id;
    if (finished_ || !guessed) break;
    ++read_;
    ++accepted_tokens_;
    close_spent_thought();
  }
  close_spent_thought();
}

void Sequence::close_spent_thought() {
  const std::optional<int> budget = sampling().think_budget;
  if (!budget || finished_ || !text_.in_thought()) return;
  if (generation_.result.usage.thinking_tokens < *budget) return;
  for (const TokenId id : model_->tokenizer.encode(text_.rest_of_thought_end())) {
    if (sampling().logprobs) generation_.logprobs.push_back(std::nan(""));
    accept(id, By::kForce);
    if (finished_) return;
  }
}

void Sequence::note_logprobs(std::span<const float> logits, TokenId id) {
  if (!sampling().logprobs) return;
  GeneratedToken token = token_logprobs(model_->tokenizer, logits, id, *sampling().logprobs);
  generation_.logprobs.push_back(token.chosen.logprob);
  if (is_stop_token(id)) return;
  token.thinking = text_.in_thought();
  new_tokens_.push_back(std::move(token));
}

void Sequence::accept(TokenId id, By by) {
  const bool forced = by == By::kForce;
  if (generation_.ids.empty())
    generation_.result.timing.first_token_ms = milliseconds_since(prepared_->asked_at);
  Usage& usage = generation_.result.usage;
  const bool was_in_thought = text_.in_thought();
  ++(was_in_thought || forced ? usage.thinking_tokens : usage.answer_tokens);
  generation_.ids.push_back(id);
  if (!forced && is_stop_token(id)) {
    generation_.result.stop_token_id = id;
    return finish(FinishReason::kStop);
  }
  ids_.push_back(id);
  contents_.push_back({.token = id, .clip = {}});
  sampler_.see_generated(id);
  std::vector<Delta> deltas = forced ? text_.push_forced(id) : text_.push(id);
  // A thought of the text's own can only begin at its beginning: what came before was the marker.
  if (!was_in_thought && text_.in_thought()) {
    usage.thinking_tokens += std::exchange(usage.answer_tokens, 0);
    for (GeneratedToken& token : new_tokens_) token.thinking = true;
  }
  show(std::move(deltas));
  if (text_.stopped()) return finish(FinishReason::kStop);
  if (length() >= prepared_->longest_length) finish(FinishReason::kLength);
}

bool Sequence::is_stop_token(TokenId id) const {
  return (!sampling().ignore_eos && std::ranges::count(model_->stop_token_ids, id) > 0) ||
         std::ranges::count(sampling().stop_token_ids, id) > 0;
}

void Sequence::show(std::vector<Delta> deltas) {
  Result& result = generation_.result;
  if (finished_ && deltas.empty() && !new_tokens_.empty())
    deltas.push_back({.thinking = text_.in_thought(), .text = {}});
  for (Delta& delta : deltas) {
    (delta.thinking ? result.thinking : result.answer) += delta.text;
    delta.sample = static_cast<int>(sample_);
    delta.tokens = std::exchange(new_tokens_, {});
    result.tokens.insert(result.tokens.end(), delta.tokens.begin(), delta.tokens.end());
    new_deltas_.push_back(std::move(delta));
  }
}

std::vector<Delta> Sequence::take_deltas() {
  return std::exchange(new_deltas_, {});
}

void Sequence::finish(FinishReason reason) {
  finished_ = true;
  show(text_.finish());
  generation_.result.finish = reason;
  generation_.result.thought_closed = text_.thought_closed();
  generation_.result.stop_text = text_.stop_text();
}

void Sequence::cancel() {
  if (!finished_) finish(FinishReason::kCancelled);
}

Generation Sequence::take_generation() {
  STAPES_CHECK(finished_);
  generation_.result.timing.total_ms = milliseconds_since(prepared_->asked_at);
  return std::move(generation_);
}

}  // namespace stapes
