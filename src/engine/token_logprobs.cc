#include "engine/token_logprobs.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/check.h"

namespace stapes {
namespace {

double log_of_sum_of_exp(std::span<const float> logits) {
  const double highest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - highest);
  return highest + std::log(sum);
}

std::vector<TokenId> most_likely(std::span<const float> logits, size_t count) {
  std::vector<TokenId> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::vector<TokenId> best(std::min(count, ids.size()));
  std::ranges::partial_sort_copy(ids, best, [&](TokenId a, TokenId b) {
    const float logit_a = logits[static_cast<size_t>(a)], logit_b = logits[static_cast<size_t>(b)];
    return logit_a != logit_b ? logit_a > logit_b : a < b;
  });
  return best;
}

}  // namespace

GeneratedToken token_logprobs(const Tokenizer& tokenizer, std::span<const float> logits,
                              TokenId chosen, int top) {
  STAPES_CHECK(logits.size() >= tokenizer.size(), "{} logits for {} tokens", logits.size(),
               tokenizer.size());
  logits = logits.first(tokenizer.size());
  const double total = log_of_sum_of_exp(logits);
  const auto logprob_of = [&](TokenId id) {
    return TokenLogprob{.id = id,
                        .logprob = static_cast<double>(logits[static_cast<size_t>(id)]) - total,
                        .bytes = std::string(tokenizer.token_bytes(id))};
  };
  GeneratedToken token{.chosen = logprob_of(chosen), .top = {}};
  if (top == 0) return token;
  for (const TokenId id : most_likely(logits, static_cast<size_t>(top)))
    token.top.push_back(logprob_of(id));
  return token;
}

}  // namespace stapes
