#include "serve/openai/chat_reply.h"

#include <fmt/format.h>

#include <utility>

#include "serve/openai/chat_choice.h"
#include "serve/openai/reply_json.h"

namespace stapes::serve {
namespace {

// One sample, as the writer follows it.
struct WrittenChoice {
  explicit WrittenChoice(const ChatView& view) : text(view) {}

  ChatChoice text;
  bool begun = false;  // the chunk with the role is written
  size_t calls_written = 0;
  std::vector<GeneratedToken> tokens = {};  // not yet written
};

}  // namespace

struct ChatReplyWriter::Impl {
  ChatView view;
  bool include_usage = false;
  bool logprobs = false;
  std::vector<int64_t> stop_token_ids;
  std::string id;
  int64_t created = 0;
  std::string model;
  std::string chunk_begin;  // of every chunk: {"id": ..., "choices":[
  std::vector<WrittenChoice> choices;

  Json head(const char* object) const {
    return {{"id", id}, {"object", object}, {"created", created}, {"model", model}};
  }

  // null where nobody asked.
  Json logprobs_json(std::vector<GeneratedToken> tokens) const {
    if (!logprobs) return nullptr;
    Json content = Json::array();
    Json reasoning = Json::array();
    for (const GeneratedToken& token : tokens) {
      const bool apart = token.thinking && view.reasoning_format != ReasoningFormat::kInContent;
      if (apart && view.reasoning_format == ReasoningFormat::kHidden) continue;
      (apart ? reasoning : content).push_back(chat_logprob_json(token));
    }
    Json json = {{"content", std::move(content)}, {"refusal", nullptr}};
    if (!reasoning.empty()) json["reasoning_content"] = std::move(reasoning);
    return json;
  }

  Json call_json(const ToolCall& call, size_t sample, size_t index) const {
    const size_t dash = id.find('-') + 1;  // without "chatcmpl-"
    return {{"id", fmt::format("call_{}_{}_{}", id.substr(dash), sample, index)},
            {"type", "function"},
            {"function", {{"name", call.name}, {"arguments", call.arguments}}}};
  }

  // The release's client reads `content` of every delta.
  Json delta_json(const MessagePiece& piece, size_t sample, WrittenChoice& choice) const {
    Json delta = {{"content", piece.content}};
    if (!piece.reasoning.empty()) delta["reasoning_content"] = piece.reasoning;
    if (!piece.speech.empty())
      delta["tts_content"] = {{"tts_text", piece.speech.words}, {"tts_audio", piece.speech.audio}};
    for (const ToolCall& call : piece.calls) {
      Json json = {{"index", choice.calls_written}};
      json.update(call_json(call, sample, choice.calls_written++));
      delta["tool_calls"].push_back(std::move(json));
    }
    return delta;
  }

  // One for every token of every stream, so only the delta is built as a tree.
  std::string chunk(size_t sample, const Json& delta, const Json& logprob, const Json& finish,
                    const Json& stop) const {
    const auto text_of = [](const Json& json) {
      return json.is_null() ? std::string("null") : reply_text(json);
    };
    std::string text = chunk_begin;
    text.append("{\"index\":").append(std::to_string(sample));
    text.append(",\"delta\":").append(reply_text(delta));
    text.append(",\"logprobs\":").append(text_of(logprob));
    text.append(",\"finish_reason\":").append(text_of(finish));
    if (!stop.is_null()) text.append(",\"stop_reason\":").append(reply_text(stop));
    return text.append(include_usage ? "}],\"usage\":null}" : "}]}");
  }

  void begin(size_t sample, std::vector<std::string>& chunks) {
    if (std::exchange(choices[sample].begun, true)) return;
    chunks.push_back(
        chunk(sample, {{"role", "assistant"}, {"content", ""}}, nullptr, nullptr, nullptr));
  }

