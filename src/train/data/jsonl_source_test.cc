// Rows of JSON lines as samples: golden loss masks, conversations, shards, quarantine, length.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "spec/audio_tokens.h"
#include "stapes/error.h"
#include "train/data/jsonl_samples.h"
#include "train/data/jsonl_shards.h"
#include "train/data/show.h"
#include "train/data/source.h"
#include "train/testing/training_text.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;
using testing::DataFolder;
using ::testing::HasSubstr;
using testing::small_tokenizer;

std::string user(const std::string& text) {
  return R"({"role":"user","content":")" + text + R"("})";
}
std::string assistant(const std::string& text, const std::string& more = "") {
  return R"({"role":"assistant","content":")" + text + "\"" + more + "}";
}
std::string line(const std::vector<std::string>& messages, const std::string& more = "") {
  return fmt::format("{{\"messages\":[{}]{}}}\n", fmt::join(messages, ","), more);
}
const std::string kGood = line({user("q"), assistant("a")});

class JsonlSourceTest : public ::testing::Test {
 protected:
  std::unique_ptr<ExampleSource> open(const std::string& lines, JsonlSourceOptions options = {}) {
    options.in_file_order = true;
    return jsonl_source(folder_.write("data.jsonl", lines), options, small_tokenizer(), 80,
                        quarantine_);
  }
  // What is shown of the sample of one line, without the first line of the text.
  std::string mask(const std::string& json, EmptyThought empty = EmptyThought::kInLoss) {
    const auto source = open(json, {.empty_thought = empty});
    const std::string text = show_example(small_tokenizer(), source->get(Phase::kTraining, 0, 0));
    return text.substr(text.find('\n') + 1);
  }
  std::string refusal(const std::string& lines) {
    try {
      open(lines);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidData);
      return error.what();
    }
    return "accepted";
  }

  DataFolder folder_{"jsonl-source"};
  Quarantine quarantine_{0, {}};
};

TEST_F(JsonlSourceTest, MaskOfAThought) {
  const std::string expected =
      "<|BOT|>human\nWhy?<|EOT|><|BOT|>assistant\n<think>\n⟦It hums.\n</think>\nA bee.<|EOT|>⟧\n";
  EXPECT_EQ(mask(line({user("Why?"), assistant("<think>\\nIt hums.\\n</think>\\nA bee.")})),
            expected);
  // The ways in which others write the same.
  EXPECT_EQ(mask(line({user("Why?"), assistant("<think>It hums.</think>\\n\\nA bee.")})), expected);
  EXPECT_EQ(mask(line({user("Why?"), assistant("It hums.\\n</think>\\nA bee.")})), expected);
}

TEST_F(JsonlSourceTest, MaskOfADirectAnswer) {
  const std::string in_loss =
      "<|BOT|>human\nWhy?<|EOT|><|BOT|>assistant\n<think>\n⟦\n</think>\nA bee.<|EOT|>⟧\n";
  const std::string in_prompt =
      "<|BOT|>human\nWhy?<|EOT|><|BOT|>assistant\n<think>\n\n</think>\n⟦A bee.<|EOT|>⟧\n";
  for (const char* reply : {"A bee.", "<think>\\n\\n</think>\\nA bee."}) {
    EXPECT_EQ(mask(line({user("Why?"), assistant(reply)})), in_loss);
    EXPECT_EQ(mask(line({user("Why?"), assistant(reply)}), EmptyThought::kInPrompt), in_prompt);
  }
}

TEST_F(JsonlSourceTest, MaskOfSound) {
  EXPECT_EQ(mask(line({user("<audio>What?"), assistant("<think>\\nIt hums.\\n</think>\\nA tone.")},
                      R"(,"audios":["a.wav"])")),
            "<|BOT|>human\n<audio_start>[clip 1: 0.50 s, 6 rows]<audio_end>What?<|EOT|><|BOT|>"
            "assistant\n<think>\n⟦It hums.\n</think>\nA tone.<|EOT|>⟧\n");
}

