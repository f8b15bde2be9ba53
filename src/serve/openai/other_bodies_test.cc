// Errors, models, tokens and the OpenAPI document.
#include "serve/openai/other_bodies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <regex>
#include <set>

#include "base/file.h"
#include "serve/openai/testing/support.h"

namespace stapes::serve {
namespace {

namespace fs = std::filesystem;
using testing::facts;
using ::testing::HasSubstr;
using testing::refusal_of;

TEST(ErrorReply, IsOpenAIs) {
  const ErrorReply reply = error_reply(RequestError(ErrorCode::kUsage, "n: \"bad\"\xff", "n"));
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.json,
            "{\"error\":{\"message\":\"n: \\\"bad\\\"\xef\xbf\xbd\",\"type\":"
            "\"invalid_request_error\",\"param\":\"n\",\"code\":null}}");
}

TEST(ErrorReply, StatusAndCode) {
  const auto of_field = [](ErrorCode code) {
    const ErrorReply reply = error_reply(RequestError(code, "words", "p"));
    return std::to_string(reply.status) + " " + Json::parse(reply.json)["error"]["code"].dump();
  };
  EXPECT_EQ(of_field(ErrorCode::kUsage), "400 null");
  EXPECT_EQ(of_field(ErrorCode::kInvalidText), "400 null");
  EXPECT_EQ(of_field(ErrorCode::kInvalidAudio), "400 \"invalid_audio\"");
  EXPECT_EQ(of_field(ErrorCode::kTooLarge), "413 \"too_large\"");
  EXPECT_EQ(of_field(ErrorCode::kUnsupported), "400 \"unsupported\"");
  EXPECT_EQ(of_field(ErrorCode::kNotFound), "400 \"not_found\"");
  EXPECT_EQ(of_field(ErrorCode::kIo), "400 \"cannot_be_read\"");
  const auto of_engine = [](ErrorCode code) {
    const ErrorReply reply = error_reply(Error(code, "the words"));
    const Json error = Json::parse(reply.json)["error"];
    EXPECT_TRUE(error["param"].is_null());
    EXPECT_EQ(error["message"] == "the words", reply.status != 500);
    return std::to_string(reply.status) + " " + error["type"].get<std::string>() + " " +
           error["code"].dump();
  };
  EXPECT_EQ(of_engine(ErrorCode::kTooLarge),
            "400 invalid_request_error \"context_length_exceeded\"");
  EXPECT_EQ(of_engine(ErrorCode::kBusy), "429 rate_limit_error \"busy\"");
  EXPECT_EQ(of_engine(ErrorCode::kCancelled), "503 server_error \"stopping\"");
  EXPECT_EQ(of_engine(ErrorCode::kInvalidModel), "500 server_error null");
  EXPECT_EQ(of_engine(ErrorCode::kIo), "500 server_error null");
  EXPECT_EQ(of_engine(ErrorCode::kUsage), "400 invalid_request_error null");
}

TEST(ErrorReply, FaultsOfOursAreNotTold) {
  const ErrorReply reply = error_reply(std::runtime_error("/secret/path"));
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(reply.json.find("secret"), std::string::npos);
}

class Tokens : public ::testing::Test {
 protected:
  static const Engine& engine() {
    static const Engine kEngine = Engine::open(STAPES_SOURCE_DIR "/models/tiny", {.threads = 1});
    return kEngine;
  }
  static Json tokenize(const Json& body) {
    return Json::parse(tokenize_reply(engine(), body.dump(), {}, facts()));
  }
  static Json detokenize(const Json& body) {
    return Json::parse(detokenize_reply(engine(), body.dump()));
  }
};

TEST_F(Tokens, ThereAndBack) {
  const std::string text = "3 + 7<|EOT|> é";
  const Json control = tokenize({{"prompt", text}});
  const Json plain = tokenize({{"content", text}, {"parse_special", false}});
  EXPECT_LT(control["count"], plain["count"]);
  EXPECT_EQ(control["count"], control["tokens"].size());
  EXPECT_EQ(control["max_model_len"], 4096);
  for (const Json& tokens : {control["tokens"], plain["tokens"]}) {
    EXPECT_EQ(detokenize({{"tokens", tokens}})["prompt"], text);
    EXPECT_EQ(detokenize({{"tokens", tokens}})["content"], text);
  }
}

TEST_F(Tokens, OfAChatAreItsPrompt) {
  Json body = testing::question({{"with_pieces", true}});
  const Json reply = tokenize(body);
  std::string text;
  for (const Json& piece : reply["token_strs"]) text += piece.get<std::string>();
  EXPECT_EQ(text, "<|BOT|>human\nWhich digits?<|EOT|><|BOT|>assistant\n<think>\n");
  body = testing::with_messages(Json::array(
      {{{"role", "user"}, {"content", Json::array({testing::audio_part(testing::wav(1))})}}}));
  EXPECT_GT(tokenize(body)["count"], 20);
}

TEST_F(Tokens, RefuseByName) {
  const auto refused = [](const Json& body) { return refusal_of([&] { tokenize(body); }).message; };
  EXPECT_EQ(refused(Json::object()), "prompt is missing");
  EXPECT_EQ(refused({{"prompt", 5}}), "prompt: expected a string, got 5");
  EXPECT_EQ(refused({{"messages", 5}}), "messages: expected a list, got 5");
  EXPECT_EQ(refused({{"prompt", "x"}, {"with_pieces", 1}}),
            "with_pieces: expected true or false, got 1");
  EXPECT_EQ(refused({{"prompt", std::string(1'048'577, 'x')}}),
            "prompt: expected at most 1048576 bytes, got 1048577; the model's context holds 4096 "
            "tokens");
  const auto refused_back = [](const Json& body) {
    const auto refusal = refusal_of([&] { detokenize(body); });
    EXPECT_EQ(refusal.param.find("tokens"), 0U);
    return refusal.message;
  };
  EXPECT_EQ(refused_back(Json::object()), "tokens is missing");
  EXPECT_EQ(refused_back({{"tokens", "x"}}), "tokens: expected a list, got \"x\"");
  EXPECT_EQ(refused_back({{"tokens", {1, "x"}}}), "tokens[1]: expected an integer, got \"x\"");
  EXPECT_THAT(refused_back({{"tokens", {1, 100000}}}), HasSubstr("got 100000 in place 1"));
}

TEST(Models, AreOne) {
  const Json list = Json::parse(models_json(facts(), 5));
  EXPECT_EQ(list["data"].size(), 1U);
  EXPECT_EQ(list["data"][0].dump(), model_json(facts(), 5));
  EXPECT_EQ(list["data"][0]["id"], "tiny");
}

class OpenApi : public ::testing::Test {
 protected:
  const Json document_ = Json::parse(openapi_json("1.2.3"));

