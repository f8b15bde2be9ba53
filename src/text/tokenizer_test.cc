#include "text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/rng.h"
#include "stapes/error.h"
#include "text/utf8.h"

namespace stapes {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using Ids = std::vector<TokenId>;

const std::string& golden_json() {
  static const std::string kJson = read_file(STAPES_SOURCE_DIR "/tests/golden/tokenizer.json");
  return kJson;
}
const Tokenizer& golden() {
  static const Tokenizer kTokenizer = Tokenizer::parse(golden_json(), "golden");
  return kTokenizer;
}
Tokenizer changed(const std::function<void(json&)>& change) {
  json root = json::parse(golden_json());
  change(root);
  return Tokenizer::parse(root.dump(), "t.json");
}

std::string random_bytes(Rng& rng, int64_t limit) {
  static const std::vector<std::string> kBits = {
      "a",  " the", "\n",         "  ",          "<|EOT|>",  "<|E",      "<audio_patch>",
      "é",  "中文", "e\u0301",    "\xff",        "\xe4\xb8", "\xf0\x9f", "\x80",
      "'s", "12",   "\U0001f600", "\xed\xa0\x80"};
  std::string bytes;
  for (int64_t i = rng.integer(0, limit); i > 0; --i) {
    if (rng.chance(0.5)) {
      bytes += rng.pick(kBits);
    } else {
      bytes += static_cast<char>(rng.integer(0, 255));
    }
  }
  return bytes;
}

TEST(Tokenizer, LooksTokensUp) {
  const Tokenizer& tokenizer = golden();
  EXPECT_EQ(tokenizer.size(), 256u + 200u + 3u + 31u);
  EXPECT_EQ(tokenizer.find("!"), 0);
  EXPECT_TRUE(tokenizer.find(" the").has_value());  // by bytes
  EXPECT_FALSE(tokenizer.find("Ġthe").has_value());
  EXPECT_FALSE(tokenizer.find("<audio_0>").has_value());
  const TokenId end = tokenizer.require("<|EOT|>");
  EXPECT_EQ(tokenizer.token_bytes(end), "<|EOT|>");
  EXPECT_TRUE(tokenizer.is_special(end));
  EXPECT_FALSE(tokenizer.is_special(0));
  for (const TokenId id : {-1, 490, 1 << 30}) {
    EXPECT_EQ(tokenizer.token_bytes(id), "");
    EXPECT_FALSE(tokenizer.is_special(id));
  }
  try {
    tokenizer.require("<audio_0>");
    FAIL() << "there is no such token";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidModel);
    EXPECT_STREQ(error.what(), "golden: the tokenizer has no token \"<audio_0>\"");
  }
}

TEST(Tokenizer, AddedTokensCountInTextAndNotInPlainText) {
  const Tokenizer& tokenizer = golden();
  const TokenId end = tokenizer.require("<|EOT|>");
  EXPECT_THAT(tokenizer.encode("a<|EOT|><|EOT|>!"), ElementsAre(64 + 0, end, end, 0));
  const Ids plain = tokenizer.encode_plain("a<|EOT|>");
  EXPECT_THAT(plain, testing::Each(testing::Lt(456)));
  EXPECT_EQ(tokenizer.decode(plain), "a<|EOT|>");
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("a<|EOT|>b"), true), "ab");
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("a<|EOT|>b"), false), "a<|EOT|>b");
  // The longest of those that begin at the same place.
  EXPECT_THAT(tokenizer.encode("<audio_patch_pad>"),
              ElementsAre(tokenizer.require("<audio_patch_pad>")));
  EXPECT_THAT(tokenizer.encode("<|<|EOT|>").back(), end);
}

TEST(Tokenizer, NormalizesTextButNotAcrossAddedTokens) {
  const Tokenizer& tokenizer = golden();
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("cafe\u0301")), "caf\u00e9");
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("e<|EOT|>\u0301")), "e<|EOT|>\u0301");
}