TEST_F(JsonlSourceTest, MaskOfAConversation) {
  const std::string first = assistant("<think>\\nOne.\\n</think>\\nA.");
  const std::string trained = assistant("<think>\\nOne.\\n</think>\\nA.", R"(,"loss":true)");
  const std::string last = assistant("<think>\\nTwo.\\n</think>\\nB.");
  // The last turn only; earlier thoughts are taken out, as they are when the model is asked.
  EXPECT_EQ(mask(line({user("a?"), first, user("b?"), last})),
            "<|BOT|>human\na?<|EOT|><|BOT|>assistant\nA.<|EOT|><|BOT|>human\nb?<|EOT|><|BOT|>"
            "assistant\n<think>\n⟦Two.\n</think>\nB.<|EOT|>⟧\n");
  // Both: each is written with its own thought, and seen by the next without.
  EXPECT_EQ(mask(line({user("a?"), trained, user("b?"), last})),
            "<|BOT|>human\na?<|EOT|><|BOT|>assistant\n\n"
            "--- reply 1, after what stands before the first of them:\n"
            "<think>\n⟦One.\n</think>\nA.<|EOT|>⟧\n"
            "--- reply 2, after what stands before the first of them:\n"
            "A.<|EOT|><|BOT|>human\nb?<|EOT|><|BOT|>assistant\n<think>\n⟦Two.\n</think>\nB.<|EOT|>⟧"
            "\n");
  // The first only.
  EXPECT_EQ(mask(line({user("a?"), trained, user("b?"), assistant("B.", R"(,"loss":false)")})),
            "<|BOT|>human\na?<|EOT|><|BOT|>assistant\n<think>\n⟦One.\n</think>\nA.<|EOT|>⟧\n");
}

// Turns that share rows have the rows, positions and labels that each would have alone, with the
// clips that they hear.
TEST_F(JsonlSourceTest, TurnsInOneSampleAreTheSameAsAlone) {
  const std::string audios = R"(,"audios":["a.wav","b.wav"])";
  const std::string json =
      line({user("<audio>a?"), assistant("<think>\\nOne.\\n</think>\\nA.", R"(,"loss":true)"),
            user("<audio>b?"), assistant("B.")},
           audios);
  const JsonlRow row = parse_jsonl_row(json, folder_.path() / "data.jsonl", 1);
  const auto turns = questions_of(row, "data.jsonl", EmptyThought::kInLoss);
  ASSERT_EQ(turns.size(), 2u);
  const auto both = open(json)->get(Phase::kTraining, 0, 0);
  ASSERT_EQ(both.mels.size(), 2u);
  std::vector<int64_t> tokens_per_audio;
  for (const auto& mel : both.mels)
    tokens_per_audio.push_back(audio_token_count(mel.frames, AudioRule::kHuggingFace));
  for (int32_t i = 0; i < 2; ++i) {
    const TrainingExample alone = make_conversation_rows(small_tokenizer(), tokens_per_audio,
                                                         {turns[static_cast<size_t>(i)]});
    TrainingExample seen;
    std::vector<size_t> rows;
    for (size_t at = 0; at < both.ids.size(); ++at) {
      if (both.segments[at] != 0 && both.segments[at] != i + 1) continue;
      rows.push_back(at);
      seen.ids.push_back(both.ids[at]);
      seen.positions.push_back(both.positions[at]);
      seen.labels.push_back(both.labels[at]);
    }
    EXPECT_EQ(seen.ids, alone.ids);
    EXPECT_EQ(seen.positions, alone.positions);
    EXPECT_EQ(seen.labels, alone.labels);
    for (const AudioSpan& span : alone.audio_spans)
      EXPECT_TRUE(std::ranges::any_of(both.audio_spans,
                                      [&](const AudioSpan& other) {
                                        return other.begin == rows[span.begin] &&
                                               other.count == span.count &&
                                               other.audio_index == span.audio_index;
                                      }))
          << "clip " << span.audio_index;
  }
  EXPECT_EQ(both.audio_spans.size(), 2u);
}

TEST_F(JsonlSourceTest, ClipsAreNamedByTheItemOrByTheList) {
  const std::string items =
      R"({"role":"user","content":[{"type":"audio"},{"type":"audio","audio":"b.wav"},{"type":"text","text":"?"}]})";
  const auto parse = [&](const std::string& more) {
    return parse_jsonl_row(line({items, assistant("a")}, more), "/data/x.jsonl", 3).audios;
  };
  EXPECT_EQ(parse(R"(,"audios":["a.wav"])"), (std::vector<fs::path>{"/data/a.wav", "/data/b.wav"}));
  EXPECT_THROW(parse(""), Error);
  EXPECT_THROW(parse(R"(,"audios":["a.wav","c.wav"])"), Error);
}

