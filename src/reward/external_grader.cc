#include "reward/external_grader.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>

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

Grade ungraded(const std::string& reason) {
  return {.score = std::nullopt, .found = {}, .reason = reason};
}

// Nothing where it is no result.
std::optional<Grade> grade_of(const Json& json) {
  if (!json.is_object() || !json.contains("score")) return std::nullopt;
  std::string reason;
  if (const auto given = json.find("reason"); given != json.end() && given->is_string())
    reason = given->get<std::string>();
  const Json& score = json["score"];
  if (score.is_boolean()) return Grade{score.get<bool>() ? 1.0 : 0.0, {}, reason};
  if (score.is_number() && std::isfinite(score.get<double>()))
    return Grade{score.get<double>(), {}, reason};
  return ungraded(reason.empty() ? "the grader gave no score" : reason);
}

class CommandGrader : public ExternalGrader {
 public:
  CommandGrader(const std::string& command, const ExternalLimits& limits,
                const std::filesystem::path& cache_folder)
      : ExternalGrader("command " + command, limits, cache_folder), command_(command) {}

 private:
  std::vector<std::string> run_batch(std::span<const Json> lines, std::string& failure) override {
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
  std::vector<std::string> run_batch(std::span<const Json> lines, std::string& failure) override {
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

std::vector<Grade> ExternalGrader::grade(std::span<const GradeItem> items) {
  std::vector<Grade> grades(items.size(), ungraded("it was not graded"));
  std::vector<size_t> unknown;
  for (size_t i = 0; i < items.size(); ++i) {
    const auto cached = cache_.find(identity_ + '\n' + dump(line_of(items[i])));
    const auto grade =
        cached ? grade_of(Json::parse(*cached, nullptr, false)) : std::optional<Grade>();
    if (!grade) {
      unknown.push_back(i);
      continue;
    }
    grades[i] = *grade;
    ++counts_.from_cache;
  }
  for (size_t begin = 0; begin < unknown.size(); begin += limits_.batch_size)
    grade_batch(
        items,
        std::span(unknown).subspan(begin, std::min(limits_.batch_size, unknown.size() - begin)),
        grades);
  for (const Grade& grade : grades) counts_.no_score += grade.score ? 0 : 1;
  return grades;
}

void ExternalGrader::grade_batch(std::span<const GradeItem> items, std::span<const size_t> which,
                                 std::vector<Grade>& grades) {
  std::vector<Json> lines;
  for (size_t i = 0; i < which.size(); ++i) {
    lines.push_back(line_of(items[which[i]]));
    lines.back()["id"] = i;
  }
  std::string failure;
  std::map<size_t, Grade> results;
  for (const std::string& line : run_batch(lines, failure)) {
    const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) continue;
    const auto id = json.find("id");
    if (id == json.end() || !id->is_number_unsigned() || id->get<size_t>() >= which.size())
      continue;
    if (auto grade = grade_of(json)) results.try_emplace(id->get<size_t>(), std::move(*grade));
  }
  if (!failure.empty()) {
    ++counts_.failed_batches;
    counts_.last_failure = failure;
  }
  for (size_t i = 0; i < which.size(); ++i) {
    const auto found = results.find(i);
    if (found == results.end()) {
      grades[which[i]] =
          ungraded(failure.empty() ? "the grader gave no score" : "the grader failed: " + failure);
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
                                                    const std::filesystem::path& cache_folder) {
  return std::make_unique<CommandGrader>(command, limits, cache_folder);
}

std::unique_ptr<ExternalGrader> make_http_grader(const std::string& url,
                                                 const ExternalLimits& limits,
                                                 const std::filesystem::path& cache_folder) {
  return std::make_unique<HttpGrader>(url, limits, cache_folder);
}

}  // namespace stapes::reward