TEST(Tokenizer, NormalizedAddedTokensAreFoundAfterNormalization) {
  const auto add = [](bool normalized) {
    return changed([=](json& root) {
      root["added_tokens"].push_back(
          {{"id", 500}, {"content", "<é>"}, {"special", false}, {"normalized", normalized}});
    });
  };
  EXPECT_THAT(add(true).encode("a<e\u0301>"), ElementsAre(64, 500));
  EXPECT_NE(add(false).encode("a<e\u0301>"), (Ids{64, 500}));
  EXPECT_THAT(add(false).encode("a<é>"), ElementsAre(64, 500));
  EXPECT_EQ(add(true).size(), 501u);  // gaps between ids are allowed
  EXPECT_EQ(add(true).token_bytes(495), "");
}

TEST(Tokenizer, BothFormsOfMergesAreRead) {
  const Tokenizer pairs = changed([](json& root) {
    for (json& merge : root["model"]["merges"]) {
      const auto text = merge.get<std::string>();
      const size_t space = text.find(' ');
      merge = {text.substr(0, space), text.substr(space + 1)};
    }
  });
  for (const char* text :
       {"How many digits are spoken?", "the melody rises 3 times", "録音には三つの数字"}) {
    EXPECT_EQ(pairs.encode(text), golden().encode(text));
    EXPECT_LT(pairs.encode(text).size(), std::string(text).size());
  }
}

TEST(Tokenizer, IgnoreMergesTakesWholePieces) {
  const auto with_unreachable = [](bool ignore) {
    return changed([=](json& root) {
      root["model"]["vocab"]["qzx"] = 600;  // no merge leads there
      root["model"]["ignore_merges"] = ignore;
    });
  };
  EXPECT_THAT(with_unreachable(true).encode("qzx"), ElementsAre(600));
  EXPECT_EQ(with_unreachable(false).encode("qzx").size(), 3u);
}

TEST(Tokenizer, BytesThatAreNotUtf8AreOneTokenEach) {
  const std::string bytes = "\xff\xe4\xb8";
  EXPECT_EQ(golden().encode(bytes).size(), 3u);
  EXPECT_EQ(golden().decode(golden().encode(bytes)), bytes);
  EXPECT_EQ(golden().decode(golden().encode("a\xff<|EOT|>\x80z")), "a\xff<|EOT|>\x80z");
}

TEST(Tokenizer, AnyBytesSurviveTheRoundTrip) {
  const Tokenizer without_nfc = changed([](json& root) { root["normalizer"] = nullptr; });
  Rng rng(11);
  for (int round = 0; round < 5000; ++round) {
    const std::string bytes = random_bytes(rng, 40);
    SCOPED_TRACE(testing::PrintToString(bytes));
    ASSERT_EQ(without_nfc.decode(without_nfc.encode(bytes)), bytes);
    ASSERT_EQ(without_nfc.decode(without_nfc.encode_plain(bytes)), bytes);
    // NFC done once is done.
    const std::string normalized = golden().decode(golden().encode_plain(bytes));
    ASSERT_EQ(golden().decode(golden().encode_plain(normalized)), normalized);
  }
}

TEST(Tokenizer, EncodesTheSameOnManyThreads) {
  Rng rng(5);
  std::vector<std::string> texts;
  std::vector<Ids> expected;
  for (int i = 0; i < 200; ++i) {
    texts.push_back(random_bytes(rng, 60));
    expected.push_back(golden().encode(texts.back()));
  }
  std::vector<int> differences(4, 0);
  std::vector<std::jthread> threads;
  for (int& count : differences) {
    threads.emplace_back([&] {
      for (size_t i = 0; i < texts.size(); ++i) count += golden().encode(texts[i]) != expected[i];
    });
  }
  threads.clear();
  EXPECT_THAT(differences, testing::Each(0));
}

struct BadFile {
  const char* message;
  ErrorCode code;
  std::function<void(json&)> change;
};

