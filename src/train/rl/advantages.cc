#include "train/rl/advantages.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/fail.h"
#include "train/rl/statistics.h"

namespace stapes::train {
namespace {

template <typename Visit>
void for_each_group(std::span<const double> rewards, std::span<const size_t> groups,
                    const Visit& visit) {
  STAPES_CHECK(rewards.size() == groups.size());
  for (size_t begin = 0; begin < rewards.size();) {
    size_t end = begin + 1;
    while (end < rewards.size() && groups[end] == groups[begin]) ++end;
    visit(rewards.subspan(begin, end - begin));
    begin = end;
  }
}

}  // namespace

Estimator estimator_by_name(const std::string& name) {
  if (name == "gae") return Estimator::kGae;
  if (name == "grpo") return Estimator::kGrpo;
  if (name == "rloo") return Estimator::kRloo;
  fail(ErrorCode::kInvalidData, "expected an estimator \"gae\", \"grpo\" or \"rloo\", got \"{}\"",
       name);
}

RaggedTokens::RaggedTokens(std::span<const size_t> lengths) {
  for (const size_t length : lengths) begin_.push_back(begin_.back() + length);
}

void gae(std::span<const double> rewards, std::span<const double> values, double gamma,
         double lambda, std::span<double> advantages, std::span<double> returns) {
  STAPES_CHECK(rewards.size() == values.size() && values.size() == advantages.size() &&
               advantages.size() == returns.size());
  double next_value = 0, next_advantage = 0;
  for (size_t t = rewards.size(); t-- > 0;) {
    const double delta = rewards[t] + gamma * next_value - values[t];
    next_advantage = delta + gamma * lambda * next_advantage;
    next_value = values[t];
    advantages[t] = next_advantage;
    returns[t] = next_advantage + values[t];
  }
}

std::vector<double> grpo(std::span<const double> rewards, std::span<const size_t> groups) {
  std::vector<double> advantages;
  for_each_group(rewards, groups, [&](std::span<const double> of_group) {
    const double middle = mean(of_group), deviation = standard_deviation(of_group);
    for (const double reward : of_group)
      advantages.push_back((reward - middle) / (deviation + 1e-6));
  });
  return advantages;
}

std::vector<double> rloo(std::span<const double> rewards, std::span<const size_t> groups) {
  std::vector<double> advantages;
  for_each_group(rewards, groups, [&](std::span<const double> of_group) {
    const auto others = static_cast<double>(of_group.size()) - 1;
    const double sum = mean(of_group) * static_cast<double>(of_group.size());
    for (const double reward : of_group)
      advantages.push_back(others > 0 ? reward - (sum - reward) / others : 0.0);
  });
  return advantages;
}

void whiten(std::span<double> advantages) {
  constexpr double kHardlyVaries = 1e-8;
  if (advantages.empty()) return;
  const double middle = mean(advantages), deviation = standard_deviation(advantages);
  if (!(deviation > kHardlyVaries)) return;
  for (double& advantage : advantages) advantage = (advantage - middle) / deviation;
}

double share_without_variance(std::span<const double> rewards, std::span<const size_t> groups) {
  size_t all = 0, without = 0;
  for_each_group(rewards, groups, [&](std::span<const double> of_group) {
    ++all;
    without += std::ranges::max(of_group) - std::ranges::min(of_group) < 1e-12 ? 1 : 0;
  });
  return all == 0 ? 0 : static_cast<double>(without) / static_cast<double>(all);
}

}  // namespace stapes::train
