#include "train/mgrd/chain.h"

#include <sstream>

#include "base/fail.h"
#include "base/file.h"

namespace stapes::train {
namespace {

using Json = nlohmann::ordered_json;

std::string content_of(const ChatMessage& message) {
  std::string text;
  for (const ContentPart& part : message.parts)
    text += part.kind == ContentPart::Kind::kAudio ? "<audio>" : part.text;
  return text;
}

reward::FilterStage stage_by_name(const std::string& name) {
  for (size_t i = 0; i < reward::kFilterStages; ++i) {
    const auto stage = static_cast<reward::FilterStage>(i);
    if (name == reward::name(stage)) return stage;
  }
  fail(ErrorCode::kInvalidData, "\"{}\" is no stage of the filter", name);
}

}  // namespace

bool Chain::kept() const {
  return report.at("kept").get<bool>();
}

Json messages_json(const std::vector<ChatMessage>& messages) {
  Json list = Json::array();
  for (const ChatMessage& message : messages)
    list.push_back({{"role", message.role}, {"content", content_of(message)}});
  return list;
}

std::string question_text(const RolloutPrompt& prompt) {
  std::string text;
  for (const ContentPart& part : prompt.messages.back().parts)
    if (part.kind == ContentPart::Kind::kText) text += part.text;
  return text;
}

Chain chain_of(const RolloutPrompt& prompt, uint64_t question, int sample, const Rollout& rollout,
               const reward::GroundingReport& report) {
  Chain chain{.question = question,
              .sample = sample,
              .id = prompt.id,
              .task = prompt.task,
              .messages = messages_json(prompt.messages),
              .origin = Json::parse(
                  prompt.origin.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)),
              .thinking = rollout.thinking,
              .answer = rollout.answer,
              .right = prompt.expected.text,
              .ids = rollout.ids,
              .stop = rollout.stop,
              .report = reward::to_json(report)};
  // The prompt has opened the thought.
  chain.messages.push_back({{"role", "assistant"}, {"content", "<think>\n" + rollout.text}});
  return chain;
}

std::string to_line(const Chain& chain) {
  Json json = {{"id", chain.id}, {"task", chain.task}, {"messages", chain.messages}};
  json.update(chain.origin);
  json["thinking"] = chain.thinking;
  json["answer"] = chain.answer;
  json["right"] = chain.right;
  json["ids"] = chain.ids;
  json["stop"] = chain.stop == StopReason::kStop ? "stop" : "length";
  json["question"] = chain.question;
  json["sample"] = chain.sample;
  json["report"] = chain.report;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Chain parse_chain(const std::string& line, const std::string& where) {
  try {
    const Json json = Json::parse(line);
    Chain chain{.question = json.at("question").get<uint64_t>(),
                .sample = json.at("sample").get<int>(),
                .id = json.at("id").get<std::string>(),
                .task = json.at("task").get<std::string>(),
                .messages = json.at("messages"),
                .origin = Json::object(),
                .thinking = json.at("thinking").get<std::string>(),
                .answer = json.at("answer").get<std::string>(),
                .right = json.at("right").get<std::string>(),
                .ids = json.at("ids").get<std::vector<TokenId>>(),
                .stop = json.at("stop") == "stop" ? StopReason::kStop : StopReason::kLength,
                .report = json.at("report")};
    for (const char* key : {"world", "audios"})
      if (json.contains(key)) chain.origin[key] = json.at(key);
    counts_of_report(chain.report);
    if (chain.ids.empty()) fail(ErrorCode::kInvalidData, "a chain without ids");
    return chain;
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::kInvalidData, "{} is no sampled chain: {}", where, error.what());
  } catch (const Error& error) {
    fail(ErrorCode::kInvalidData, "{} is no sampled chain: {}", where, error.what());
  }
}

std::vector<Chain> read_chains(const std::filesystem::path& path) {
  std::vector<Chain> chains;
  std::istringstream lines(read_file(path, size_t{4} << 30));
  size_t number = 0;
  for (std::string line; std::getline(lines, line);)
    chains.push_back(parse_chain(line, fmt::format("{}:{}", path.string(), ++number)));
  return chains;
}

reward::GroundingReport counts_of_report(const Json& json) {
  reward::GroundingReport report;
  report.stage = stage_by_name(json.at("stage").get<std::string>());
  report.reason = json.at("reason").get<std::string>();
  report.true_claims = json.at("true_claims").get<int64_t>();
  report.false_claims = json.at("false_claims").get<int64_t>();
  report.uncheckable_claims = json.at("uncheckable_claims").get<int64_t>();
  report.no_text.passed = json.at("leans_on_text").is_null();
  return report;
}

}  // namespace stapes::train
