// The examples of docs/http-protocol.md, which stand in tests/golden/http: what each request is
// read as, what is written for what the engine gives, and that the page quotes them word for word.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>

#include "audio/log_mel.h"
#include "base/file.h"
#include "serve/openai/chat_reply.h"
#include "serve/openai/completion_reply.h"
#include "serve/openai/other_bodies.h"
#include "serve/openai/testing/support.h"
#include "spec/audio_tokens.h"
#include "text/chat_format.h"

namespace stapes::serve {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = STAPES_SOURCE_DIR "/tests/golden/http";
constexpr int64_t kCreated = 1760000000;

Json load(const fs::path& file) {
  return Json::parse(read_file(file));
}

std::vector<fs::path> fixture_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(kFolder))
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

const Engine& tiny_engine() {
  static const Engine kEngine = Engine::open(STAPES_SOURCE_DIR "/models/tiny", {.threads = 1});
  return kEngine;
}

// The prompt as text, the rows of each sound as "<audio_patch>*N".
std::string prompt_text(const Request& native) {
  std::vector<int64_t> rows;
  for (const AudioClip& clip : native.clips)
    rows.push_back(
        audio_token_count(mel_frame_count(std::ssize(clip.samples)), AudioRule::kHuggingFace));
  const Tokenizer tokenizer = Tokenizer::load(STAPES_SOURCE_DIR "/tests/golden/tokenizer.json");
  PromptOptions options{.continue_last_turn = native.continue_last_turn,
                        .add_generation_prompt = native.add_generation_prompt};
  if (native.sampling.think_budget == 0) options.assistant_prefix = "<think>\n\n</think>\n";
  const Prompt prompt = build_prompt(tokenizer, native.messages, rows, options);
  std::string text = tokenizer.decode(prompt.ids);
  const std::string patch = "<audio_patch>";
  for (const int64_t count : rows) {
    std::string run;
    for (int64_t i = 0; i < count; ++i) run += patch;
    const size_t place = text.find("<audio_start>" + run);
    if (place != std::string::npos)
      text.replace(place + 13, run.size(), fmt::format("{}*{}", patch, count));
  }
  return text;
}

// Only what is not as it would be without any field.
Json sampling_json(const SamplingOptions& options) {
  const SamplingOptions plain;
  Json json = Json::object();
  const auto add = [&](const char* name, const auto& value, const auto& otherwise) {
    if (value != otherwise) json[name] = value;
  };
  add("temperature", options.temperature, plain.temperature);
  add("top_p", options.top_p, plain.top_p);
  add("top_k", options.top_k, plain.top_k);
  add("min_p", options.min_p, plain.min_p);
  add("repetition_penalty", options.repetition_penalty, plain.repetition_penalty);
  add("frequency_penalty", options.frequency_penalty, plain.frequency_penalty);
  add("presence_penalty", options.presence_penalty, plain.presence_penalty);
  add("seed", options.seed, testing::facts().seed);
  add("max_tokens", options.max_tokens, testing::facts().default_max_tokens);
  add("stop", options.stop, plain.stop);
  add("stop_token_ids", options.stop_token_ids, plain.stop_token_ids);
  add("ignore_eos", options.ignore_eos, plain.ignore_eos);
  if (options.think_budget) json["think_budget"] = *options.think_budget;
  if (options.logprobs) json["logprobs"] = *options.logprobs;
  return json;
}

Json reads_as(const ChatRequest& request) {
  Json json = {{"prompt", prompt_text(request.native)},
               {"sampling", sampling_json(request.native.sampling)}};
  if (request.native.samples != 1) json["samples"] = request.native.samples;
  if (request.native.show_special_tokens) json["show_special_tokens"] = true;
  return json;
}

std::vector<GeneratedToken> tokens_of(const Json& json) {
  std::vector<GeneratedToken> tokens;
  const auto logprob = [](const Json& pair) {
    return TokenLogprob{.logprob = pair[1].get<double>(), .bytes = pair[0].get<std::string>()};
  };
  for (const Json& entry : json) {
    GeneratedToken token{
        .chosen = logprob(entry["chosen"]), .top = {}, .thinking = entry.value("thinking", false)};
    for (const Json& other : entry["top"]) token.top.push_back(logprob(other));
    tokens.push_back(std::move(token));
  }
  return tokens;
}

std::vector<Result> results_of(const Json& fixture) {
  std::vector<Result> results;
  for (const Json& json : fixture["results"]) {
    Result result;
    result.thinking = json.value("thinking", "");
    result.answer = json.value("answer", "");
    result.thought_closed = json.value("thought_closed", !result.answer.empty());
    result.finish =
        json.value("finish", "stop") == "length" ? FinishReason::kLength : FinishReason::kStop;
    if (json.contains("stop_token_id")) result.stop_token_id = json["stop_token_id"].get<int64_t>();
    result.stop_text = json.value("stop_text", "");
    result.usage = {.prompt_tokens = json["prompt_tokens"].get<int64_t>(),
                    .cached_tokens = json.value("cached_tokens", int64_t{0}),
                    .audio_tokens = json.value("audio_tokens", int64_t{0}),
                    .thinking_tokens = json.value("thinking_tokens", int64_t{0}),
                    .answer_tokens = json.value("answer_tokens", int64_t{0})};
    if (json.contains("tokens")) result.tokens = tokens_of(json["tokens"]);
    results.push_back(std::move(result));
  }
  return results;
}

