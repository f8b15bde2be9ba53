#include "serve/openai/json_body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/openai/testing/support.h"

namespace stapes::serve {
namespace {

using ::testing::HasSubstr;
using testing::Refusal;
using testing::refusal_of;

void expect_refused(const std::string& body, ErrorCode code, const std::string& message,
                    const std::string& param = "") {
  const Refusal refusal = refusal_of([&] { root_field(parse_json(body)); });
  EXPECT_EQ(static_cast<int>(refusal.code), static_cast<int>(code)) << body.substr(0, 100);
  EXPECT_EQ(refusal.message, message);
  EXPECT_EQ(refusal.param, param);
}

TEST(ParseJson, KeepsTheOrderOfNames) {
  const std::string text = R"({"z":1,"a":[true,null,-2,3.5,"é"],"m":{}})";
  EXPECT_EQ(parse_json(text).dump(), text);
}

TEST(ParseJson, EqualsTheLibrarysOwnTree) {
  const std::string text =
      R"( {"a":[[],{},[{"b":[1,[2,{"c":"d\u00e9\ud83d\ude00"}]]}]],"":{"x":1e3},
      "i":18446744073709551615,"j":-9223372036854775808,"k":1e-400} )";
  EXPECT_EQ(parse_json(text), Json::parse(text));
}

TEST(ParseJson, SaysWhereItGoesWrong) {
  constexpr auto kUsage = ErrorCode::kUsage;
  expect_refused("", kUsage, "expected a JSON object, but the body is empty");
  expect_refused("{\"a\": ", kUsage, "the body is not JSON: it ends too early");
  expect_refused("{\"a\": tru", kUsage, "the body is not JSON: it ends too early");
  expect_refused("{\"a\": truth}", kUsage, "the body is not JSON: it goes wrong at byte 9");
  expect_refused("{a: 1}", kUsage, "the body is not JSON: it goes wrong at byte 1");
  expect_refused("{\"a\": 1} x", kUsage, "the body is not JSON: it goes wrong at byte 9");
  expect_refused("{\"a\": 1e999}", kUsage, "a: the number is out of range", "a");
  expect_refused("{\"a\": NaN}", kUsage, "the body is not JSON: it goes wrong at byte 6");
  expect_refused("{\"a\": \"\\ud800\"}", kUsage, "the body is not JSON: it goes wrong at byte 13");
  expect_refused("{\"a\": \"\n\"}", kUsage, "the body is not JSON: it goes wrong at byte 7");
  expect_refused("[1]", kUsage, "expected a JSON object, but the body is a list");
  expect_refused("17", kUsage, "expected a JSON object, but the body is 17");
  expect_refused("null", kUsage, "expected a JSON object, but the body is null");
}

TEST(ParseJson, RefusesWhatIsNotUtf8) {
  expect_refused("{\"a\": \"x\xff\"}", ErrorCode::kInvalidText,
                 "the body is not UTF-8: byte 8 is not valid");
  expect_refused("{\"a\": \"\xed\xa0\x80\"}", ErrorCode::kInvalidText,
                 "the body is not UTF-8: byte 7 is not valid");
  expect_refused("\xff\xfe{\0}", ErrorCode::kInvalidText,
                 "the body is not UTF-8: byte 0 is not valid");
}

TEST(ParseJson, RefusesANameThatStandsTwice) {
  expect_refused(R"({"a": 1, "a": 1})", ErrorCode::kUsage, "a: the name stands twice in one object",
                 "a");
  expect_refused(R"({"messages": [{}, {"role": "user", "content": {"x": 1, "\u0078": 2}}]})",
                 ErrorCode::kUsage, "messages[1].content.x: the name stands twice in one object",
                 "messages[1].content.x");
  EXPECT_EQ(refusal_of([] { parse_json(R"([{"a": {"a": 1}}, {"a": 1}])"); }).message,
            "nothing was refused");
}

