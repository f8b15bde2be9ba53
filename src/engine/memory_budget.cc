#include "engine/memory_budget.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "base/check.h"
#include "base/fail.h"

namespace stapes {
namespace {

constexpr int64_t kDefaultKvTokens = 65536;
constexpr int64_t kUnknown = std::numeric_limits<int64_t>::max();

int64_t meminfo_available_bytes() {
  std::ifstream meminfo("/proc/meminfo");
  for (std::string name, unit; meminfo >> name;) {
    int64_t kibibytes = 0;
    if (name == "MemAvailable:" && meminfo >> kibibytes) return kibibytes * 1024;
    std::getline(meminfo, unit);
  }
  return kUnknown;
}

// "max" where there is no limit, so that no number can be read.
int64_t read_bytes(const std::string& file) {
  int64_t bytes = 0;
  return std::ifstream(file) >> bytes ? bytes : kUnknown;
}

int64_t control_group_available_bytes() {
  std::ifstream groups("/proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line) && !line.starts_with("0::")) {
  }
  if (!line.starts_with("0::")) return kUnknown;
  const std::string folder = "/sys/fs/cgroup" + line.substr(3);
  const int64_t limit = read_bytes(folder + "/memory.max");
  const int64_t used = read_bytes(folder + "/memory.current");
  return limit == kUnknown || used == kUnknown ? kUnknown : std::max(limit - used, int64_t{0});
}

double gigabytes(int64_t bytes) {
  return static_cast<double>(bytes) / 1e9;
}

}  // namespace

int64_t available_memory_bytes() {
  return std::min(meminfo_available_bytes(), control_group_available_bytes());
}

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
