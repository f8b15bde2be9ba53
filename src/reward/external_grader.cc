#include "reward/external_grader.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <sstream>
#include <thread>

#include "base/fail.h"
#include "net/http_client.h"
#include "net/url.h"
#include "reward/child_command.h"

namespace stapes::reward {
namespace {

using Json = nlohmann::json;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json line_of(const GradeItem& item) {
  return {{"question", item.question},
          {"completion", item.completion},
          {"thinking", item.reply.thinking},
          {"answer", item.reply.answer},
          {"row", item.row}};
}

ExternalGrade ungraded(const std::string& reason, bool failed) {
  ExternalGrade grade;
  grade.reason = reason;
  grade.failed = failed;
  return grade;
}

ExternalGrade graded(double score, const std::string& reason) {
  ExternalGrade grade;
  grade.score = score;
  grade.reason = reason;
  return grade;
}

// Nothing where it is no result.
std::optional<ExternalGrade> grade_of(const Json& json) {
  if (!json.is_object() || !json.contains("score")) return std::nullopt;
  std::string reason;
  if (const auto given = json.find("reason"); given != json.end() && given->is_string())
    reason = given->get<std::string>();
  const Json& score = json["score"];
  if (score.is_boolean()) return graded(score.get<bool>() ? 1.0 : 0.0, reason);
  if (score.is_number() && std::isfinite(score.get<double>()))
    return graded(score.get<double>(), reason);
  return ungraded(reason.empty() ? "the grader gave no score" : reason, !score.is_null());
}

class CommandGrader : public ExternalGrader {
 public:
  CommandGrader(const std::string& command, const ExternalLimits& limits,
                const std::filesystem::path& cache_folder, const std::string& version)
      : ExternalGrader("command " + command + version, limits, cache_folder), command_(command) {}

 private:
  std::vector<std::string> run_batch(std::span<const Json> lines,
                                     std::string& failure) const override {
    std::string input;
    for (const Json& line : lines) input += dump(line) + '\n';
    CommandResult result = run_command(command_, input, limits().time, limits().max_output_bytes);
    failure = std::move(result.failure);
    std::vector<std::string> output;
    std::istringstream stream(result.output);
    for (std::string line; std::getline(stream, line);) output.push_back(std::move(line));
    return output;
  }

  std::string command_;
};

class HttpGrader : public ExternalGrader {
 public:
  HttpGrader(const std::string& url, const ExternalLimits& limits,
             const std::filesystem::path& cache_folder)
      : ExternalGrader("http " + url, limits, cache_folder),
        url_(url),
        client_({.time = limits.time, .max_reply_bytes = limits.max_output_bytes}) {
    net::parse_url(url);
  }

 private:
  std::vector<std::string> run_batch(std::span<const Json> lines,
                                     std::string& failure) const override {
    std::vector<std::string> output;
    try {
      const net::HttpReplyText reply =
          client_.post_json(url_, dump({{"items", std::vector<Json>(lines.begin(), lines.end())}}));
      if (reply.status != 200) {
        failure = fmt::format("it answered with status {}", reply.status);
        return output;
      }
      const Json json = Json::parse(reply.body, nullptr, /*allow_exceptions=*/false);
      const auto results = json.is_object() ? json.find("results") : json.end();
      if (json.is_discarded() || results == json.end() || !results->is_array()) {
        failure = "expected {\"results\": [...]} in its answer";
        return output;
      }
      for (const Json& result : *results) output.push_back(dump(result));
    } catch (const Error& error) {
      failure = error.what();
    }
    return output;
  }

