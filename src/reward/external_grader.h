// Graders that the user brings: a command on this machine, or an HTTP endpoint. For code above all,
// which is run by what the user trusts to run it and never by us.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "reward/disk_cache.h"
#include "reward/grade.h"

namespace stapes::reward {

// One reply to be graded.
struct GradeItem {
  std::string question;
  std::string completion;  // all that the model wrote
  Reply reply;             // the same, split
  nlohmann::json row;      // the sample's other columns (solution, task, ...); an object or null
};

struct ExternalLimits {
  size_t batch_size = 64;                  // items for one run of the command or one request
  std::chrono::milliseconds time{60'000};  // for a batch; then what has no score yet has none
  int64_t max_output_bytes = 16 << 20;     // of a batch
  size_t parallel = 1;                     // batches that are graded at the same time
};

struct ExternalGrade : Grade {
  // There is no score because the grader failed or said nothing about the item; where it is false
  // and there is none, the grader itself gave none (null).
  bool failed = false;
};

struct ExternalCounts {
  int64_t graded = 0;  // by the grader
  int64_t from_cache = 0;
  int64_t no_score = 0;  // of all
  int64_t failed_batches = 0;
  std::string last_failure;  // in words
};

// The protocol, the same for both: JSON lines in, JSON lines out.
//   in   {"id": 0, "question": ..., "completion": ..., "thinking": ..., "answer": ..., "row":
//   {...}} out  {"id": 0, "score": 0.5}   and, if wanted, "reason": "..."
// Scores are finite numbers; null, or no line for an id, is no score. Lines may come in any order;
// the first for an id counts; what is not such a line is skipped. HTTP: the lines of a batch are
// POSTed as {"items": [...]}, and {"results": [...]} comes back with status 200.
// A grader that fails (cannot be started, exit status, time limit, too much output, no HTTP) never
// throws: what it has not scored has no score, and the failure is counted with its reason.
class ExternalGrader {
 public:
  virtual ~ExternalGrader() = default;
  // One grade for each item, in order. For one thread at a time.
  std::vector<ExternalGrade> grade(std::span<const GradeItem> items);
  const ExternalCounts& counts() const { return counts_; }

 protected:
  ExternalGrader(std::string identity, const ExternalLimits& limits,
                 const std::filesystem::path& cache_folder);
  const ExternalLimits& limits() const { return limits_; }
  // The lines that came back; `failure` says what went wrong, if anything did. From several threads
  // at the same time.
  virtual std::vector<std::string> run_batch(std::span<const nlohmann::json> lines,
                                             std::string& failure) const = 0;

 private:
  struct BatchReply {
    std::vector<std::string> lines;
    std::string failure;
  };
  BatchReply ask(std::span<const GradeItem> items, std::span<const size_t> which) const;
  std::vector<BatchReply> ask_all(std::span<const GradeItem> items,
                                  std::span<const std::span<const size_t>> batches) const;
  void take(std::span<const GradeItem> items, std::span<const size_t> which,
            const BatchReply& reply, std::vector<ExternalGrade>& grades);

  std::string identity_;  // part of the cache's keys: another grader has other scores
  ExternalLimits limits_;
  DiskCache cache_;
  ExternalCounts counts_;
};

// `command` is run by /bin/sh for each batch, in a process group of its own that is killed when its
// time is over. An empty cache folder: nothing is kept. `version`: what else scores depend on, a
// script's hash say; scores of other versions are not taken from the cache. Throws kIo (the cache
// folder).
std::unique_ptr<ExternalGrader> make_command_grader(const std::string& command,
                                                    const ExternalLimits& limits = {},
                                                    const std::filesystem::path& cache_folder = {},
                                                    const std::string& version = {});
// Throws kUsage (no URL), kIo (the cache folder).
std::unique_ptr<ExternalGrader> make_http_grader(const std::string& url,
                                                 const ExternalLimits& limits = {},
                                                 const std::filesystem::path& cache_folder = {});

}  // namespace stapes::reward
