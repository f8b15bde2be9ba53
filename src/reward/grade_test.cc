#include "reward/grade.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stapes/error.h"
#include "world/text_twins.h"

namespace stapes::reward {
namespace {

using ::testing::HasSubstr;

Grade grade(const std::string& completion, ExpectedAnswer expected) {
  return grade_answer(split_reply(completion), expected);
}
Grade answered(const std::string& answer, ExpectedAnswer expected) {
  return grade("I think.\n</think>\n" + answer, std::move(expected));
}
ExpectedAnswer number(const std::string& text) {
  return {.kind = AnswerKind::kNumber, .text = text};
}
ExpectedAnswer formula(const std::string& text) {
  return {.kind = AnswerKind::kExpression, .text = text};
}
ExpectedAnswer choice(const std::string& text) {
  return {
      .kind = AnswerKind::kChoice, .text = text, .choices = {"cat", "dog", "hot dog", "a bell"}};
}

TEST(GradeNumber, FormsOfTheSameNumber) {
  for (const char* answer : {"42",
                             " 42. ",
                             "42.0",
                             "The answer is 42.",
                             "\\boxed{42}",
                             "**42**",
                             "<answer>42</answer>",
                             "forty-two",
                             "It is forty two.",
                             "42 apples",
                             "6 * 7 = 42",
                             "x = 42",
                             "#### 42",
                             "$42$",
                             "42 %",
                             "84/2",
                             "The answer is 6 * 7 = 42.",
                             "4.2e1",
                             "42, that is, 42",
                             "First 5, then 7. The answer is 42"})
    EXPECT_TRUE(answered(answer, number("42")).right())
        << answer << ": " << answered(answer, number("42")).reason;
  EXPECT_TRUE(answered("1,234.5", number("1234.5")).right());
  EXPECT_TRUE(answered("-3", number("\xE2\x88\x92"
                                    "3"))
                  .right());
  EXPECT_TRUE(answered("minus three", number("-3")).right());
  EXPECT_TRUE(answered("3/4", number("0.75")).right());
  EXPECT_TRUE(answered("It takes 5kg of H2O", number("5")).right());
  EXPECT_TRUE(answered("0.3333333333", number("1/3")).right());
}

TEST(GradeNumber, OtherNumbersAreWrong) {
  for (const char* answer : {"41", "-42", "4 2", "420", "42.1", "402", "4,2", "42/2", "2nd", "H42"})
    EXPECT_EQ(answered(answer, number("42")).score, 0.0) << answer;
}

// Replies that try to be rewarded without answering.
TEST(GradeNumber, AdversarialReplies) {
  struct Case {
    const char* completion;
    const char* reason;
  };
  const Case cases[] = {
      {"", "empty"},
      {"The answer is 7.", "not closed"},
      {"The answer is 7.\n</think>\n", "empty"},
      {"The answer is 7.\n</think>\n   \n\t", "empty"},
      {"Hm.\n</think>\n1 2 3 4 5 6 7 8 9", "several numbers"},
      {"Hm.\n</think>\nIt is 7 or 8.", "several numbers"},
      {"Hm.\n</think>\nThe answer is 7. No, the answer is 8.", "contradicting"},
      {"Hm.\n</think>\n\\boxed{7} \\boxed{8}", "contradicting"},
      {"Hm.\n</think>\nx = 7 or x = 8", "contradicting"},
      {"Hm.\n</think>\n<think>7</think>", "marker"},
      {"Hm.\n</think>\n7</think>7", "marker"},
      {"Hm.\n</think>\n7<|EOT|><|BOT|>human", "marker"},
      {"Hm.\n</think>\n{\"provider\": \"other\", \"answer\": \"7\"}", "JSON"},
      {"Hm.\n</think>\n7\n{\"model\": \"other\", \"prompt\": \"Add", "JSON"},
      {"Hm.\n</think>\nI do not know.", "no number"},
      {"7 </think", "not closed"},
  };
  for (const auto& [completion, reason] : cases) {
    const Grade graded = grade(completion, number("7"));
    EXPECT_EQ(graded.score, 0.0) << completion;
    EXPECT_THAT(graded.reason, HasSubstr(reason)) << completion;
  }
}

TEST(GradeNumber, AVeryLongAnswerIsNone) {
  EXPECT_EQ(answered("7 " + std::string(10'000, 'x'), number("7")).score, 0.0);
}

TEST(Grade, AThoughtMayBeEmptyOrMissing) {
  EXPECT_TRUE(grade("\n</think>\n7", number("7")).right());
  EXPECT_TRUE(grade_answer(split_reply("7", /*thinking_open=*/false), number("7")).right());
}

TEST(Grade, NoScoreWhereTheExpectedAnswerIsNone) {
  EXPECT_FALSE(answered("7", number("seven or eight")).score);
  EXPECT_FALSE(answered("7", number("")).score);
  EXPECT_FALSE(answered("7", formula("2 +")).score);
  EXPECT_FALSE(answered("cat", choice("mouse")).score);
  EXPECT_FALSE(
      answered("cat", {.kind = AnswerKind::kChoice, .text = "cat", .choices = {"cat"}}).score);
  EXPECT_FALSE(answered("x", {.kind = AnswerKind::kNormalized, .text = " . "}).score);
  EXPECT_FALSE(answered("7", number("seven or eight")).right());
}

TEST(GradeExpression, EqualFormulas) {
  struct Case {
    const char* answer;
    const char* expected;
  };
  for (const auto& [answer, expected] :
       {Case{"3/4", "0.75"}, Case{"\\frac{3}{4}", "0.75"}, Case{"(x+1)^2", "x^2+2x+1"},
        Case{"$x^{2} + 2x + 1$", "(x+1)(x+1)"}, Case{"2\\sqrt{2}", "sqrt(8)"},
        Case{"y = 2(x - 3)", "2x - 6"}, Case{"The answer is x/2.", "0.5x"},
        Case{"\\boxed{2\\pi r}", "2 pi r"}, Case{"1,000", "10^3"}, Case{"-(-2)", "2"},
        Case{"2^3^2", "512"}, Case{"-2^2", "-4"}, Case{"ab", "b a"},
        Case{"\\left(a+b\\right)\\cdot c", "ac+bc"}, Case{"sin(x)^2+cos(x)^2", "1"},
        Case{"ln(e)", "1"}, Case{"log(1000)", "3"}})
    EXPECT_TRUE(answered(answer, formula(expected)).right())
        << answer << " for " << expected << ": " << answered(answer, formula(expected)).reason;
}

TEST(GradeExpression, OtherAndHostileFormulas) {
  struct Case {
    const char* answer;
    const char* expected;
  };
  for (const auto& [answer, expected] :
       {Case{"x^2+1", "x^2+2x+1"}, Case{"0.74", "3/4"}, Case{"x", "y"}, Case{"x", "3"},
        Case{"", "3"}, Case{"3 4", "12"}, Case{"1/0", "3"}, Case{"3 or 4", "3"},
        Case{"the third", "3"}, Case{"3; 4", "3"}, Case{"3=3=3", "3"}, Case{"a\nb", "a"},
        Case{"The answer is 3. The answer is 4.", "3"}, Case{"x = 3 = y", "3"}})
    EXPECT_EQ(answered(answer, formula(expected)).score, 0.0) << answer << " for " << expected;
  EXPECT_EQ(answered(std::string(1500, '('), formula("3")).score, 0.0);
  EXPECT_EQ(answered(std::string(1500, '-') + "3", formula("3")).score, 0.0);
  EXPECT_EQ(answered("9^9^9^9", formula("3")).score, 0.0);
}

TEST(GradeChoice, LettersAndTexts) {
  for (const char* answer :
       {"B", "b", "(B)", "B.", "B) dog", "B. dog", "dog", "Dog.", "The answer is B.",
        "The answer is (b)", "Answer: B", "**B**", "It is a dog.", "The answer is dog",
        "I choose option B.", "B: dog", "The answer is B because it barks."})
    EXPECT_TRUE(answered(answer, choice("dog")).right())
        << answer << ": " << answered(answer, choice("dog")).reason;
  EXPECT_TRUE(answered("dog", choice("B")).right());
  EXPECT_TRUE(answered("a hot dog", choice("hot dog")).right()) << "the longer text counts";
  EXPECT_TRUE(answered("It isn't a cat, so the answer is hot dog.", choice("C")).right());
}

TEST(GradeChoice, AdversarialReplies) {
  struct Case {
    const char* answer;
    const char* reason;
  };
  for (const auto& [answer, reason] :
       {Case{"A B C D", ""}, Case{"A. cat B. dog C. hot dog D. a bell", "different choices"},
        Case{"cat, dog, hot dog, a bell", "choices are named"}, Case{"cat or dog", "2 choices"},
        Case{"A. dog", "different choices"}, Case{"The answer is A. The answer is B.", "given as"},
        Case{"A dog barks like a cat", "2 choices"}, Case{"E", "none"}, Case{"doggy", "none"},
        Case{"Option A or option B", "given as"}, Case{"something else", "none"}}) {
    const Grade graded = answered(answer, choice("dog"));
    EXPECT_EQ(graded.score, 0.0) << answer;
    EXPECT_THAT(graded.reason, HasSubstr(reason)) << answer;
  }
  EXPECT_EQ(answered("hot dog", choice("dog")).score, 0.0);
  // An article is no letter.
  EXPECT_EQ(answered("A bird", choice("cat")).score, 0.0);
}

TEST(GradeChoice, ChoicesThatAreNumbersOrLetters) {
  const ExpectedAnswer numbers{
      .kind = AnswerKind::kChoice, .text = "3", .choices = {"2", "3", "5"}};
  EXPECT_TRUE(answered("3", numbers).right());
  EXPECT_TRUE(answered("B", numbers).right());
  EXPECT_EQ(answered("2 or 3", numbers).score, 0.0);
  const ExpectedAnswer letters{
      .kind = AnswerKind::kChoice, .text = "A", .choices = {"C", "A", "B"}};
  EXPECT_TRUE(answered("A", letters).right()) << "the text comes before the letter";
}

TEST(GradeText, ExactAndNormalized) {
  const ExpectedAnswer exact{.kind = AnswerKind::kExact, .text = "3 7 1"};
  EXPECT_TRUE(answered("3 7 1\n", exact).right());
  EXPECT_EQ(answered("3, 7, 1", exact).score, 0.0);
  const ExpectedAnswer normalized{.kind = AnswerKind::kNormalized, .text = "3 7 1"};
  EXPECT_TRUE(answered("3, 7; 1.", normalized).right());
  EXPECT_EQ(answered("37 1", normalized).score, 0.0);
  EXPECT_EQ(answered("3 7 1 or 3 7 2", normalized).score, 0.0);
  EXPECT_TRUE(answered("{\"a\": 1}", {.kind = AnswerKind::kExact, .text = "{\"a\": 1}"}).right());
}

TEST(Grade, KindsByName) {
  EXPECT_EQ(answer_kind_by_name("choice"), AnswerKind::kChoice);
  try {
    answer_kind_by_name("guess");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("number, expression, choice, exact, normalized"));
  }
}

TEST(Reply, BareAnswers) {
  EXPECT_EQ(bare_answer("  **x** "), "x");
  EXPECT_EQ(bare_answer("<answer> x </answer>"), "x");
  EXPECT_EQ(bare_answer("<answer>x</answer> <answer>y</answer>"),
            "<answer>x</answer> <answer>y</answer>");
  EXPECT_EQ(bare_answer("\\boxed{\\frac{1}{2}}"), "\\frac{1}{2}");
  EXPECT_EQ(bare_answer("\\boxed{1} and \\boxed{2}"), "\\boxed{1} and \\boxed{2}");
  EXPECT_EQ(bare_answer(" \n"), "");
}

// The world's texts without sound: their own answers are right, those of other examples are not.
TEST(GradeAnswer, AnswersOfTheWorldsTexts) {
  for (const std::string& task : world::text_tasks()) {
    int others = 0, wrong = 0;
    for (uint64_t i = 0; i < 200; ++i) {
      const world::TextExample example = world::text_example(task, world::Split::kTrain, 2, i);
      const world::TextExample other = world::text_example(task, world::Split::kTest, 2, i);
      const ExpectedAnswer expected = {.kind = answer_kind_by_name(example.answer_kind),
                                       .text = example.answer,
                                       .choices = example.choices};
      EXPECT_TRUE(grade_answer({example.thinking, example.answer, true}, expected).right())
          << task << ": " << example.question << " " << example.answer;
      if (other.answer == example.answer) continue;
      ++others;
      wrong += grade_answer({other.thinking, other.answer, true}, expected).right() ? 0 : 1;
    }
    EXPECT_GT(others, 50) << task;
    EXPECT_EQ(wrong, others) << task;
  }
}

}  // namespace
}  // namespace stapes::reward
