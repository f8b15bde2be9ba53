// The generation rules, with a script in place of the model: logits that leave no choice.
#include "engine/sequence.h"

#include <gtest/gtest.h>

#include "base/check.h"
#include "engine/testing/tiny_model.h"

namespace stapes {
namespace {

class SequenceTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new testing::TemporaryFolder;
    testing::write_random_model(folder_->path());
    EngineOptions options;
    options.threads = 1;
    model_ = new LoadedModel(load_model(folder_->path(), options));
  }
  static void TearDownTestSuite() {
    delete model_;
    delete folder_;
  }

  SequenceTest() {
    request_.messages = {{"user", {ContentPart::of_text("What is the sum?")}}};
    request_.sampling.temperature = 0;
  }

  TokenId token(const char* name) const { return model_->tokenizer.require(name); }

  // Runs until the sequence is finished; each sampled token is the script's next one.
  Generation play(const std::vector<TokenId>& script, const DeltaSink& sink = {}) {
    return play_with(*model_, script, sink);
  }
  Generation play_with(const LoadedModel& model, const std::vector<TokenId>& script,
                       const DeltaSink& sink = {}) {
    KvPagePool pool(*model.ops, model.kv_layout, 1000);
    Sequence sequence(model,
                      std::make_shared<const PreparedRequest>(prepare_request(model, request_)),
                      pool, /*cache=*/nullptr);
    size_t next = 0;
    while (!sequence.finished()) {
      const RowDemand demand = sequence.demand();
      const DecoderStep step = sequence.next_step(demand.rows + demand.extra_rows);
      sequence.step_done(step);
      if (step.logits == LogitRows::kNone) continue;
      const int64_t rows = step.logits == LogitRows::kAll ? step.rows : 1;
      Tensor logits({rows, model.model.config().decoder.vocabulary});
      for (int64_t row = 0; row < rows; ++row) {
        const size_t place = next + static_cast<size_t>(row);
        STAPES_CHECK(row > 0 || place < script.size(), "the script is too short");
        if (place < script.size()) logits.row(row)[static_cast<size_t>(script[place])] = 1.0F;
      }
      const int64_t accepted_before = sequence.progress().accepted_tokens;
      std::vector<float> scratch;
      sequence.choose(logits, 0, scratch);
      next += static_cast<size_t>(sequence.progress().accepted_tokens - accepted_before) + 1;
      for (const Delta& delta : sequence.take_deltas())
        if (sink && !sink(delta)) sequence.cancel();
    }
    progress_ = sequence.progress();
    return sequence.take_generation();
  }

  std::vector<TokenId> script(const std::string& text, const char* end = "<|EOT|>") const {
    std::vector<TokenId> ids = model_->tokenizer.encode(text);
    ids.push_back(token(end));
    return ids;
  }
  int64_t count(const std::string& text) const {
    return static_cast<int64_t>(model_->tokenizer.encode(text).size());
  }

  static testing::TemporaryFolder* folder_;
  static LoadedModel* model_;
  Request request_;
  Sequence::Progress progress_;  // of the last play
};
std::string bytes_of(const std::vector<GeneratedToken>& tokens, bool thinking) {
  std::string bytes;
  for (const GeneratedToken& token : tokens)
    if (token.thinking == thinking) bytes += token.chosen.bytes;
  return bytes;
}

testing::TemporaryFolder* SequenceTest::folder_ = nullptr;
LoadedModel* SequenceTest::model_ = nullptr;

TEST_F(SequenceTest, ThinksAnswersAndStops) {
  const std::string thought = "3 + 7 = 10.\n</think>";
  const Generation done = play(script(thought + "\n10"));
  EXPECT_EQ(done.result.thinking, "3 + 7 = 10.");
  EXPECT_EQ(done.result.answer, "10");
  EXPECT_EQ(done.result.finish, FinishReason::kStop);
  EXPECT_EQ(done.ids.back(), token("<|EOT|>"));
  const Usage& usage = done.result.usage;
  EXPECT_EQ(usage.prompt_tokens, static_cast<int64_t>(done.prompt_ids.size()));
  EXPECT_EQ(usage.audio_tokens, 0);
  EXPECT_EQ(usage.thinking_tokens + usage.answer_tokens, static_cast<int64_t>(done.ids.size()));
  EXPECT_GE(usage.thinking_tokens, count("3 + 7 = 10."));
  EXPECT_GE(usage.answer_tokens, count("10") + 1);  // the stop token included
}

