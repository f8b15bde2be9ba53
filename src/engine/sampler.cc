#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "base/fail.h"
#include "base/rng.h"
#include "engine/sampling_weights.h"

namespace stapes {
namespace {

constexpr int kMostSpeculatedTokens = 16;
constexpr int kMostTopLogprobs = 20;

void check_range(bool inside, const char* option, const char* range, double value) {
  if (!inside) fail(ErrorCode::kUsage, "{} must be {}, got {}", option, range, value);
}

// Sorts only as much of the front as is asked for: the rest of 158,720 tokens is rarely needed.
template <typename Scored>
class LazySorted {
 public:
  explicit LazySorted(std::vector<Scored>& items) : items_(items) {}

  const Scored& at(size_t index) {
    while (index >= sorted_) {
      const size_t next = std::min(items_.size(), std::max<size_t>(64, sorted_ * 4));
      const auto begin = items_.begin() + static_cast<ptrdiff_t>(sorted_);
      std::partial_sort(begin, items_.begin() + static_cast<ptrdiff_t>(next), items_.end(),
                        [](const Scored& a, const Scored& b) {
                          return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
                        });
      sorted_ = next;
    }
    return items_[index];
  }

 private:
  std::vector<Scored>& items_;
  size_t sorted_ = 0;
};

}  // namespace

void check_sampling_options(const SamplingOptions& o) {
  check_range(o.temperature >= 0 && std::isfinite(o.temperature), "temperature", "0 or more",
              o.temperature);
  check_range(o.top_p > 0 && o.top_p <= 1, "top_p", "above 0 and at most 1", o.top_p);
  check_range(o.top_k >= 0, "top_k", "0 (all) or more", o.top_k);
  check_range(o.min_p >= 0 && o.min_p <= 1, "min_p", "between 0 and 1", o.min_p);
  check_range(o.repetition_penalty > 0 && std::isfinite(o.repetition_penalty), "repetition_penalty",
              "above 0", o.repetition_penalty);
  check_range(std::abs(o.frequency_penalty) <= 2, "frequency_penalty", "between -2 and 2",
              o.frequency_penalty);
  check_range(std::abs(o.presence_penalty) <= 2, "presence_penalty", "between -2 and 2",
              o.presence_penalty);
  check_range(o.max_tokens >= 1, "max_tokens", "1 or more", o.max_tokens);
  if (o.think_budget)
    check_range(*o.think_budget >= 0, "the thinking budget", "0 or more", *o.think_budget);
  if (o.logprobs)
    check_range(*o.logprobs >= 0 && *o.logprobs <= kMostTopLogprobs, "top_logprobs",
                "between 0 and 20", *o.logprobs);
  check_range(o.speculate_tokens >= 0 && o.speculate_tokens <= kMostSpeculatedTokens,
              "speculate_tokens", "between 0 and 16", o.speculate_tokens);
  if (std::ranges::any_of(o.stop, [](const std::string& text) { return text.empty(); }))
    fail(ErrorCode::kUsage, "a stop text must not be empty");
}

Sampler::Sampler(const SamplingOptions& options, size_t tokenizer_size, uint64_t sample)
    : options_(options),
      tokenizer_size_(tokenizer_size),
      sequence_(options.sequence + sample),
      seen_(tokenizer_size, false) {
  check_sampling_options(options);
  if (options.frequency_penalty != 0 || options.presence_penalty != 0)
    generated_.resize(tokenizer_size);
}

void Sampler::see(TokenId id) {
  STAPES_CHECK(id >= 0 && static_cast<size_t>(id) < tokenizer_size_, "token id {}", id);
  if (!seen_[static_cast<size_t>(id)]) seen_ids_.push_back(id);
  seen_[static_cast<size_t>(id)] = true;
}

void Sampler::see_prompt(std::span<const TokenId> ids) {
  for (const TokenId id : ids) see(id);
}

void Sampler::see_generated(TokenId id) {
  see(id);
  if (!generated_.empty()) ++generated_[static_cast<size_t>(id)];
}

double Sampler::penalized(double logit, size_t id) const {
  if (seen_[id])
    logit = logit > 0 ? logit / options_.repetition_penalty : logit * options_.repetition_penalty;
  if (!generated_.empty() && generated_[id] > 0)
    logit -= options_.frequency_penalty * generated_[id] + options_.presence_penalty;
  return logit;
}

// Of the tokenizer's tokens, in f32: what is kept by rank is scored again.
std::span<const float> Sampler::penalized(std::span<const float> logits,
                                          std::vector<float>& scratch) const {
  STAPES_CHECK(logits.size() >= tokenizer_size_, "{} logits for {} tokens", logits.size(),
               tokenizer_size_);
  const auto known = logits.first(tokenizer_size_);
  if (!penalizes()) return known;
  scratch.assign(known.begin(), known.end());
  for (const TokenId id : seen_ids_) {
    float& score = scratch[static_cast<size_t>(id)];
    score = static_cast<float>(penalized(score, static_cast<size_t>(id)));
  }
  return scratch;
}

float Sampler::highest_of(std::span<const float> scores) const {
  const float highest = largest(scores);
  if (std::isfinite(highest)) return highest;
  if (highest == -INFINITY)
    fail(ErrorCode::kInvalidModel,
         "expected finite logits, but all are -infinity: the model's weights are damaged");
  const auto bad = std::ranges::find_if(
      scores, [](float score) { return std::isnan(score) || score == INFINITY; });
  fail(ErrorCode::kInvalidModel,
       "expected finite logits, but that of token {} is {}: the model's weights are damaged",
       bad - scores.begin(), *bad);
}

Sampler::Weighed Sampler::weigh(std::span<const float> logits, std::vector<float>& scratch) const {
  const std::span<const float> scores = penalized(logits, scratch);
  const float highest = highest_of(scores);
  scratch.resize(tokenizer_size_);
  Weighed weighed{.weights = scratch, .sum = 0};
  weighed.sum = exponentiate(scores, highest, options_.temperature, weighed.weights);
  if (options_.min_p == 0 || cuts_by_rank()) return weighed;
  weighed.sum = 0;
  for (float& weight : weighed.weights) {
    if (weight < options_.min_p) weight = 0;
    weighed.sum += weight;
  }
  return weighed;
}

// Those that may be within top-k and top-p, and a few more: to sort the rest would take long.
std::vector<Sampler::Scored> Sampler::front(std::span<const float> logits,
                                            const Weighed& weighed) const {
  const float threshold = options_.top_k > 0
                              ? threshold_of_count(weighed.weights, options_.top_k)
                              : threshold_of_mass(weighed.weights, options_.top_p * weighed.sum);
  std::vector<Scored> front;
  for (size_t id = 0; id < weighed.weights.size(); ++id) {
    if (weighed.weights[id] < threshold || logits[id] == -INFINITY) continue;
    front.push_back({static_cast<TokenId>(id), penalized(logits[id], id)});
  }
  return front;
}

std::vector<Candidate> Sampler::cut_by_rank(std::span<const float> logits,
                                            const Weighed& weighed) const {
  std::vector<Scored> scored = front(logits, weighed);
  LazySorted sorted(scored);
  const double highest = sorted.at(0).logit;
  const auto weight = [&](size_t rank) {
    return std::exp((sorted.at(rank).logit - highest) / options_.temperature);
  };
  size_t limit = scored.size();
  double total = weighed.sum;  // of the tokens that top-k leaves
  if (options_.top_k > 0) {
    limit = std::min(limit, static_cast<size_t>(options_.top_k));
    total = 0;
    for (size_t rank = 0; rank < limit; ++rank) total += weight(rank);
  }
  std::vector<Candidate> kept;
  double sum = 0;
  for (size_t rank = 0; rank < limit; ++rank) {
    // top-p keeps the first tokens that together reach the share, and always the first one.
    if (options_.top_p < 1 && rank > 0 && sum >= options_.top_p * total) break;
    const double w = weight(rank);
    if (w < options_.min_p) break;
    kept.push_back({sorted.at(rank).id, w});
    sum += w;
  }
  for (Candidate& candidate : kept) candidate.probability /= sum;
  return kept;
}

TokenId Sampler::most_likely(std::span<const float> logits, std::vector<float>& scratch) const {
  const std::span<const float> scores = penalized(logits, scratch);
  const auto best = std::ranges::find(scores, highest_of(scores));
  return static_cast<TokenId>(best - scores.begin());
}

std::vector<Candidate> Sampler::candidates(std::span<const float> logits) const {
  std::vector<float> scratch;
  if (options_.temperature == 0) return {{most_likely(logits, scratch), 1.0}};
  const Weighed weighed = weigh(logits, scratch);
  if (cuts_by_rank()) return cut_by_rank(logits, weighed);
  std::vector<Candidate> kept;
  for (size_t id = 0; id < weighed.weights.size(); ++id) {
    if (weighed.weights[id] > 0)
      kept.push_back({static_cast<TokenId>(id), weighed.weights[id] / weighed.sum});
  }
  return kept;
}

TokenId Sampler::sample(std::span<const float> logits, int64_t position,
                        std::vector<float>& scratch) const {
  if (options_.temperature == 0) return most_likely(logits, scratch);
  const Weighed weighed = weigh(logits, scratch);
  const double share = Rng(options_.seed, sequence_, static_cast<uint64_t>(position)).uniform();
  if (!cuts_by_rank())
    return static_cast<TokenId>(index_of_mass(weighed.weights, share * weighed.sum));
  double left = share;
  TokenId last = 0;  // rounding may leave a remainder after it
  for (const Candidate& candidate : cut_by_rank(logits, weighed)) {
    last = candidate.id;
    left -= candidate.probability;
    if (left < 0) break;
  }
  return last;
}

}  // namespace stapes
