#include "text/tool_calls.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace stapes {
namespace {

using Piece = ToolCallSplitter::Piece;

void append(std::vector<Piece>& pieces, std::vector<Piece> more) {
  for (Piece& piece : more) {
    const bool joins = !piece.call && !pieces.empty() && !pieces.back().call;
    if (joins) {
      pieces.back().text += piece.text;
    } else {
      pieces.push_back(std::move(piece));
    }
  }
}

std::vector<Piece> split(const std::string& text, size_t chunk) {
  ToolCallSplitter splitter;
  std::vector<Piece> pieces;
  for (size_t i = 0; i < text.size(); i += chunk)
    append(pieces, splitter.push(text.substr(i, chunk)));
  append(pieces, splitter.finish());
  return pieces;
}

// For pieces of any size.
void expect_split(const std::string& text, const std::vector<Piece>& expected) {
  for (size_t chunk = 1; chunk <= text.size() + 1; ++chunk) {
    SCOPED_TRACE(text + " in pieces of " + std::to_string(chunk));
    const std::vector<Piece> pieces = split(text, chunk);
    ASSERT_EQ(pieces.size(), expected.size());
    for (size_t i = 0; i < pieces.size(); ++i) {
      EXPECT_EQ(pieces[i].text, expected[i].text);
      EXPECT_EQ(pieces[i].call, expected[i].call);
    }
  }
}

Piece text(const std::string& value) {
  return {value, {}};
}
Piece call(const std::string& name, const std::string& arguments) {
  return {{}, ToolCall{name, arguments}};
}

TEST(ToolCallSplitter, FindsCallsAmongText) {
  expect_split("", {});
  expect_split("no call\n", {text("no call\n")});
  expect_split("<tool_call>function\nf\n{\"a\": 1}</tool_call>", {call("f", "{\"a\": 1}")});
  expect_split(
      "Let me see.\n\n<tool_call>function\nf\n{}</tool_call>\n"
      "<tool_call>\nfunction\ng\n{\"b\":\n 2}\n</tool_call>\n",
      {text("Let me see."), call("f", "{}"), call("g", "{\"b\":\n 2}")});
  expect_split("<tool_call>function\nf\n{}</tool_call> so", {call("f", "{}"), text("so")});
  expect_split("<tool_call>function\nf</tool_call>", {call("f", "{}")});
}

TEST(ToolCallSplitter, WhatIsNoCallStaysText) {
  for (const std::string other :
       {"a < b", "<tool_cal", "<tool_call>", "<tool_call>function\nf\n{}",
        "<tool_call>f\n{}</tool_call>", "<tool_call>function\n\n{}</tool_call>",
        "<tool_call></tool_call> x", "</tool_call>", " \n"})
    expect_split(other, {text(other)});
}

TEST(ToolCallSplitter, ArgumentsAreNotJudged) {
  expect_split("<tool_call>function\nf\n{\"a\": </tool_call>", {call("f", "{\"a\":")});
}

TEST(AppendToolCall, WritesWhatTheSplitterReads) {
  std::vector<ContentPart> parts = {ContentPart::of_text("So:")};
  append_tool_call({"f", "{\"a\": \"</b>\"}"}, parts);
  std::string written;
  for (const ContentPart& part : parts) written += part.text;
  expect_split(written, {text("So:"), call("f", "{\"a\": \"</b>\"}")});
  EXPECT_EQ(parts[1].kind, ContentPart::Kind::kControl);
  EXPECT_EQ(parts[2].kind, ContentPart::Kind::kText);
  EXPECT_EQ(parts[3].kind, ContentPart::Kind::kControl);
}

}  // namespace
}  // namespace stapes
