#include "engine/memory_budget.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "base/check.h"
#include "base/fail.h"

namespace stapes {
namespace {

constexpr int64_t kDefaultKvTokens = 65536;
double gigabytes(int64_t bytes) {
  return static_cast<double>(bytes) / 1e9;
}

}  // namespace

int64_t kv_token_limit(const MemoryBudget& budget) {
  STAPES_CHECK(budget.token_bytes > 0 && budget.context_tokens > 0);
  if (budget.asked_tokens < 0)
    fail(ErrorCode::kUsage, "expected 0 or more tokens of key/value memory, got {}",
         budget.asked_tokens);
  const int64_t free_bytes = budget.available_bytes - budget.weight_bytes;
  const int64_t free_tokens = free_bytes / budget.token_bytes;
  if (free_bytes < 0 || free_tokens < 2)
    fail(ErrorCode::kUnsupported,
         "the model's weights take {:.1f} GB, but only {:.1f} GB of memory are available",
         gigabytes(budget.weight_bytes), gigabytes(budget.available_bytes));
  if (budget.asked_tokens > free_tokens)
    fail(ErrorCode::kTooLarge,
         "expected at most {} tokens of key/value memory ({:.1f} GB of memory are available, the "
         "weights take {:.1f} GB, a token {} bytes), got {}",
         free_tokens, gigabytes(budget.available_bytes), gigabytes(budget.weight_bytes),
         budget.token_bytes, budget.asked_tokens);
  if (budget.asked_tokens > 0) return budget.asked_tokens;
  const int64_t wanted = std::max(budget.context_tokens, kDefaultKvTokens);
  const int64_t given = std::min(wanted, free_tokens / 2);
  if (given < wanted)
    spdlog::info(
        "key/value memory for {} tokens in place of {}: half of the {:.1f} GB that the weights "
        "leave free",
        given, wanted, gigabytes(free_bytes));
  return given;
}

}  // namespace stapes