TEST_F(JsonlSourceTest, RejectedRepliesAreReadForPreferences) {
  const auto parse = [&](const std::string& more) {
    return parse_jsonl_row(line({user("q"), assistant("a")}, more), "x.jsonl", 1);
  };
  EXPECT_EQ(parse("").rejected_response, std::nullopt);
  const JsonlRow row = parse(R"(,"rejected_response":"worse","task":"t")");
  EXPECT_EQ(row.rejected_response, "worse");
  EXPECT_EQ(row.columns, nlohmann::json::parse(R"({"task":"t"})"));
  EXPECT_EQ(parse(fmt::format(R"(,"rejected_messages":[{},{}])", user("q"), assistant("worse")))
                .rejected_response,
            "worse");
  const auto refused = [&](const std::string& more) {
    try {
      parse(more);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(refused(R"(,"rejected_response":"")"), HasSubstr("x.jsonl:1: rejected_response"));
  EXPECT_THAT(refused(R"(,"rejected_response":7)"), HasSubstr("must be text"));
  EXPECT_THAT(
      refused(fmt::format(R"(,"rejected_messages":[{},{}])", user("other"), assistant("worse"))),
      HasSubstr("with the same clips and another last reply"));
  EXPECT_THAT(refused(fmt::format(R"(,"rejected_messages":[{},{}])", user("q"), user("worse"))),
              HasSubstr("must end with the assistant's text"));
  EXPECT_THAT(refused(R"(,"rejected_response":"x","rejected_messages":[])"), HasSubstr("both"));
}

TEST_F(JsonlSourceTest, SaysWhichLineIsWrongAndWhy) {
  const auto wrong = [&](const std::string& second) { return refusal(kGood + second); };
  EXPECT_THAT(wrong(line({user("q"), assistant("<think>\\nOpen.")})),
              AllOf(HasSubstr("data.jsonl:2: message 1"), HasSubstr("not closed by </think>")));
  EXPECT_THAT(wrong(line({user("q"), assistant("<think>\\nThought.\\n</think>\\n")})),
              HasSubstr("no answer after the thought"));
  EXPECT_THAT(wrong(line({user("q"), assistant("a", R"(,"loss":1)")})),
              HasSubstr("`loss` of message 1 must be true or false"));
  EXPECT_THAT(wrong(line({R"({"role":"user","content":"q","loss":true})", assistant("a")})),
              HasSubstr("message 0 has \"loss\": true, but is not the assistant's"));
  EXPECT_THAT(wrong(line({user("q"), assistant("a", R"(,"loss":false)")})),
              HasSubstr("no assistant turn is in the loss"));
  EXPECT_THAT(wrong(line({user("q"), assistant("")})), HasSubstr("not empty"));
  EXPECT_THAT(wrong("[1, 2]\n"), HasSubstr("data.jsonl:2"));
  EXPECT_THAT(wrong("{\"messages\": 3}\n"), HasSubstr("data.jsonl:2"));
  EXPECT_THAT(wrong(line({R"({"role":"","content":"q"})", assistant("a")})),
              HasSubstr("empty role"));
  folder_.write("no.wav", "not sound");
  EXPECT_THAT(wrong(line({user("<audio>"), assistant("a")}, R"(,"audios":["no.wav"])")),
              AllOf(HasSubstr("data.jsonl:2"), HasSubstr("no.wav")));
  write_wav_file(folder_.path() / "short.wav", testing::tone(0.01));
  EXPECT_THAT(wrong(line({user("<audio>"), assistant("a")}, R"(,"audios":["short.wav"])")),
              HasSubstr("too short to be heard"));
  write_wav_file(folder_.path() / "long.wav", testing::tone(31));
  EXPECT_THAT(wrong(line({user("<audio>"), assistant("a")}, R"(,"audios":["long.wav"])")),
              HasSubstr("31.0 s long"));
}

TEST_F(JsonlSourceTest, ShardsAreReadInOrderOfTheirNames) {
  folder_.write("part-1.jsonl", "\n" + line({user("1"), assistant("a")}));
  folder_.write("part-0.jsonl", line({user("0"), assistant("a")}));
  const JsonlShards shards(folder_.path() / "part-*.jsonl", quarantine_,
                           [](const auto&, const auto&) { return true; });
  ASSERT_EQ(shards.size(), 2u);
  EXPECT_EQ(shards.row(0).messages[0].parts[0].text, "0");
  EXPECT_EQ(shards.row(1).messages[0].parts[0].text, "1");
  EXPECT_EQ(shards.file(1).filename(), "part-1.jsonl");
  EXPECT_EQ(shards.line(1), 2u);
  EXPECT_THROW(files_of_pattern(folder_.path() / "none-*.jsonl"), Error);
  EXPECT_THROW(files_of_pattern(folder_.path() / "none.jsonl"), Error);
}

// A name that looks like a pattern, but is a file.
TEST_F(JsonlSourceTest, AFileWithBracketsInItsNameIsItself) {
  folder_.write("a[1].jsonl", kGood);
  EXPECT_EQ(files_of_pattern(folder_.path() / "a[1].jsonl").size(), 1u);
}

TEST_F(JsonlSourceTest, AFileThatIsChangedMeanwhileIsAnError) {
  const auto source = open(line({user("first"), assistant("a")}) + kGood);
  EXPECT_NO_THROW(source->get(Phase::kTraining, 1, 0));
  folder_.write("data.jsonl", "short");
  for (const uint64_t row : {0u, 1u}) {
    try {
      source->get(Phase::kTraining, row, 0);
      FAIL();
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(fmt::format("data.jsonl:{}", row + 1)));
    }
  }
}

TEST_F(JsonlSourceTest, FingerprintSeesTextAndSizesOfClips) {
  const std::string json = line({user("<audio>"), assistant("a")}, R"(,"audios":["a.wav"])");
  const std::string before = open(json)->fingerprint();
  EXPECT_EQ(open(json)->fingerprint(), before);
  EXPECT_NE(open(json + kGood)->fingerprint(), before);
  write_wav_file(folder_.path() / "a.wav", testing::tone(0.6));
  EXPECT_NE(open(json)->fingerprint(), before);
}

TEST_F(JsonlSourceTest, QuarantineTakesSoManyBadLinesAndKeepsThem) {
  const std::string lines = kGood + "{broken\n" + kGood + "{\"messages\": \"\xff\x1b\"}\n" + kGood;
  const fs::path record = folder_.path() / "quarantine.jsonl";
  quarantine_ = Quarantine(2, record);
  EXPECT_EQ(open(lines)->count(), 3u);
  std::ifstream in(record);
  std::string text;
  std::vector<nlohmann::json> kept;
  while (std::getline(in, text)) kept.push_back(nlohmann::json::parse(text));
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[0]["line"], 2);
  EXPECT_EQ(kept[0]["text"], "{broken");
  EXPECT_THAT(kept[0]["file"].get<std::string>(), HasSubstr("data.jsonl"));
  EXPECT_EQ(kept[1]["line"], 4);
  EXPECT_EQ(kept[1]["reason"], "not valid UTF-8");

  quarantine_ = Quarantine(1, record);
  EXPECT_THAT(refusal(lines), AllOf(HasSubstr("data.jsonl:4: not valid UTF-8"),
                                    HasSubstr("data.quarantine allows 1")));
  quarantine_ = Quarantine(0, record);
  EXPECT_FALSE(fs::exists(record));
  EXPECT_THAT(refusal(lines), HasSubstr("data.jsonl:2"));
}

