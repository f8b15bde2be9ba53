#include "reward/reasoning.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "reward/words.h"

namespace stapes::reward {

ReasoningPresence reasoning_present(const Reply& reply, const ReasoningRule& rule,
                                    std::optional<int64_t> thinking_tokens) {
  if (rule.must_close && !reply.closed) return {false, "the thought was not closed"};
  const std::vector<Word> words = words_of(reply.thinking);
  if (words.empty()) return {false, "the thought has no words"};
  if (static_cast<int>(words.size()) < rule.min_words)
    return {false,
            fmt::format("the thought has {} words, expected {}", words.size(), rule.min_words)};
  if (thinking_tokens && *thinking_tokens < rule.min_tokens)
    return {false, fmt::format("the thought has {} tokens, expected {}", *thinking_tokens,
                               rule.min_tokens)};
  std::set<std::string> distinct, of_answer;
  for (const Word& word : words) distinct.insert(word.text);
  if (static_cast<int>(distinct.size()) < rule.min_distinct_words)
    return {false, fmt::format("the thought has {} different words, expected {}", distinct.size(),
                               rule.min_distinct_words)};
  for (const Word& word : words_of(reply.answer)) of_answer.insert(word.text);
  const auto beside = std::ranges::count_if(
      distinct, [&](const std::string& word) { return !of_answer.contains(word); });
  if (beside < rule.min_words_beside_answer)
    return {false, "the thought says nothing but the answer"};
  return {true, {}};
}

}  // namespace stapes::reward
