// Scores in tables and in JSON, the same way everywhere.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "eval/score.h"

namespace stapes {

// " 95.6 % [ 93.4,  97.1]", 23 characters.
std::string cell(const Score& score);
// {"correct": 5, "total": 10, "share": 0.5, "low": ..., "high": ...}
nlohmann::ordered_json to_json(const Score& score);

}  // namespace stapes
