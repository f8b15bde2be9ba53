#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "base/fail.h"
#include "base/rng.h"

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

void normalize(std::vector<Candidate>& candidates) {
  double sum = 0;
  for (const Candidate& candidate : candidates) sum += candidate.probability;
  for (Candidate& candidate : candidates) candidate.probability /= sum;
}

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

std::vector<Sampler::Scored> Sampler::penalized(std::span<const float> logits) const {
  STAPES_CHECK(logits.size() >= tokenizer_size_, "{} logits for {} tokens", logits.size(),
               tokenizer_size_);
  std::vector<Scored> scored;
  scored.reserve(tokenizer_size_);
  for (size_t id = 0; id < tokenizer_size_; ++id) {
    const double logit = logits[id];
    if (std::isnan(logit) || logit == INFINITY)
      fail(ErrorCode::kInvalidModel,
           "expected finite logits, but that of token {} is {}: the model's weights are damaged",
           id, logit);
    if (logit == -INFINITY) continue;
    scored.push_back({static_cast<TokenId>(id), penalized(logit, id)});
  }
  if (scored.empty())
    fail(ErrorCode::kInvalidModel,
         "expected finite logits, but all are -infinity: the model's weights are damaged");
  return scored;
}

double Sampler::weight(double logit, double highest) const {
  return std::exp((logit - highest) / options_.temperature);
}

std::vector<Candidate> Sampler::cut_by_rank(std::vector<Scored> scored, double highest) const {
  const auto top_k = static_cast<size_t>(options_.top_k);
  const size_t limit = top_k > 0 ? std::min(scored.size(), top_k) : scored.size();
  LazySorted sorted(scored);
  double total = 0;  // of the tokens that top-k leaves
  if (limit == scored.size()) {
    for (const Scored& s : scored) total += weight(s.logit, highest);
  } else {
    for (size_t i = 0; i < limit; ++i) total += weight(sorted.at(i).logit, highest);
  }
  std::vector<Candidate> kept;
  double sum = 0;
  for (size_t i = 0; i < limit; ++i) {
    // top-p keeps the first tokens that together reach the share, and always the first one.
    if (options_.top_p < 1 && i > 0 && sum >= options_.top_p * total) break;
    const Scored& next = sorted.at(i);
    const double w = weight(next.logit, highest);
    if (w < options_.min_p) break;
    kept.push_back({next.id, w});
    sum += w;
  }
  return kept;
}

std::vector<Candidate> Sampler::cut_by_weight(const std::vector<Scored>& scored,
                                              double highest) const {
  std::vector<Candidate> kept;
  kept.reserve(scored.size());
  for (const Scored& s : scored) {
    const double w = weight(s.logit, highest);
    if (w >= options_.min_p) kept.push_back({s.id, w});
  }
  return kept;
}

std::vector<Candidate> Sampler::candidates(std::span<const float> logits) const {
  std::vector<Scored> scored = penalized(logits);
  const auto best = std::ranges::max_element(
      scored, [](const Scored& a, const Scored& b) { return a.logit < b.logit; });
  if (options_.temperature == 0) return {{best->id, 1.0}};
  const double highest = best->logit;
  const bool by_rank = options_.top_k > 0 || options_.top_p < 1;
  std::vector<Candidate> kept =
      by_rank ? cut_by_rank(std::move(scored), highest) : cut_by_weight(scored, highest);
  normalize(kept);
  return kept;
}

TokenId Sampler::sample(std::span<const float> logits, int64_t position) const {
  const std::vector<Candidate> kept = candidates(logits);
  Rng rng(options_.seed, sequence_, static_cast<uint64_t>(position));
  double left = rng.uniform();
  for (const Candidate& candidate : kept) {
    left -= candidate.probability;
    if (left < 0) return candidate.id;
  }
  return kept.back().id;  // rounding left a remainder of about 1e-16
}

}  // namespace stapes