TEST(Tokenizer, BadFilesAreNamed) {
  const auto invalid = ErrorCode::kInvalidModel;
  const auto unsupported = ErrorCode::kUnsupported;
  const std::vector<BadFile> files = {
      {"expected a JSON object, got array", invalid, [](json& r) { r = json::array(); }},
      {"model is missing", invalid, [](json& r) { r.erase("model"); }},
      {"model: expected object, got array", invalid, [](json& r) { r["model"] = json::array(); }},
      {"model.vocab is missing", invalid, [](json& r) { r["model"].erase("vocab"); }},
      {"model.merges: expected array, got string", invalid,
       [](json& r) { r["model"]["merges"] = "a b"; }},
      {"the vocabulary has no token \"Ġ\" for the byte 0x20", invalid,
       [](json& r) { r["model"]["vocab"].erase("Ġ"); }},
      {"model.merges[0]: the vocabulary has no token \"qq\"", invalid,
       [](json& r) { r["model"]["merges"][0] = "qq a"; }},
      {"model.merges[1]: the vocabulary has no token \"qz\"", invalid,
       [](json& r) { r["model"]["merges"][1] = "q z"; }},
      {"model.merges[0]: expected two tokens and one space, got \"a b c\"", invalid,
       [](json& r) { r["model"]["merges"][0] = "a b c"; }},
      {"model.merges[0]: expected \"left right\" or [\"left\", \"right\"], got array", invalid,
       [](json& r) { r["model"]["merges"][0] = {"a"}; }},
      {"which another token has too", invalid, [](json& r) { r["model"]["vocab"]["qz"] = 5; }},
      {"token \"qz\": expected an id from 0 to 4194303, got 4194304", invalid,
       [](json& r) { r["model"]["vocab"]["qz"] = 4194304; }},
      {"got 18446744073709551615", invalid,
       [](json& r) { r["model"]["vocab"]["qz"] = 18446744073709551615ULL; }},
      {"token \"qz\": expected an id from 0 to 4194303, got -1", invalid,
       [](json& r) { r["model"]["vocab"]["qz"] = -1; }},
      {"token \"qz\": expected an integer as its id, got string", invalid,
       [](json& r) { r["model"]["vocab"]["qz"] = "7"; }},
      {"token \"qz\": expected an integer as its id, got object", invalid,
       [](json& r) {
         r["model"]["vocab"]["qz"] = {{"a", 700}};
       }},
      {"model.vocab: expected object, got array", invalid,
       [](json& r) {
         r["model"]["vocab"] = {1, 2};
       }},
      {"model.merges[0]: expected \"left right\" or [\"left\", \"right\"], got object", invalid,
       [](json& r) {
         r["model"]["merges"][0] = {{"a", "b"}};
       }},
      {"token \"a b\" (id 700) is not written in the byte-level alphabet", invalid,
       [](json& r) { r["model"]["vocab"]["a b"] = 700; }},
      {"token \"\" (id 700) is not written in the byte-level alphabet", invalid,
       [](json& r) { r["model"]["vocab"][""] = 700; }},
      {"added_tokens: expected array, got object", invalid,
       [](json& r) { r["added_tokens"] = json::object(); }},
      {"added token \"<|endoftext|>\" has no id", invalid,
       [](json& r) { r["added_tokens"][0].erase("id"); }},
      {"an added token's content is empty", invalid,
       [](json& r) { r["added_tokens"][0]["content"] = ""; }},
      {"added token \"<|im_start|>\" stands there twice", invalid,
       [](json& r) { r["added_tokens"][0]["content"] = "<|im_start|>"; }},
      {"token \"<|im_start|>\" has the id 3, which another token has too", invalid,
       [](json& r) { r["added_tokens"][0]["id"] = r["added_tokens"][1]["id"] = 3; }},
      {"has the id 700 in the vocabulary and 459 among the added tokens", invalid,
       [](json& r) { r["model"]["vocab"]["<|EOT|>"] = 700; }},
      {"added_tokens[].special: expected true or false, got number", invalid,
       [](json& r) { r["added_tokens"][0]["special"] = 1; }},
      {"the pre-tokenizer's pattern \"(\" does not compile", invalid,
       [](json& r) { r["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "("; }},
      {"added token \"<|endoftext|>\": expected lstrip to be false", unsupported,
       [](json& r) { r["added_tokens"][0]["lstrip"] = true; }},
      {"added token \"<|endoftext|>\": expected single_word to be false", unsupported,
       [](json& r) { r["added_tokens"][0]["single_word"] = true; }},
      {"expected the model BPE, got Unigram", unsupported,
       [](json& r) { r["model"]["type"] = "Unigram"; }},
      {"model.byte_fallback: expected false, got true", unsupported,
       [](json& r) { r["model"]["byte_fallback"] = true; }},
      {"model.end_of_word_suffix: expected none, got \"</w>\"", unsupported,
       [](json& r) { r["model"]["end_of_word_suffix"] = "</w>"; }},
      {"model.dropout: expected none, got 0.1", unsupported,
       [](json& r) { r["model"]["dropout"] = 0.1; }},
      {"expected the normalizer NFC or none, got NFKC", unsupported,
       [](json& r) { r["normalizer"]["type"] = "NFKC"; }},
      {"expected the pre-tokenizer Sequence[Split, ByteLevel], got Metaspace", unsupported,
       [](json& r) { r["pre_tokenizer"]["type"] = "Metaspace"; }},
      {"got Sequence[Split]", unsupported,
       [](json& r) { r["pre_tokenizer"]["pretokenizers"].erase(1); }},
      {"expected behavior Isolated", unsupported,
       [](json& r) { r["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "Removed"; }},
      {"expected use_regex and add_prefix_space to be false", unsupported,
       [](json& r) { r["pre_tokenizer"]["pretokenizers"][1]["use_regex"] = true; }},
      {"expected the post-processor ByteLevel or none, got TemplateProcessing", unsupported,
       [](json& r) { r["post_processor"]["type"] = "TemplateProcessing"; }},
      {"expected the decoder ByteLevel, got WordPiece", unsupported,
       [](json& r) { r["decoder"]["type"] = "WordPiece"; }},
  };
  for (const BadFile& file : files) {
    SCOPED_TRACE(file.message);
    try {
      changed(file.change);
      ADD_FAILURE() << "the file should be refused";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), file.code) << error.what();
      EXPECT_THAT(error.what(), AllOf(HasSubstr("t.json: "), HasSubstr(file.message)));
    }
  }
}

TEST(Tokenizer, WhatIsNotJsonIsRefused) {
  const std::string deep(100'000, '[');
  for (const std::string& text :
       {std::string(), std::string("{\"model\":"), std::string("\xff\xfe"), deep,
        golden_json().substr(0, golden_json().size() / 2)}) {
    try {
      Tokenizer::parse(text, "t.json");
      ADD_FAILURE() << "the file should be refused";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidModel);
      EXPECT_THAT(error.what(), HasSubstr("t.json: not JSON: "));
    }
  }
}

TEST(Tokenizer, TokensThatStandTwiceAreNamed) {
  std::string text = golden_json();
  text.replace(text.find("\"vocab\": {") + 10, 0, "\"a\": 700,");
  try {
    Tokenizer::parse(text, "t.json");
    FAIL() << "the file should be refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidModel);
    EXPECT_STREQ(error.what(), "t.json: token \"a\" stands in the vocabulary twice");
  }
}

// Bytes of a good file changed at random: it loads or is refused, and nothing else happens.
TEST(Tokenizer, DamagedFilesNeverCrash) {
  Rng rng(23);
  int refused = 0;
  for (int round = 0; round < 300; ++round) {
    std::string text = golden_json();
    for (int64_t i = rng.integer(1, 4); i > 0; --i) {
      const auto at = static_cast<size_t>(rng.integer(0, static_cast<int64_t>(text.size()) - 1));
      text[at] = static_cast<char>(
          rng.chance(0.5)
              ? rng.integer(0, 255)
              : text[static_cast<size_t>(rng.integer(0, static_cast<int64_t>(text.size()) - 1))]);
    }
    try {
      const Tokenizer tokenizer = Tokenizer::parse(text, "t.json");
      tokenizer.encode("How many digits are spoken? <|EOT|> \xff");
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 0);
}

TEST(Tokenizer, MissingFilesAreNamed) {
  try {
    Tokenizer::load("no/such/tokenizer.json");
    FAIL() << "there is no such file";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_THAT(error.what(), HasSubstr("no/such/tokenizer.json"));
  }
}

}  // namespace
}  // namespace stapes
