#include "reward/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stapes::reward {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> texts(std::string_view text) {
  std::vector<std::string> all;
  for (const Word& word : words_of(text)) all.push_back(word.text);
  return all;
}

TEST(Words, AreCutAndLowered) {
  EXPECT_THAT(texts("First I hear 3, second C#4; it's -12 dB (3.5)."),
              ElementsAre("first", "i", "hear", "3", "second", "c#4", "it's", "-12", "db", "3.5"));
  EXPECT_THAT(texts("twenty-three can’t a−5 −5"),
              ElementsAre("twenty", "three", "can't", "a", "5", "-5"));
  EXPECT_THAT(texts("我听到 two 声"), ElementsAre("我", "听", "到", "two", "声"));
  EXPECT_THAT(texts("über\xff!\x80x"), ElementsAre("über", "x"));
  EXPECT_THAT(texts(""), ElementsAre());
}

TEST(Words, KnowTheirPlaces) {
  const std::string text = "ab  Cé";
  const auto words = words_of(text);
  ASSERT_EQ(words.size(), 2U);
  EXPECT_EQ(text.substr(words[1].begin, words[1].end - words[1].begin), "Cé");
  EXPECT_EQ(words[1].text, "cé");
}

TEST(Sentences, EndAtSignsButNotInsideOfNumbers) {
  const auto sentences = sentences_of("It lasts 1.5 s. Loud! Why?\n\nso; yes。对");
  std::vector<std::string> all;
  std::string signs;
  for (const auto& sentence : sentences) {
    all.push_back(joined(sentence.words));
    signs += sentence.ended_by == '\n' ? 'n' : sentence.ended_by == 0 ? '0' : sentence.ended_by;
  }
  EXPECT_THAT(all, ElementsAre("it lasts 1.5 s", "loud", "why", "so", "yes", "对"));
  EXPECT_EQ(signs, ".!?;.0");
}

double number(std::string_view text, size_t expected_count) {
  const auto words = words_of(text);
  const auto found = number_at(words, 0);
  EXPECT_TRUE(found) << text;
  if (!found) return -1;
  EXPECT_EQ(found->count, expected_count) << text;
  return found->value;
}

TEST(Numbers, InWordsAndDigits) {
  EXPECT_EQ(number("7", 1), 7);
  EXPECT_EQ(number("-2.5 dB", 1), -2.5);
  EXPECT_EQ(number("seven beeps", 1), 7);
  EXPECT_EQ(number("twenty-three", 2), 23);
  EXPECT_EQ(number("one hundred and twenty beats", 4), 120);
  EXPECT_EQ(number("two hundred", 2), 200);
  EXPECT_EQ(number("half a second", 2), 0.5);
  EXPECT_EQ(number("one and a half seconds", 4), 1.5);
  EXPECT_EQ(number("twenty beeps", 1), 20);
  EXPECT_FALSE(number_at(words_of("beeps"), 0));
  EXPECT_FALSE(number_at(words_of("3"), 1));
}

TEST(Numbers, Ordinals) {
  EXPECT_EQ(ordinal_of(words_of("first")[0]), 1);
  EXPECT_EQ(ordinal_of(words_of("eighth")[0]), 8);
  EXPECT_EQ(ordinal_of(words_of("3rd")[0]), 3);
  EXPECT_EQ(ordinal_of(words_of("three")[0]), 0);
  EXPECT_EQ(ordinal_of(words_of("month")[0]), 0);
}

TEST(Quotes, AreSeen) {
  const std::string text = "He says \"I cannot hear\" and “so” on.\nIt's \" open\nnot here";
  const Quotations quotations(text);
  EXPECT_TRUE(quotations.cover(text.find("cannot")));
  EXPECT_FALSE(quotations.cover(text.find("and")));
  EXPECT_TRUE(quotations.cover(text.find("so”")));
  EXPECT_FALSE(quotations.cover(text.find("on.")));
  EXPECT_FALSE(quotations.cover(text.find("not here")));
}

}  // namespace
}  // namespace stapes::reward
