// Advantages of generated tokens, in double. No model in sight: rewards and values go in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace stapes::train {

enum class Estimator : uint8_t { kGae, kGrpo, kRloo };
Estimator estimator_by_name(const std::string& name);  // "gae", "grpo", "rloo"; kInvalidData

// Tokens of all replies in one row: reply i has [begin[i], begin[i + 1]).
class RaggedTokens {
 public:
  explicit RaggedTokens(std::span<const size_t> lengths);
  size_t replies() const { return begin_.size() - 1; }
  size_t tokens() const { return begin_.back(); }
  size_t begin(size_t reply) const { return begin_[reply]; }
  size_t end(size_t reply) const { return begin_[reply + 1]; }
  size_t length(size_t reply) const { return end(reply) - begin(reply); }

 private:
  std::vector<size_t> begin_ = {0};
};

// Generalized advantage estimation (Schulman et al. 2016) of one reply, from its last token back:
//   delta_t = r_t + gamma V_{t+1} - V_t,  A_t = delta_t + gamma lambda A_{t+1},  V after the end 0.
// A reply that was cut at the length limit has ended, too. With gamma = lambda = 1 and the only
// reward R on the last token this is A_t = R - V_t. Returns are A_t + V_t, the critic's targets.
void gae(std::span<const double> rewards, std::span<const double> values, double gamma,
         double lambda, std::span<double> advantages, std::span<double> returns);

// One advantage for each reply. Replies to one prompt follow each other; groups[i] is reply i's
// prompt. A group may have lost replies (nobody could grade them); one alone has advantage 0.
// (R - mean) / (deviation + 1e-6); about 0 where all of a group have the same reward.
std::vector<double> grpo(std::span<const double> rewards, std::span<const size_t> groups);
// R - the mean of the group's others.
std::vector<double> rloo(std::span<const double> rewards, std::span<const size_t> groups);

// To mean 0 and deviation 1 over all tokens of the batch; nothing else (prompts, sound, padding) is
// among them. Left alone where they hardly vary.
void whiten(std::span<double> advantages);

// Share of groups whose replies all have the same reward: these give GRPO and RLOO no signal.
double share_without_variance(std::span<const double> rewards, std::span<const size_t> groups);

}  // namespace stapes::train