  std::string url_;
  net::HttpClient client_;
};

}  // namespace

ExternalGrader::ExternalGrader(std::string identity, const ExternalLimits& limits,
                               const std::filesystem::path& cache_folder)
    : identity_(std::move(identity)), limits_(limits), cache_(cache_folder) {
  if (limits_.batch_size < 1) fail(ErrorCode::kUsage, "expected a batch of at least 1 item, got 0");
}

std::vector<ExternalGrade> ExternalGrader::grade(std::span<const GradeItem> items) {
  std::vector<ExternalGrade> grades(items.size(), ungraded("it was not graded", true));
  std::vector<size_t> unknown;
  for (size_t i = 0; i < items.size(); ++i) {
    const auto cached = cache_.find(identity_ + '\n' + dump(line_of(items[i])));
    const auto grade =
        cached ? grade_of(Json::parse(*cached, nullptr, false)) : std::optional<ExternalGrade>();
    if (!grade) {
      unknown.push_back(i);
      continue;
    }
    grades[i] = *grade;
    ++counts_.from_cache;
  }
  std::vector<std::span<const size_t>> batches;
  for (size_t begin = 0; begin < unknown.size(); begin += limits_.batch_size)
    batches.push_back(
        std::span(unknown).subspan(begin, std::min(limits_.batch_size, unknown.size() - begin)));
  const std::vector<BatchReply> replies = ask_all(items, batches);
  for (size_t i = 0; i < batches.size(); ++i) take(items, batches[i], replies[i], grades);
  for (const ExternalGrade& grade : grades) counts_.no_score += grade.score ? 0 : 1;
  return grades;
}

ExternalGrader::BatchReply ExternalGrader::ask(std::span<const GradeItem> items,
                                               std::span<const size_t> which) const {
  std::vector<Json> lines;
  for (size_t i = 0; i < which.size(); ++i) {
    lines.push_back(line_of(items[which[i]]));
    lines.back()["id"] = i;
  }
  BatchReply reply;
  try {
    reply.lines = run_batch(lines, reply.failure);
  } catch (const Error& error) {
    reply.failure = error.what();
  }
  return reply;
}

std::vector<ExternalGrader::BatchReply> ExternalGrader::ask_all(
    std::span<const GradeItem> items, std::span<const std::span<const size_t>> batches) const {
  std::vector<BatchReply> replies(batches.size());
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < batches.size(); i = next++) replies[i] = ask(items, batches[i]);
  };
  std::vector<std::thread> others;
  for (size_t i = 1; i < std::min(limits_.parallel, batches.size()); ++i) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
  return replies;
}

void ExternalGrader::take(std::span<const GradeItem> items, std::span<const size_t> which,
                          const BatchReply& reply, std::vector<ExternalGrade>& grades) {
  std::map<size_t, ExternalGrade> results;
  for (const std::string& line : reply.lines) {
    const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) continue;
    const auto id = json.find("id");
    if (id == json.end() || !id->is_number_unsigned() || id->get<size_t>() >= which.size())
      continue;
    if (auto grade = grade_of(json)) results.try_emplace(id->get<size_t>(), std::move(*grade));
  }
  if (!reply.failure.empty()) {
    ++counts_.failed_batches;
    counts_.last_failure = reply.failure;
  }
  for (size_t i = 0; i < which.size(); ++i) {
    const auto found = results.find(i);
    if (found == results.end()) {
      grades[which[i]] = ungraded(reply.failure.empty() ? "the grader said nothing about it"
                                                        : "the grader failed: " + reply.failure,
                                  /*failed=*/true);
      continue;
    }
    grades[which[i]] = found->second;
    ++counts_.graded;
    if (found->second.score)
      cache_.put(identity_ + '\n' + dump(line_of(items[which[i]])),
                 dump({{"score", *found->second.score}, {"reason", found->second.reason}}));
  }
}

std::unique_ptr<ExternalGrader> make_command_grader(const std::string& command,
                                                    const ExternalLimits& limits,
                                                    const std::filesystem::path& cache_folder,
                                                    const std::string& version) {
  return std::make_unique<CommandGrader>(command, limits, cache_folder, version);
}

std::unique_ptr<ExternalGrader> make_http_grader(const std::string& url,
                                                 const ExternalLimits& limits,
                                                 const std::filesystem::path& cache_folder) {
  return std::make_unique<HttpGrader>(url, limits, cache_folder);
}

}  // namespace stapes::reward