TEST_F(SequenceTest, EveryDefaultStopTokenStops) {
  for (const char* end : {"<|EOT|>", "<|endoftext|>"}) {
    const Generation done = play(script("x\n</think>\ny", end));
    EXPECT_EQ(done.result.answer, "y") << end;
    EXPECT_EQ(done.result.finish, FinishReason::kStop) << end;
  }
}

TEST_F(SequenceTest, RequestedStopTokensStop) {
  const TokenId seven = model_->tokenizer.encode("7").front();
  request_.sampling.stop_token_ids = {seven};
  const Generation done = play(script("x\n</think>\n37 1"));
  EXPECT_EQ(done.result.answer, "3");
  EXPECT_EQ(done.result.finish, FinishReason::kStop);
}

TEST_F(SequenceTest, TheModelsOwnEndsEndNothingWhereTheyAreIgnored) {
  std::vector<TokenId> tokens = script("x\n</think>\ny");
  for (const TokenId id : script("z")) tokens.push_back(id);
  request_.sampling.ignore_eos = true;
  request_.sampling.max_tokens = static_cast<int>(tokens.size());
  const Generation done = play(tokens);
  EXPECT_EQ(done.result.answer, "yz");
  EXPECT_EQ(done.result.finish, FinishReason::kLength);
  request_.sampling.stop_token_ids = {token("<|EOT|>")};
  EXPECT_EQ(play(tokens).result.answer, "y") << "asked for, it does";
}

TEST_F(SequenceTest, StopTextEndsTheAnswerBeforeIt) {
  request_.sampling.stop = {"ten dig"};
  std::string streamed;
  const Generation done = play(script("x\n</think>\nseven ten digits"), [&](const Delta& delta) {
    if (!delta.thinking) streamed += delta.text;
    return true;
  });
  EXPECT_EQ(done.result.answer, "seven ");
  EXPECT_EQ(streamed, "seven ");
  EXPECT_EQ(done.result.finish, FinishReason::kStop);
}

TEST_F(SequenceTest, MaxTokensCountsThinkingToo) {
  request_.sampling.max_tokens = 3;
  const Generation done = play(script("a b c d e f g h"));
  EXPECT_EQ(done.ids.size(), 3U);
  EXPECT_EQ(done.result.finish, FinishReason::kLength);
  EXPECT_EQ(done.result.answer, "");
  EXPECT_NE(done.result.thinking, "");
}

TEST_F(SequenceTest, TheBudgetClosesTheThought) {
  request_.sampling.think_budget = 4;
  std::vector<TokenId> ids = {};
  for (const char* letter : {"q", "w", "v", "z"})
    ids.push_back(model_->tokenizer.encode(letter)[0]);
  const auto answer = script("10");
  std::vector<TokenId> all = ids;
  all.insert(all.end(), answer.begin(), answer.end());
  const Generation done = play(all);
  EXPECT_EQ(done.result.thinking, "qwvz");
  EXPECT_EQ(done.result.answer, "10");
  std::vector<TokenId> expected = ids;
  for (const TokenId id : model_->tokenizer.encode("\n</think>\n")) expected.push_back(id);
  expected.insert(expected.end(), answer.begin(), answer.end());
  EXPECT_EQ(done.ids, expected);
  EXPECT_EQ(done.result.usage.thinking_tokens, 4 + count("\n</think>\n"));
}

TEST_F(SequenceTest, AThoughtThatIsClosingIsNotClosedTwice) {
  // The budget ends inside the model's own end marker, at every possible token of it.
  std::vector<TokenId> thought;
  for (const char c : std::string("q\n</think>"))
    thought.push_back(model_->tokenizer.encode(std::string(1, c))[0]);
  for (int budget = 1; budget <= static_cast<int>(thought.size()); ++budget) {
    request_.sampling.think_budget = budget;
    std::vector<TokenId> all(thought.begin(), thought.begin() + budget);
    for (const TokenId id : script("10")) all.push_back(id);
    const Generation done = play(all);
    EXPECT_EQ(done.result.thinking, "q") << budget;
    EXPECT_EQ(done.result.answer, "10") << budget;
    const std::string written = model_->tokenizer.decode(done.ids, /*skip_special=*/true);
    EXPECT_EQ(written, budget == 10 ? "q\n</think>10" : "q\n</think>\n10") << budget;
  }
}

TEST_F(SequenceTest, ThoughtsUnderTheBudgetAreLeftAlone) {
  request_.sampling.think_budget = 500;
  const auto ids = script("short\n</think>\nyes");
  EXPECT_EQ(play(ids).ids, ids);
}