  Json message_json(const Result& result, size_t sample, WrittenChoice& choice) const {
    MessagePiece whole = choice.text.push(/*thinking=*/true, result.thinking);
    for (MessagePiece& piece : std::vector<MessagePiece>{
             choice.text.push(false, result.answer), choice.text.finish(result.thought_closed)}) {
      whole.content += piece.content;
      whole.speech.words += piece.speech.words;
      whole.speech.audio += piece.speech.audio;
      std::ranges::move(piece.calls, std::back_inserter(whole.calls));
    }
    Json message = {{"role", "assistant"}, {"content", whole.content}, {"refusal", nullptr}};
    if (view.reasoning_format == ReasoningFormat::kReasoningContent)
      message["reasoning_content"] = whole.reasoning;
    if (view.speech)
      message["tts_content"] = {{"tts_text", whole.speech.words},
                                {"tts_audio", whole.speech.audio}};
    if (whole.calls.empty()) return message;
    if (whole.content.empty()) message["content"] = nullptr;
    for (size_t i = 0; i < whole.calls.size(); ++i)
      message["tool_calls"].push_back(call_json(whole.calls[i], sample, i));
    return message;
  }
};

ChatReplyWriter::ChatReplyWriter(const ChatRequest& request, std::string id, int64_t created,
                                 std::string model)
    : impl_(std::make_unique<Impl>()) {
  impl_->view = {.reasoning_format = request.reasoning_format,
                 .client_opened_thought = request.client_opened_thought,
                 .parse_tool_calls = request.parse_tool_calls,
                 .speech = request.speech};
  impl_->include_usage = request.include_usage;
  impl_->logprobs = request.native.sampling.logprobs.has_value();
  impl_->stop_token_ids = request.native.sampling.stop_token_ids;
  impl_->id = std::move(id);
  impl_->created = created;
  impl_->model = std::move(model);
  impl_->chunk_begin = reply_text(impl_->head("chat.completion.chunk"));
  impl_->chunk_begin.pop_back();
  impl_->chunk_begin += ",\"choices\":[";
  for (int i = 0; i < request.native.samples; ++i) impl_->choices.emplace_back(impl_->view);
}

ChatReplyWriter::ChatReplyWriter(ChatReplyWriter&&) noexcept = default;
ChatReplyWriter& ChatReplyWriter::operator=(ChatReplyWriter&&) noexcept = default;
ChatReplyWriter::~ChatReplyWriter() = default;

std::vector<std::string> ChatReplyWriter::on_delta(const Delta& delta) {
  const auto sample = static_cast<size_t>(delta.sample);
  WrittenChoice& choice = impl_->choices.at(sample);
  std::vector<std::string> chunks;
  impl_->begin(sample, chunks);
  choice.tokens.insert(choice.tokens.end(), delta.tokens.begin(), delta.tokens.end());
  const MessagePiece piece = choice.text.push(delta.thinking, delta.text);
  if (piece.empty()) return chunks;
  Json logprobs = impl_->logprobs_json(std::exchange(choice.tokens, {}));
  chunks.push_back(impl_->chunk(sample, impl_->delta_json(piece, sample, choice),
                                std::move(logprobs), nullptr, nullptr));
  return chunks;
}

std::vector<std::string> ChatReplyWriter::on_end(const std::vector<Result>& results) {
  std::vector<std::string> chunks;
  for (size_t sample = 0; sample < results.size(); ++sample) {
    WrittenChoice& choice = impl_->choices.at(sample);
    const Result& result = results[sample];
    impl_->begin(sample, chunks);
    const MessagePiece rest = choice.text.finish(result.thought_closed);
    if (!rest.empty() || !choice.tokens.empty()) {
      Json logprobs = impl_->logprobs_json(std::exchange(choice.tokens, {}));
      chunks.push_back(impl_->chunk(sample, impl_->delta_json(rest, sample, choice),
                                    std::move(logprobs), nullptr, nullptr));
    }
    chunks.push_back(impl_->chunk(sample, {{"content", ""}}, nullptr,
                                  finish_reason_json(result, choice.text.called_tools()),
                                  stop_reason_json(result, impl_->stop_token_ids)));
  }
  if (!impl_->include_usage) return chunks;
  Json json = impl_->head("chat.completion.chunk");
  json["choices"] = Json::array();
  json["usage"] = usage_json(results);
  chunks.push_back(reply_text(json));
  return chunks;
}

std::string ChatReplyWriter::whole(const std::vector<Result>& results) {
  Json json = impl_->head("chat.completion");
  Json& choices = json["choices"] = Json::array();
  for (size_t sample = 0; sample < results.size(); ++sample) {
    const Result& result = results[sample];
    WrittenChoice& choice = impl_->choices.at(sample);
    Json message = impl_->message_json(result, sample, choice);
    choices.push_back({{"index", sample},
                       {"message", std::move(message)},
                       {"logprobs", impl_->logprobs_json(result.tokens)},
                       {"finish_reason", finish_reason_json(result, choice.text.called_tools())},
                       {"stop_reason", stop_reason_json(result, impl_->stop_token_ids)}});
  }
  json["usage"] = usage_json(results);
  return reply_text(json);
}

}  // namespace stapes::serve
