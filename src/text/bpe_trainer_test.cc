#include "text/bpe_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/rng.h"
#include "stapes/error.h"
#include "text/byte_level.h"
#include "text/nfc.h"
#include "text/pre_tokenizer.h"
#include "text/special_tokens.h"
#include "text/tokenizer.h"

namespace stapes {
namespace {

using testing::HasSubstr;

std::vector<std::string> golden_corpus() {
  std::vector<std::string> lines;
  std::istringstream file(read_file(STAPES_SOURCE_DIR "/tests/golden/bpe_corpus.txt"));
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// The definition of training: count all pairs anew before each merge. Tokens are bytes; ties go to
// the pair whose tokens are older (byte tokens by their character, then merges in order).
std::vector<std::string> merges_learned_slowly(const std::vector<std::string>& corpus, int count) {
  std::vector<std::vector<std::string>> words;
  const PreTokenizer pre_tokenizer(kQwen2Pattern, "test");
  for (const std::string& text : corpus) {
    pre_tokenizer.split(to_nfc(text), [&](std::string_view piece) {
      words.emplace_back();
      for (const char byte : piece) words.back().emplace_back(1, byte);
    });
  }
  std::map<std::string, int> age;
  std::vector<std::pair<char32_t, std::string>> bytes;
  for (int byte = 0; byte < 256; ++byte) {
    bytes.emplace_back(byte_level_character(static_cast<uint8_t>(byte)),
                       std::string(1, static_cast<char>(byte)));
  }
  std::sort(bytes.begin(), bytes.end());
  for (const auto& [character, byte] : bytes) age.emplace(byte, static_cast<int>(age.size()));

  std::vector<std::string> merges;
  while (static_cast<int>(merges.size()) < count) {
    std::map<std::pair<std::string, std::string>, int> counts;
    for (const auto& word : words) {
      for (size_t i = 0; i + 1 < word.size(); ++i) ++counts[{word[i], word[i + 1]}];
    }
    using Key = std::tuple<int, int, int>;
    Key best_key{0, 0, 0};
    std::pair<std::string, std::string> best;
    for (const auto& [pair, n] : counts) {
      const Key key{n, -age.at(pair.first), -age.at(pair.second)};
      if (age.contains(pair.first + pair.second)) continue;
      if (best.first.empty() || key > best_key) {
        best_key = key;
        best = pair;
      }
    }
    if (best.first.empty()) break;
    merges.push_back(to_byte_level(best.first) + " " + to_byte_level(best.second));
    const std::string merged = best.first + best.second;
    age.emplace(merged, static_cast<int>(age.size()));
    for (auto& word : words) {
      for (size_t i = 0; i + 1 < word.size(); ++i) {
        if (word[i] != best.first || word[i + 1] != best.second) continue;
        word[i] = merged;
        word.erase(word.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      }
    }
  }
  return merges;
}

std::vector<std::string> merges_of(const std::string& tokenizer_json) {
  return nlohmann::json::parse(tokenizer_json)["model"]["merges"].get<std::vector<std::string>>();
}

TEST(BpeTrainer, MakesTheGoldenFile) {
  EXPECT_EQ(train_tokenizer_json(golden_corpus(), 200),
            read_file(STAPES_SOURCE_DIR "/tests/golden/tokenizer.json"));
}

TEST(BpeTrainer, LearnsWhatTheDefinitionLearns) {
  EXPECT_EQ(merges_of(train_tokenizer_json(golden_corpus(), 120)),
            merges_learned_slowly(golden_corpus(), 120));
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    std::vector<std::string> corpus(static_cast<size_t>(rng.integer(1, 4)));
    for (std::string& text : corpus) {
      // Few letters and long runs: overlaps, ties and second ways to the same token.
      for (int i = 0; i < 60; ++i)
        text += static_cast<char>(rng.chance(0.1) ? ' ' : 'a' + rng.integer(0, 2));
    }
    const auto expected = merges_learned_slowly(corpus, 15);
    EXPECT_EQ(merges_of(train_tokenizer_json(corpus, static_cast<int>(expected.size()))), expected);
  }
}

TEST(BpeTrainer, NumbersBytesThenMergesThenSpecials) {
  const auto tokenizer = Tokenizer::parse(train_tokenizer_json(golden_corpus(), 50), "trained");
  EXPECT_EQ(tokenizer.size(), 256u + 50u + 3u + 31u);
  EXPECT_EQ(tokenizer.find("!"), 0);
  std::set<std::string> bytes;
  for (TokenId id = 0; id < 256; ++id) bytes.emplace(tokenizer.token_bytes(id));
  EXPECT_EQ(bytes.size(), 256u);
  TokenId id = 256 + 50;
  for (const char* name : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}) {
    EXPECT_EQ(tokenizer.require(name), id++);
  }
  for (const std::string_view name : kReleaseSpecialTokens) {
    EXPECT_EQ(tokenizer.require(name), id);
    EXPECT_TRUE(tokenizer.is_special(id++));
  }
}

// The release's numbering from 151665 on fixes each token's place in the list (reference A7).
TEST(SpecialTokens, StandInTheReleasesOrder) {
  const auto place = [](std::string_view name) {
    return std::find(kReleaseSpecialTokens.begin(), kReleaseSpecialTokens.end(), name) -
           kReleaseSpecialTokens.begin() + 151665;
  };
  EXPECT_EQ(place("<|EOT|>"), 151665);
  EXPECT_EQ(place("<|THINK_START|>"), 151669);
  EXPECT_EQ(place("<|THINK_END|>"), 151670);
  EXPECT_EQ(place("<audio_start>"), 151688);
  EXPECT_EQ(place("<audio_end>"), 151689);
  EXPECT_EQ(place("<audio_patch>"), 151690);
  EXPECT_EQ(place("<tts_start>"), 151693);
  EXPECT_EQ(place("<tts_end>"), 151694);
}

TEST(BpeTrainer, NoMergesIsABytesOnlyTokenizer) {
  const auto tokenizer = Tokenizer::parse(train_tokenizer_json({}, 0), "trained");
  EXPECT_EQ(tokenizer.encode("abc").size(), 3u);
}

void expect_corpus_refused(const std::vector<std::string>& corpus, int merge_count, ErrorCode code,
                           const char* message) {
  try {
    train_tokenizer_json(corpus, merge_count);
    ADD_FAILURE() << "should be refused: " << message;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    EXPECT_THAT(error.what(), HasSubstr(message));
  }
}

TEST(BpeTrainer, RefusesWhatItCannotDo) {
  expect_corpus_refused({"abc"}, -1, ErrorCode::kUsage,
                        "expected a number of merges of at least 0, got -1");
  expect_corpus_refused(
      {"abc"}, 3, ErrorCode::kInvalidData,
      "expected a corpus with at least 3 merges, got one of 1 texts that has only 2");
  expect_corpus_refused({"abc", "a\xff"}, 1, ErrorCode::kInvalidText,
                        "text 1 of the tokenizer's corpus: byte 1 is not valid UTF-8");
}

}  // namespace
}  // namespace stapes
