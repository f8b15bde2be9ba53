// Replies and rewards as bytes, for the ranks that share out their making.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "train/rl/rollouts.h"

namespace stapes::train {

// MessagePack; numbers come back with the same bits. Throws kInvalidData for other bytes.
std::string packed(std::span<const Rollout> rollouts);
std::vector<Rollout> unpacked_rollouts(const std::string& bytes);

std::string packed(std::span<const Reward> rewards);
std::vector<Reward> unpacked_rewards(const std::string& bytes);

}  // namespace stapes::train