TEST_F(SequenceTest, BudgetZeroPutsAnEmptyThoughtIntoThePrompt) {
  request_.sampling.think_budget = 0;
  const Generation done = play(script("10"));
  EXPECT_EQ(done.result.thinking, "");
  EXPECT_EQ(done.result.answer, "10");
  EXPECT_EQ(done.ids, script("10"));
  EXPECT_EQ(done.result.usage.thinking_tokens, 0);
  EXPECT_TRUE(
      model_->tokenizer.decode(done.prompt_ids).ends_with("assistant\n<think>\n\n</think>\n"));
}

TEST_F(SequenceTest, BudgetZeroClosesAThoughtThatTheAssistantsTurnLeftOpen) {
  request_.messages.push_back({"assistant", {ContentPart::of_text("<think>\nhalf a thought")}});
  request_.sampling.think_budget = 0;
  std::vector<TokenId> all = {token("<tts_pad>")};  // chosen nowhere: the closing comes first
  for (const TokenId id : script("10")) all.push_back(id);
  const Generation done = play(all);
  EXPECT_EQ(done.result.answer, "10");
  EXPECT_TRUE(model_->tokenizer.decode(done.ids).starts_with("\n</think>\n"));
}

TEST_F(SequenceTest, AThoughtThatTheModelOpensItselfHasTheBudgetToo) {
  request_.messages.push_back({"assistant", {ContentPart::of_text("\n")}});
  request_.sampling.think_budget = count("<think>\nqw");
  const std::vector<TokenId> own = model_->tokenizer.encode("<think>\nqw");
  std::vector<TokenId> all = own;
  for (const TokenId id : script("10")) all.push_back(id);
  const Generation done = play(all);
  EXPECT_EQ(done.result.thinking, "qw");
  EXPECT_EQ(done.result.answer, "10");
  EXPECT_EQ(done.result.usage.thinking_tokens,
            static_cast<int64_t>(own.size()) + count("\n</think>\n"));
}

TEST_F(SequenceTest, TheBudgetsClosingStaysInsideMaxTokens) {
  request_.sampling.think_budget = 2;
  request_.sampling.max_tokens = 3;
  const Generation done = play(script("a b c d e f g h"));
  EXPECT_EQ(done.ids.size(), 3U);
  EXPECT_EQ(done.result.finish, FinishReason::kLength);
}

TEST_F(SequenceTest, TheSinkCancels) {
  int calls = 0;
  const Generation done =
      play(script("one two three four five six seven"), [&](const Delta&) { return ++calls < 3; });
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(done.result.finish, FinishReason::kCancelled);
}

TEST_F(SequenceTest, DeltasAddUpToTheResult) {
  std::string thinking;
  std::string answer;
  const Generation done = play(script("a é 日本 b\n</think>\n\nc d 🎵\n"), [&](const Delta& delta) {
    (delta.thinking ? thinking : answer) += delta.text;
    return true;
  });
  EXPECT_EQ(done.result.thinking, thinking);
  EXPECT_EQ(done.result.answer, answer);
  EXPECT_EQ(thinking, "a é 日本 b");
  EXPECT_TRUE(answer.starts_with("c d 🎵"));
}

// The script is what the model chooses; the guesses come from what it has said.
TEST_F(SequenceTest, RightGuessesSaveSteps) {
  std::string thought;
  for (int i = 0; i < 12; ++i) thought += "3 7 1 9; ";
  const std::vector<TokenId> ids = script(thought + "\n</think>\n10");
  const Generation expected = play(ids);
  EXPECT_EQ(progress_.speculated_tokens, 0);
  request_.sampling.speculate_tokens = 8;
  const Generation done = play(ids);
  EXPECT_EQ(done.ids, expected.ids);
  EXPECT_EQ(done.result.thinking, expected.result.thinking);
  EXPECT_EQ(done.result.answer, expected.result.answer);
  EXPECT_EQ(done.result.finish, expected.result.finish);
  EXPECT_EQ(progress_.generated_tokens, static_cast<int64_t>(ids.size()));
  EXPECT_GT(progress_.accepted_tokens, static_cast<int64_t>(ids.size()) / 2);
}

TEST_F(SequenceTest, GuessesStayInsideEveryLimit) {
  std::string thought;
  for (int i = 0; i < 20; ++i) thought += "3 7 1 9; ";
  const std::vector<TokenId> ids = script(thought);
  request_.sampling.speculate_tokens = 16;
  for (int limit = 20; limit < 45; ++limit) {
    request_.sampling.max_tokens = limit;
    request_.sampling.think_budget.reset();
    const Generation cut = play(ids);
    EXPECT_EQ(cut.ids, std::vector<TokenId>(ids.begin(), ids.begin() + limit));
    EXPECT_EQ(cut.result.finish, FinishReason::kLength);
    request_.sampling.max_tokens = 1000;
    request_.sampling.think_budget = limit;
    std::vector<TokenId> closed(ids.begin(), ids.begin() + limit);
    // Twice: where a right guess closes the thought, nothing is chosen from the last row.
    closed.insert(closed.end(), 2, token("<|EOT|>"));
    const Generation done = play(closed);
    EXPECT_EQ(done.result.usage.thinking_tokens, limit + count("\n</think>\n"));
    EXPECT_EQ(done.result.finish, FinishReason::kStop);
  }
}