TEST_F(JsonlSourceTest, LongSamplesAreLeftOut) {
  const std::string long_line = line({user(std::string(300, 'x')), assistant("a")});
  const std::string with_sound = line({user("<audio>q"), assistant("a")}, R"(,"audios":["b.wav"])");
  EXPECT_EQ(open(kGood + long_line + with_sound, {.max_tokens = 100})->count(), 2u);
  // What is counted is what is trained on.
  const auto tokens = open(with_sound)->get(Phase::kTraining, 0, 0).ids.size();
  const auto most = static_cast<int64_t>(tokens);
  EXPECT_EQ(open(with_sound + kGood, {.max_tokens = most})->count(), 2u);
  EXPECT_EQ(open(with_sound + kGood, {.max_tokens = most - 1})->count(), 1u);
  try {
    open(long_line, {.max_tokens = 10});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("none of the 1 samples is short enough"));
  }
}

TEST(ShowExample, NothingInATextCanMoveTheTerminal) {
  EXPECT_EQ(printable("a\033[31mb\r\t\x7f"), "a\\x1b[31mb\\x0d\\x09\\x7f");
  EXPECT_EQ(printable("ok \xff\xc3 é"), "ok \\xff\\xc3 é");
  EXPECT_EQ(printable("\xe2\x80\xae x ⟦"), "\\u{202e} x \\u{27e6}");
  EXPECT_EQ(printable(std::string_view("\0a", 2)), "\\x00a");
}

// Any ids at all, such as a broken sample might hold.
TEST(ShowExample, AnyTokensCanBeShown) {
  TrainingExample example;
  for (TokenId id = 0; id < 300; ++id) example.ids.push_back(id);
  example.ids.push_back(1 << 20);
  example.positions.assign(example.ids.size(), 0);
  example.segments.assign(example.ids.size(), 0);
  example.labels.assign(example.ids.size(), 200);
  example.audio_spans.push_back({5, 0, 9});
  example.audio_spans.push_back({298, 100, 9});
  EXPECT_THAT(show_example(small_tokenizer(), example), HasSubstr("301 tokens, 301 in the loss"));
  EXPECT_THAT(show_example(small_tokenizer(), example, {.colour = true}), HasSubstr("\033["));
}

TEST_F(JsonlSourceTest, TextThatLooksLikeAControlTokenIsMarked) {
  EXPECT_THAT(mask(line({user("<|EOT|>?"), assistant("a")})), HasSubstr("\n\\<|EOT|>?<|EOT|>"));
}

}  // namespace
}  // namespace stapes::train