  static void for_each(const Json& json, const std::function<void(const Json&)>& visit) {
    visit(json);
    for (const Json& child : json)
      if (child.is_structured()) for_each(child, visit);
  }
};

TEST_F(OpenApi, EveryReferenceLeadsSomewhere) {
  EXPECT_EQ(document_["openapi"], "3.1.0");
  EXPECT_EQ(document_["info"]["version"], "1.2.3");
  std::set<std::string> used;
  for_each(document_, [&](const Json& json) {
    if (!json.is_object() || !json.contains("$ref")) return;
    const std::string reference = json["$ref"].get<std::string>();
    ASSERT_TRUE(reference.starts_with("#/"));
    EXPECT_TRUE(document_.contains(Json::json_pointer(reference.substr(1)))) << reference;
    used.insert(reference);
  });
  for (const auto& [name, schema] : document_["components"]["schemas"].items())
    EXPECT_TRUE(used.contains("#/components/schemas/" + name)) << name << " is not used";
}

TEST_F(OpenApi, OperationsAreNamedOnce) {
  std::set<std::string> names;
  for (const auto& [path, methods] : document_["paths"].items())
    for (const auto& [method, operation] : methods.items()) {
      EXPECT_TRUE(names.insert(operation.at("operationId").get<std::string>()).second);
      EXPECT_TRUE(operation.contains("responses")) << path;
    }
}

// The names in the sources, find("name") and require("name"), are those of the document.
TEST_F(OpenApi, HasEveryFieldThatIsRead) {
  std::set<std::string> described;
  for_each(document_["components"]["schemas"], [&](const Json& json) {
    if (!json.is_object() || !json.contains("properties")) return;
    for (const auto& [name, schema] : json["properties"].items()) described.insert(name);
  });
  const std::regex reading("(?:find|require|read_number|flag)\\((?:body, )?\"(\\w+)\"");
  std::set<std::string> read;
  for (const auto& entry : fs::directory_iterator(STAPES_SOURCE_DIR "/src/serve/openai")) {
    const std::string name = entry.path().filename();
    if (!name.ends_with(".cc") || name.ends_with("_test.cc")) continue;
    const std::string source = read_file(entry.path());
    for (std::sregex_iterator match(source.begin(), source.end(), reading), end; match != end;
         ++match)
      read.insert((*match)[1]);
  }
  EXPECT_GE(read.size(), 45U);
  for (const std::string& name : read) EXPECT_TRUE(described.contains(name)) << name;
}

}  // namespace
}  // namespace stapes::serve
