#include "train/data/jsonl_samples.h"

#include <algorithm>
#include <string_view>

#include "text/think_splitter.h"

namespace stapes::train {

Reply read_reply(const std::string& text, EmptyThought empty) {
  const ThinkingAndAnswer parts = split_thinking(text, /*thinking_open=*/true);
  if (!parts.closed) {
    const size_t begin = std::min(text.find_first_not_of('\n'), text.size());
    const std::string_view from = std::string_view(text).substr(begin);
    if (from.starts_with("<think>") || from.starts_with("<|THINK_START|>"))
      fail(ErrorCode::kInvalidData, "the thought is not closed by </think>");
    return reply_without_thinking(text, empty);
  }
  if (parts.answer.empty()) fail(ErrorCode::kInvalidData, "there is no answer after the thought");
  if (parts.thinking.empty()) return reply_without_thinking(parts.answer, empty);
  return reply_with_thinking(parts.thinking, parts.answer);
}

std::vector<Question> questions_of(const JsonlRow& row, const std::filesystem::path& file,
                                   EmptyThought empty) {
  if (row.messages.back().role != "assistant")
    reject_line(file, row.line, "the last message must be the assistant's");
  if (row.trained.empty()) reject_line(file, row.line, "no assistant turn is in the loss");
  std::vector<Question> questions;
  for (const size_t turn : row.trained) {
    const auto& parts = row.messages[turn].parts;
    if (parts.size() != 1 || parts[0].kind != ContentPart::Kind::kText || parts[0].text.empty())
      reject_line(file, row.line, "the assistant's message {} must be text, and not empty", turn);
    Question question;
    question.messages.assign(row.messages.begin(),
                             row.messages.begin() + static_cast<std::ptrdiff_t>(turn));
    try {
      question.reply = read_reply(parts[0].text, empty);
    } catch (const Error& error) {
      reject_line(file, row.line, "message {}: {}", turn, error.what());
    }
    questions.push_back(std::move(question));
  }
  return questions;
}

}  // namespace stapes::train
