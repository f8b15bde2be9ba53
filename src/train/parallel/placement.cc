#include <array>
#include <cstdlib>
#include <functional>
#include <limits>
#include <optional>

#include "base/fail.h"
#include "train/parallel/ranks.h"

namespace stapes::train {
namespace {

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

std::optional<int64_t> number(const char* name, int64_t lowest, int64_t highest) {
  const auto text = variable(name);
  if (!text) return std::nullopt;
  char* end = nullptr;
  const long long value = std::strtoll(text->c_str(), &end, 10);
  if (*end != '\0' || value < lowest || value > highest)
    fail(ErrorCode::kUsage, "the environment's {} is \"{}\", expected a number from {} to {}", name,
         *text, lowest, highest);
  return value;
}

struct Launcher {
  const char* rank;
  const char* count;
  const char* local_count;  // processes of this machine
  const char* job;          // what tells two jobs on one machine apart
};
constexpr std::array kLaunchers = {
    Launcher{"RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RUN_ID"},
    Launcher{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE",
             "PMIX_NAMESPACE"},
    Launcher{"PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS", "HYDI_CONTROL_FD"},
    // Not SLURM_NTASKS: a batch script has that too, and runs once.
    Launcher{"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS_PER_NODE", "SLURM_JOB_ID"},
};

// Ports from 20,000 to 32,767, below those that systems give out by themselves.
uint16_t port_of_job(const std::string& job) {
  return static_cast<uint16_t>(20000 + std::hash<std::string>{}(job) % 12768);
}

}  // namespace

Placement placement_from_environment() {
  Placement placement;
  constexpr int64_t kMost = 1 << 20;
  for (const Launcher& launcher : kLaunchers) {
    const auto rank = number(launcher.rank, 0, kMost);
    const auto count = number(launcher.count, 1, kMost);
    if (!rank || !count) continue;
    if (*rank >= *count)
      fail(ErrorCode::kUsage, "the environment's {} is {} and {} is {}: there is no such rank",
           launcher.rank, *rank, launcher.count, *count);
    placement.rank = static_cast<int>(*rank);
    placement.count = static_cast<int>(*count);
    const auto here = number(launcher.local_count, 1, kMost);
    if (here && *here < *count && !variable("MASTER_ADDR"))
      fail(ErrorCode::kUsage,
           "{} of {} processes are on this machine: set MASTER_ADDR to the address of rank 0's "
           "(and MASTER_PORT to a free port there)",
           *here, *count);
    if (const auto job = variable(launcher.job)) placement.port = port_of_job(*job);
    break;
  }
  placement.address = variable("MASTER_ADDR").value_or(placement.address);
  constexpr int64_t kLastPort = std::numeric_limits<uint16_t>::max();
  if (const auto port = number("MASTER_PORT", 1, kLastPort))
    placement.port = static_cast<uint16_t>(*port);
  if (const auto seconds = number("STAPES_RANK_TIMEOUT_S", 1, 7 * 24 * 3600))
    placement.timeout = std::chrono::seconds(*seconds);
  return placement;
}

}  // namespace stapes::train