void append_parsed(const std::vector<std::string>& texts, Json& chunks) {
  for (const std::string& text : texts) chunks.push_back(Json::parse(text));
}

// Word by word, as an engine would give them.
template <typename Push>
void push_words(const Json& results, const Push& push) {
  for (size_t sample = 0; sample < results.size(); ++sample) {
    for (const bool thinking : {true, false}) {
      std::string rest = results[sample].value(thinking ? "thinking" : "answer", "");
      while (!rest.empty()) {
        const size_t size = std::min(rest.find(' ', 1), rest.size());
        push(Delta{.thinking = thinking,
                   .text = rest.substr(0, size),
                   .sample = static_cast<int>(sample)});
        rest.erase(0, size);
      }
    }
  }
}

Json chat_outcome(const Json& fixture) {
  const ChatRequest request = parse_chat_request(fixture["request"].dump(), {}, testing::facts());
  Json outcome = {{"reads_as", reads_as(request)}};
  if (!fixture.contains("results")) return outcome;
  ChatReplyWriter writer(request, "chatcmpl-7", kCreated, "tiny");
  if (!request.stream) {
    outcome["reply"] = Json::parse(writer.whole(results_of(fixture)));
    return outcome;
  }
  Json& chunks = outcome["chunks"] = Json::array();
  push_words(fixture["results"],
             [&](const Delta& delta) { append_parsed(writer.on_delta(delta), chunks); });
  append_parsed(writer.on_end(results_of(fixture)), chunks);
  return outcome;
}

Json completion_outcome(const Json& fixture) {
  const CompletionRequest request =
      parse_completion_request(fixture["request"].dump(), testing::facts());
  CompletionReplyWriter writer(request, {request.natives[0].raw_prompt->text}, "cmpl-7", kCreated,
                               "tiny");
  return {{"reads_as",
           {{"prompt", request.natives[0].raw_prompt->text},
            {"sampling", sampling_json(request.natives[0].sampling)}}},
          {"reply", Json::parse(writer.whole({results_of(fixture)}))}};
}

Json outcome_of(const Json& fixture) {
  const std::string path = fixture["path"].get<std::string>();
  ModelFacts facts = testing::facts();
  try {
    if (path == "/v1/chat/completions") return chat_outcome(fixture);
    if (path == "/v1/completions") return completion_outcome(fixture);
    if (path == "/v1/models") return {{"reply", Json::parse(models_json(facts, kCreated))}};
    const std::string body = fixture["request"].dump();
    if (path == "/tokenize")
      return {{"reply", Json::parse(tokenize_reply(tiny_engine(), body, {}, facts))}};
    if (path == "/detokenize")
      return {{"reply", Json::parse(detokenize_reply(tiny_engine(), body))}};
  } catch (const Error& error) {
    const ErrorReply reply = error_reply(error);
    return {{"status", reply.status}, {"reply", Json::parse(reply.json)}};
  }
  ADD_FAILURE() << "no such path: " << path;
  return {};
}

TEST(Fixtures, AreReadAndAnsweredAsTheySay) {
  ASSERT_GE(fixture_files().size(), 15U);
  for (const fs::path& file : fixture_files()) {
    const Json fixture = load(file);
    const Json outcome = outcome_of(fixture);
    for (const char* part : {"status", "reads_as", "reply", "chunks"}) {
      if (!fixture.contains(part) && !outcome.contains(part)) continue;
      EXPECT_EQ(fixture.value(part, Json()).dump(2), outcome.value(part, Json()).dump(2))
          << file.filename() << " " << part;
    }
  }
}

// ```json blocks that follow a line `<!-- NAME.json PART -->`.
TEST(Fixtures, AreWhatTheProtocolPageQuotes) {
  const std::string page = read_file(STAPES_SOURCE_DIR "/docs/http-protocol.md");
  const std::regex quote("<!-- (\\w+)\\.json (\\w+) -->\\n```json\\n([^`]*)```");
  std::set<std::string> quoted;
  for (std::sregex_iterator match(page.begin(), page.end(), quote), end; match != end; ++match) {
    const std::string name = (*match)[1], part = (*match)[2];
    const Json fixture = load(kFolder / (name + ".json"));
    ASSERT_TRUE(fixture.contains(part)) << name << " " << part;
    EXPECT_EQ(Json::parse((*match)[3].str()).dump(2), fixture[part].dump(2)) << name << " " << part;
    quoted.insert(name);
  }
  size_t blocks = 0;
  for (size_t at = page.find("```json"); at != std::string::npos; at = page.find("```json", at + 1))
    ++blocks;
  EXPECT_EQ(blocks, static_cast<size_t>(
                        std::distance(std::sregex_iterator(page.begin(), page.end(), quote), {})))
      << "a block of JSON on the page is no fixture";
  for (const fs::path& file : fixture_files())
    EXPECT_TRUE(quoted.contains(file.stem().string())) << file.filename() << " is not quoted";
}

}  // namespace
}  // namespace stapes::serve