TEST_F(SequenceTest, AFullContextEndsWithLength) {
  EngineOptions options;
  options.threads = 1;
  const auto prompt_tokens =
      static_cast<int64_t>(prepare_request(*model_, request_).prompt.ids.size());
  options.max_context_tokens = prompt_tokens + 5;
  const LoadedModel narrow = load_model(folder_->path(), options);
  const Generation done = play_with(narrow, script("one two three four five six seven"));
  EXPECT_EQ(done.ids.size(), 5U);
  EXPECT_EQ(done.result.finish, FinishReason::kLength);
}

TEST_F(SequenceTest, LogprobsSayWhichTokensWereThinking) {
  request_.sampling.logprobs = 2;
  std::vector<GeneratedToken> in_deltas;
  const DeltaSink collect = [&](const Delta& delta) {
    in_deltas.insert(in_deltas.end(), delta.tokens.begin(), delta.tokens.end());
    return true;
  };
  const Generation open = play(script("sum</think>10"), collect);
  EXPECT_EQ(bytes_of(open.result.tokens, true), "sum</think>");
  EXPECT_EQ(bytes_of(open.result.tokens, false), "10");
  EXPECT_EQ(in_deltas.size(), open.result.tokens.size());
  EXPECT_EQ(open.result.tokens.size() + 1, open.ids.size());  // all but the stop token
  EXPECT_TRUE(open.result.thought_closed);

  // A thought of its own: its marker is recognized only when it is complete.
  request_.messages.push_back({"assistant", {}});
  const Generation own = play(script("<think>sum</think>10"));
  EXPECT_EQ(bytes_of(own.result.tokens, true), "<think>sum</think>");
  EXPECT_EQ(bytes_of(own.result.tokens, false), "10");
}

TEST_F(SequenceTest, TokensWithoutTextComeWithALastDelta) {
  request_.sampling.logprobs = 0;
  std::vector<Delta> deltas;
  play(script("sum\n\n"), [&](const Delta& delta) {
    deltas.push_back(delta);
    return true;
  });
  ASSERT_GE(deltas.size(), 2U);
  EXPECT_EQ(deltas.back().text, "");
  EXPECT_TRUE(deltas.back().thinking);
  ASSERT_FALSE(deltas.back().tokens.empty());
  EXPECT_TRUE(deltas.back().tokens.back().top.empty());
}

TEST_F(SequenceTest, ForcedTokensHaveNoLogprobs) {
  request_.sampling.logprobs = 0;
  request_.sampling.think_budget = 2;
  const Generation generation = play(script("su10"));
  EXPECT_EQ(generation.result.tokens.size(), static_cast<size_t>(count("su10")));
  EXPECT_GT(generation.ids.size(), generation.result.tokens.size() + 1);
}

TEST_F(SequenceTest, WithoutBeingAskedNoTokensAreReported) {
  EXPECT_TRUE(play(script("sum\n</think>\n10")).result.tokens.empty());
}

TEST_F(SequenceTest, SaysWhatEndedTheAnswer) {
  const Generation by_token = play(script("</think>10"));
  EXPECT_EQ(by_token.result.stop_token_id, token("<|EOT|>"));
  EXPECT_EQ(by_token.result.stop_text, "");

  request_.sampling.stop_token_ids = {token("<tts_end>")};
  EXPECT_EQ(play(script("</think>10", "<tts_end>")).result.stop_token_id, token("<tts_end>"));

  request_.sampling.stop = {"1", "0"};
  const Generation by_text = play(script("</think>10"));
  EXPECT_EQ(by_text.result.stop_text, "1");
  EXPECT_FALSE(by_text.result.stop_token_id);

  request_.sampling.stop = {};
  request_.sampling.max_tokens = 1;
  const Generation by_length = play(script("sum"));
  EXPECT_EQ(by_length.result.finish, FinishReason::kLength);
  EXPECT_EQ(by_length.result.stop_text, "");
  EXPECT_FALSE(by_length.result.thought_closed);
}

}  // namespace
}  // namespace stapes
