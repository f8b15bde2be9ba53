#include "engine/stop_matcher.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace stapes {
namespace {

struct Outcome {
  std::string text;
  bool stopped = false;
  bool operator==(const Outcome&) const = default;
};

// The slow obvious twin: looks at every prefix of the whole text until one ends with a stop text.
Outcome cut_whole_text(const std::string& text, const std::vector<std::string>& stops) {
  for (size_t end = 1; end <= text.size(); ++end) {
    size_t longest = 0;
    for (const std::string& stop : stops)
      if (text.substr(0, end).ends_with(stop)) longest = std::max(longest, stop.size());
    if (longest > 0) return {text.substr(0, end - longest), true};
  }
  return {text, false};
}

Outcome stream(const std::vector<std::string>& pieces, const std::vector<std::string>& stops) {
  StopMatcher matcher(stops);
  Outcome outcome;
  for (const std::string& piece : pieces) outcome.text += matcher.push(piece);
  outcome.text += matcher.finish();
  outcome.stopped = matcher.stopped();
  return outcome;
}

TEST(StopMatcher, ReleasesOnlyWhatIsDecided) {
  StopMatcher matcher({"END"});
  EXPECT_EQ(matcher.push("the E"), "the ");
  EXPECT_EQ(matcher.push("N"), "");
  EXPECT_EQ(matcher.push("emy"), "ENemy");
  EXPECT_EQ(matcher.push(" EN"), " ");
  EXPECT_EQ(matcher.push("D and more"), "");
  EXPECT_TRUE(matcher.stopped());
  EXPECT_EQ(matcher.push("more"), "");
  EXPECT_EQ(matcher.finish(), "");
}

TEST(StopMatcher, FinishReleasesAHalfStopText) {
  StopMatcher matcher({"END"});
  EXPECT_EQ(matcher.push("EN"), "");
  EXPECT_EQ(matcher.finish(), "EN");
  EXPECT_FALSE(matcher.stopped());
}

TEST(StopMatcher, WithoutStopTextsNothingIsHeldBack) {
  StopMatcher matcher({});
  EXPECT_EQ(matcher.push("anything"), "anything");
}

TEST(StopMatcher, AnyCutGivesWhatTheWholeTextGives) {
  Rng rng(7);
  for (int round = 0; round < 3000; ++round) {
    const auto random_text = [&](int64_t low, int64_t high) {
      std::string text;
      for (int64_t size = rng.integer(low, high); size > 0; --size)
        text += static_cast<char>('a' + rng.integer(0, 1));
      return text;
    };
    const std::string text = random_text(0, 12);
    std::vector<std::string> stops;
    for (int64_t count = rng.integer(1, 3); count > 0; --count) stops.push_back(random_text(2, 5));
    std::vector<std::string> pieces;
    for (size_t at = 0; at < text.size();) {
      const auto size = static_cast<size_t>(rng.integer(1, 4));
      pieces.push_back(text.substr(at, size));
      at += size;
    }
    ASSERT_EQ(stream(pieces, stops), cut_whole_text(text, stops)) << text;
  }
}

}  // namespace
}  // namespace stapes
