#include "train/rl/rollout_exchange.h"

#include <nlohmann/json.hpp>

#include "base/fail.h"

namespace stapes::train {
namespace {

using nlohmann::json;

std::string bytes_of(const json& value) {
  std::string bytes;
  json::to_msgpack(value, bytes);
  return bytes;
}

template <typename Item, typename Read>
std::vector<Item> unpacked(const std::string& bytes, const char* what, Read&& read) {
  try {
    std::vector<Item> items;
    for (const json& one : json::from_msgpack(bytes)) items.push_back(read(one));
    return items;
  } catch (const json::exception& error) {
    fail(ErrorCode::kInvalidData, "another rank sent no {}: {}", what, error.what());
  }
}

}  // namespace

std::string packed(std::span<const Rollout> rollouts) {
  json all = json::array();
  for (const Rollout& r : rollouts)
    all.push_back({r.prompt, r.ids, r.logprobs, r.text, r.thinking, r.answer, r.thought_closed,
                   r.stop == StopReason::kStop});
  return bytes_of(all);
}

std::vector<Rollout> unpacked_rollouts(const std::string& bytes) {
  return unpacked<Rollout>(bytes, "replies", [](const json& r) {
    Rollout rollout;
    rollout.prompt = r.at(0).get<size_t>();
    rollout.ids = r.at(1).get<std::vector<TokenId>>();
    rollout.logprobs = r.at(2).get<std::vector<double>>();
    rollout.text = r.at(3).get<std::string>();
    rollout.thinking = r.at(4).get<std::string>();
    rollout.answer = r.at(5).get<std::string>();
    rollout.thought_closed = r.at(6).get<bool>();
    rollout.stop = r.at(7).get<bool>() ? StopReason::kStop : StopReason::kLength;
    return rollout;
  });
}

std::string packed(std::span<const Reward> rewards) {
  json all = json::array();
  for (const Reward& reward : rewards)
    all.push_back({reward.total ? json(*reward.total) : json(), reward.parts});
  return bytes_of(all);
}

std::vector<Reward> unpacked_rewards(const std::string& bytes) {
  return unpacked<Reward>(bytes, "rewards", [](const json& r) {
    Reward reward;
    if (!r.at(0).is_null()) reward.total = r.at(0).get<double>();
    reward.parts = r.at(1).get<std::map<std::string, double>>();
    return reward;
  });
}

}  // namespace stapes::train
