#include "serve/openai/completion_reply.h"

#include <utility>

#include "serve/openai/reply_json.h"

namespace stapes::serve {
namespace {

struct CompletionChoice {
  bool begun = false;
  int64_t characters = 0;                   // of the choice's text, up to the next token
  std::vector<GeneratedToken> tokens = {};  // not yet written
};

// Unicode code points; of half a character, its first byte counts.
int64_t characters_in(std::string_view bytes) {
  int64_t count = 0;
  for (const char byte : bytes) count += (static_cast<unsigned char>(byte) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

}  // namespace

struct CompletionReplyWriter::Impl {
  size_t samples = 1;
  bool include_usage = false;
  bool echo = false;
  bool logprobs = false;
  std::vector<int64_t> stop_token_ids;
  std::vector<std::string> prompt_texts;
  std::string id;
  int64_t created = 0;
  std::string model;
  std::string chunk_begin;  // of every chunk: {"id": ..., "choices":[
  std::vector<CompletionChoice> choices;

  Json head() const {
    return {{"id", id}, {"object", "text_completion"}, {"created", created}, {"model", model}};
  }
  const std::string& prompt_of(size_t index) const { return prompt_texts.at(index / samples); }

  Json logprobs_json(const std::vector<GeneratedToken>& tokens, CompletionChoice& choice) const {
    if (!logprobs) return nullptr;
    Json json = {{"tokens", Json::array()},
                 {"token_logprobs", Json::array()},
                 {"top_logprobs", Json::array()},
                 {"text_offset", Json::array()}};
    for (const GeneratedToken& token : tokens) {
      json["tokens"].push_back(token_text(token.chosen.bytes));
      json["token_logprobs"].push_back(json_logprob(token.chosen.logprob));
      json["text_offset"].push_back(choice.characters);
      choice.characters += characters_in(token.chosen.bytes);
      Json top = Json::object();
      for (const TokenLogprob& other : token.top)
        top[token_text(other.bytes)] = json_logprob(other.logprob);
      json["top_logprobs"].push_back(std::move(top));
    }
    return json;
  }

  Json choice_json(size_t index, std::string text, Json logprob) const {
    return {{"index", index},
            {"text", std::move(text)},
            {"logprobs", std::move(logprob)},
            {"finish_reason", nullptr}};
  }

  void end(const Result& result, Json& choice) const {
    choice["finish_reason"] = finish_reason_json(result, /*called_tools=*/false);
    choice["stop_reason"] = stop_reason_json(result, stop_token_ids);
  }

  std::string chunk(const Json& choice) const {
    return chunk_begin + reply_text(choice) + (include_usage ? "],\"usage\":null}" : "]}");
  }

  void begin(size_t index, std::vector<std::string>& chunks) {
    if (std::exchange(choices.at(index).begun, true) || !echo) return;
    chunks.push_back(chunk(choice_json(index, prompt_of(index), nullptr)));
  }

  static Json usage(const std::vector<std::vector<Result>>& results) {
    std::vector<Json> usages;
    for (const std::vector<Result>& samples_of_prompt : results)
      usages.push_back(usage_json(samples_of_prompt));
    return sum_of_usages(usages);
  }
};

CompletionReplyWriter::CompletionReplyWriter(const CompletionRequest& request,
                                             std::vector<std::string> prompt_texts, std::string id,
                                             int64_t created, std::string model)
    : impl_(std::make_unique<Impl>()) {
  const Request& first = request.natives.front();
  impl_->samples = static_cast<size_t>(first.samples);
  impl_->include_usage = request.include_usage;
  impl_->echo = request.echo;
  impl_->logprobs = first.sampling.logprobs.has_value();
  impl_->stop_token_ids = first.sampling.stop_token_ids;
  impl_->prompt_texts = std::move(prompt_texts);
  impl_->id = std::move(id);
  impl_->created = created;
  impl_->model = std::move(model);
  impl_->chunk_begin = reply_text(impl_->head());
  impl_->chunk_begin.pop_back();
  impl_->chunk_begin += ",\"choices\":[";
  impl_->choices.resize(request.natives.size() * impl_->samples);
}

CompletionReplyWriter::CompletionReplyWriter(CompletionReplyWriter&&) noexcept = default;
CompletionReplyWriter& CompletionReplyWriter::operator=(CompletionReplyWriter&&) noexcept = default;
CompletionReplyWriter::~CompletionReplyWriter() = default;

std::vector<std::string> CompletionReplyWriter::on_delta(size_t prompt, const Delta& delta) {
  const size_t index = prompt * impl_->samples + static_cast<size_t>(delta.sample);
  CompletionChoice& choice = impl_->choices.at(index);
  std::vector<std::string> chunks;
  impl_->begin(index, chunks);
  choice.tokens.insert(choice.tokens.end(), delta.tokens.begin(), delta.tokens.end());
  if (delta.text.empty()) return chunks;
  Json logprobs = impl_->logprobs_json(std::exchange(choice.tokens, {}), choice);
  chunks.push_back(impl_->chunk(impl_->choice_json(index, delta.text, std::move(logprobs))));
  return chunks;
}

std::vector<std::string> CompletionReplyWriter::on_end(
    const std::vector<std::vector<Result>>& results) {
  std::vector<std::string> chunks;
  for (size_t index = 0; index < impl_->choices.size(); ++index) {
    CompletionChoice& choice = impl_->choices[index];
    impl_->begin(index, chunks);
    Json logprobs = choice.tokens.empty()
                        ? Json()
                        : impl_->logprobs_json(std::exchange(choice.tokens, {}), choice);
    Json last = impl_->choice_json(index, "", std::move(logprobs));
    impl_->end(results.at(index / impl_->samples).at(index % impl_->samples), last);
    chunks.push_back(impl_->chunk(last));
  }
  if (!impl_->include_usage) return chunks;
  Json json = impl_->head();
  json["choices"] = Json::array();
  json["usage"] = Impl::usage(results);
  chunks.push_back(reply_text(json));
  return chunks;
}

std::string CompletionReplyWriter::whole(const std::vector<std::vector<Result>>& results) {
  Json json = impl_->head();
  Json& choices = json["choices"] = Json::array();
  for (size_t index = 0; index < impl_->choices.size(); ++index) {
    const Result& result = results.at(index / impl_->samples).at(index % impl_->samples);
    const std::string text = (impl_->echo ? impl_->prompt_of(index) : "") + result.answer;
    Json choice =
        impl_->choice_json(index, text, impl_->logprobs_json(result.tokens, impl_->choices[index]));
    impl_->end(result, choice);
    choices.push_back(std::move(choice));
  }
  json["usage"] = Impl::usage(results);
  return reply_text(json);
}

}  // namespace stapes::serve
