#include "serve/request_log.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace stapes::serve {
namespace {

RequestEnd chat() {
  return {.id = "req-1",
          .peer = "127.0.0.1:5",
          .method = "POST",
          .path = "/v1/chat/completions",
          .status = 200,
          .body_bytes = 10,
          .sent_bytes = 20,
          .total_ms = 523.46,
          .answer = {.prompt_tokens = 134,
                     .generated_tokens = 57,
                     .audio_seconds = 1.61,
                     .first_token_ms = 80.2}};
}

TEST(RequestLog, AsText) {
  EXPECT_EQ(request_as_text(chat()),
            "req-1 127.0.0.1:5 POST /v1/chat/completions 200 in 523 ms, 134 + 57 tokens, first "
            "after 80 ms, 1.6 s of sound");
  EXPECT_EQ(request_as_text({.id = "a", .peer = "b", .method = "", .path = "", .status = 400}),
            "a b - - 400 in 0 ms");
}

TEST(RequestLog, AsJson) {
  EXPECT_EQ(request_as_json(chat()),
            R"({"message":"request","id":"req-1","peer":"127.0.0.1:5","method":"POST",)"
            R"("path":"/v1/chat/completions","status":200,"ms":523.5,"received_bytes":10,)"
            R"("sent_bytes":20,"prompt_tokens":134,"generated_tokens":57,"first_token_ms":80.2,)"
            R"("audio_seconds":1.6})");
}

TEST(RequestLog, ALongOrOddPathBreaksNoLine) {
  RequestEnd end = chat();
  end.path = "/" + std::string(5000, 'x');
  EXPECT_LT(request_as_text(end).size(), 400U);
  end.path = "/\xff\"";
  EXPECT_FALSE(nlohmann::json::parse(request_as_json(end), nullptr, false).is_discarded());
}

}  // namespace
}  // namespace stapes::serve