TEST(ParseJson, LimitsDepthAndNumberOfValues) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_NO_THROW(parse_json(nested(64)));
  expect_refused(nested(65), ErrorCode::kTooLarge, "the body is nested more than 64 deep");
  expect_refused(std::string(1 << 20, '['), ErrorCode::kTooLarge,
                 "the body is nested more than 64 deep");
  std::string deep_objects;
  for (int i = 0; i < 100'000; ++i) deep_objects += "{\"a\":";
  expect_refused(deep_objects, ErrorCode::kTooLarge, "the body is nested more than 64 deep");
  std::string many = "[0";
  for (int i = 1; i < 249'999; ++i) many += ",0";
  EXPECT_EQ(parse_json(many + "]").size(), 249'999U);
  expect_refused(many + ",0]", ErrorCode::kTooLarge, "the body has more than 250000 JSON values");
}

// An object with many names must not take quadratic time.
TEST(ParseJson, ManyNamesInOneObjectAreRead) {
  std::string body = "{\"n0\":0";
  for (int i = 1; i < 200'000; ++i) {
    body += ",\"n" + std::to_string(i);
    body += "\":0";
  }
  EXPECT_EQ(parse_json(body + "}").size(), 200'000U);
}

TEST(PythonDump, HasTheSpacesThatModelsKnow) {
  EXPECT_EQ(python_dump(parse_json(R"([{"b":1,"a":["x\n\"é",null,true,1.5,{}],"c":[]}])")),
            R"([{"b": 1, "a": ["x\n\"é", null, true, 1.5, {}], "c": []}])");
}

class FieldTest : public ::testing::Test {
 protected:
  Json json_ = parse_json(
      R"({"s": "text", "i": 3, "big": 9223372036854775808, "f": 2.5, "whole": 4.0, "t": true,
          "n": null, "l": [1, {"x": "y"}], "o": {"p": 1}, "huge": 1e300})");
  Field root_ = root_field(json_);

  std::string message(const std::function<void(const Field&)>& action) {
    return refusal_of([&] { action(root_); }).message;
  }
};

TEST_F(FieldTest, ReadsWhatIsThere) {
  EXPECT_EQ(root_.require("s").text(), "text");
  EXPECT_EQ(root_.require("i").integer(0, 3), 3);
  EXPECT_EQ(root_.require("whole").integer(0, 5), 4);
  EXPECT_EQ(root_.require("f").number(), 2.5);
  EXPECT_EQ(root_.require("i").number(), 3);
  EXPECT_TRUE(root_.require("t").boolean());
  EXPECT_FALSE(root_.find("n"));
  EXPECT_FALSE(root_.find("absent"));
  const std::vector<Field> elements = root_.require("l").elements();
  EXPECT_EQ(elements[1].require("x").path(), "l[1].x");
}

TEST_F(FieldTest, SaysWhatWasExpectedAndWhatCame) {
  EXPECT_EQ(message([](const Field& f) { f.require("i").text(); }), "i: expected a string, got 3");
  EXPECT_EQ(message([](const Field& f) { f.require("s").boolean(); }),
            "s: expected true or false, got \"text\"");
  EXPECT_EQ(message([](const Field& f) { f.require("l").number(); }),
            "l: expected a number, got a list");
  EXPECT_EQ(message([](const Field& f) { f.require("s").number(); }),
            "s: expected a number, got \"text\"");
  EXPECT_EQ(message([](const Field& f) { f.require("f").integer(0, 5); }),
            "f: expected an integer, got 2.5");
  EXPECT_EQ(message([](const Field& f) { f.require("i").integer(4, 5); }),
            "i: expected an integer of 4 to 5, got 3");
  EXPECT_EQ(message([](const Field& f) { f.require("big").integer(0, INT64_MAX); }),
            "big: expected an integer of 0 to 9223372036854775807, got 9223372036854775808");
  EXPECT_EQ(message([](const Field& f) { f.require("huge").integer(0, 9); }),
            "huge: expected an integer of 0 to 9, got 1e+300");
  EXPECT_EQ(message([](const Field& f) { f.require("o").elements(); }),
            "o: expected a list, got an object");
  EXPECT_EQ(message([](const Field& f) { f.require("t").find("x"); }),
            "t: expected an object, got true");
  EXPECT_EQ(message([](const Field& f) { f.require("o").require("q"); }), "o.q is missing");
  EXPECT_EQ(message([](const Field& f) { f.require("n"); }), "n is missing");
}

}  // namespace
}  // namespace stapes::serve
