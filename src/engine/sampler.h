// From logits to the next token. V vocabulary rows of the model (may exceed the tokenizer's size).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stapes/options.h"
#include "text/tokenizer.h"

namespace stapes {

// Throws kUsage naming the option, its range and what came.
void check_sampling_options(const SamplingOptions& options);

// A token that may be drawn, and its share of the kept probability.
struct Candidate {
  TokenId id = 0;
  double probability = 0;
};

// The order is that of Hugging Face's generate() (and of vLLM, except that vLLM cuts by min-p
// before top-p): repetition penalty, frequency and presence penalty (OpenAI's, where vLLM has
// them), temperature, top-k, top-p, min-p; probabilities are renormalized after each cut. Among
// equal logits the lower id comes first, so exactly k tokens survive top-k. The draw is keyed by
// (seed, sequence, position): the same alone or in any batch.
class Sampler {
 public:
  // Ids at or above `tokenizer_size` are never drawn. `sample` of the request has the sequence
  // number options.sequence + sample.
  Sampler(const SamplingOptions& options, size_t tokenizer_size, uint64_t sample = 0);

  // Tokens of the prompt: the repetition penalty applies to them, each counted once.
  void see_prompt(std::span<const TokenId> ids);
  // A token of the text after it: all penalties apply.
  void see_generated(TokenId id);

  // logits: [V], V >= tokenizer_size; position: place of the new token in the sequence. scratch:
  // memory to work in, whatever is in it; to make a vocabulary's worth of it anew for each choice
  // would take long. Throws kInvalidModel for NaN or +infinity, or where no token is left.
  TokenId sample(std::span<const float> logits, int64_t position,
                 std::vector<float>& scratch) const;

  // The tokens that sample() draws from: most likely first where top-k or top-p cut, else by id
  // (sorting a whole vocabulary would take longer than the rest). Greedy: the one token.
  std::vector<Candidate> candidates(std::span<const float> logits) const;

 private:
  struct Scored {
    TokenId id;
    double logit;
  };
  // The tokenizer's tokens: what their logits weigh beside the most likely one's, which is 1.
  struct Weighed {
    std::span<float> weights;  // by id
    double sum = 0;
  };
  void see(TokenId id);
  bool penalizes() const { return options_.repetition_penalty != 1 || !generated_.empty(); }
  bool cuts_by_rank() const { return options_.top_k > 0 || options_.top_p < 1; }
  double penalized(double logit, size_t id) const;
  std::span<const float> penalized(std::span<const float> logits,
                                   std::vector<float>& scratch) const;
  float highest_of(std::span<const float> scores) const;
  Weighed weigh(std::span<const float> logits, std::vector<float>& scratch) const;
  TokenId most_likely(std::span<const float> logits, std::vector<float>& scratch) const;
  std::vector<Scored> front(std::span<const float> logits, const Weighed& weighed) const;
  std::vector<Candidate> cut_by_rank(std::span<const float> logits, const Weighed& weighed) const;

  SamplingOptions options_;
  size_t tokenizer_size_;
  uint64_t sequence_;
  std::vector<bool> seen_;          // by id
  std::vector<TokenId> seen_ids_;   // each once
  std::vector<int32_t> generated_;  // how often, by id; empty where nothing asks for it
};

}  // namespace stapes
