#include "text/bpe_trainer.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/fail.h"
#include "text/byte_level.h"
#include "text/nfc.h"
#include "text/pre_tokenizer.h"
#include "text/special_tokens.h"
#include "text/utf8.h"

namespace stapes {
namespace {

using Json = nlohmann::ordered_json;

using Pair = std::pair<int32_t, int32_t>;
struct PairHash {
  size_t operator()(const Pair& pair) const {
    const auto key = static_cast<uint64_t>(static_cast<uint32_t>(pair.first)) << 32 |
                     static_cast<uint32_t>(pair.second);
    return static_cast<size_t>(key * 0x9e3779b97f4a7c15ULL >> 16);
  }
};

// How often each piece stands in the corpus. Ordered, so that nothing below depends on hashing.
std::map<std::string, int64_t> count_pieces(std::span<const std::string> corpus) {
  const PreTokenizer pre_tokenizer(kQwen2Pattern, "the Qwen2 pattern");
  std::map<std::string, int64_t> counts;
  std::string storage;
  for (size_t i = 0; i < corpus.size(); ++i) {
    const size_t invalid = find_invalid_utf8(corpus[i]);
    if (invalid != std::string::npos) {
      fail(ErrorCode::kInvalidText, "text {} of the tokenizer's corpus: byte {} is not valid UTF-8",
           i, invalid);
    }
    pre_tokenizer.split(to_nfc(corpus[i], storage),
                        [&](std::string_view piece) { ++counts[std::string(piece)]; });
  }
  return counts;
}

// Merges the most frequent pair again and again; of equally frequent ones the pair of lowest ids.
// Counts are kept up to date, so that a merge costs what it changes.
class Trainer {
 public:
  explicit Trainer(const std::map<std::string, int64_t>& piece_counts) {
    add_byte_tokens();
    for (const auto& [piece, count] : piece_counts) {
      std::vector<int32_t> ids;
      for (const char byte : piece) ids.push_back(byte_ids_[static_cast<uint8_t>(byte)]);
      words_.push_back({std::move(ids), count});
    }
    for (size_t word = 0; word < words_.size(); ++word) count_pairs_of(word, +1);
    for (const auto& [pair, count] : pair_counts_) candidates_.push({count, pair});
  }

  // False if there is nothing left to merge.
  bool merge_next() {
    while (!candidates_.empty()) {
      const auto [count, pair] = candidates_.top();
      candidates_.pop();
      const int64_t current = pair_counts_[pair];
      if (current != count || count == 0) continue;  // another entry has the present count
      std::string merged =
          tokens_[static_cast<size_t>(pair.first)] + tokens_[static_cast<size_t>(pair.second)];
      // Two ways to the same bytes would need one id twice; the first way stays.
      if (!known_tokens_.insert(merged).second) continue;
      tokens_.push_back(std::move(merged));
      merges_.push_back(pair);
      replace_everywhere(pair, static_cast<int32_t>(tokens_.size() - 1));
      return true;
    }
    return false;
  }

  const std::vector<std::string>& tokens() const { return tokens_; }
  const std::vector<Pair>& merges() const { return merges_; }

 private:
  struct Word {
    std::vector<int32_t> ids;
    int64_t count;
  };
  struct Candidate {
    int64_t count;
    Pair pair;
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };

  // In the order of their characters, as `tokenizers` numbers them: "!" is 0.
  void add_byte_tokens() {
    std::array<uint8_t, 256> bytes;
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i);
    std::sort(bytes.begin(), bytes.end(), [](uint8_t a, uint8_t b) {
      return byte_level_character(a) < byte_level_character(b);
    });
    for (const uint8_t byte : bytes) {
      byte_ids_[byte] = static_cast<int32_t>(tokens_.size());
      tokens_.emplace_back(1, static_cast<char>(byte));
      known_tokens_.insert(tokens_.back());
    }
  }

  void count_pairs_of(size_t word, int64_t sign) {
    const auto& [ids, count] = words_[word];
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      const Pair pair{ids[i], ids[i + 1]};
      pair_counts_[pair] += sign * count;
      changed_.push_back(pair);
      if (sign > 0) words_of_pair_[pair].insert(word);
    }
  }

  void replace_everywhere(Pair pair, int32_t merged) {
    const auto words = std::move(words_of_pair_[pair]);
    words_of_pair_.erase(pair);
    changed_.clear();
    for (const size_t word : words) {
      count_pairs_of(word, -1);
      auto& ids = words_[word].ids;
      size_t kept = 0;
      for (size_t i = 0; i < ids.size(); ++i) {
        const bool here = i + 1 < ids.size() && Pair{ids[i], ids[i + 1]} == pair;
        ids[kept++] = here ? merged : ids[i];
        if (here) ++i;
      }
      ids.resize(kept);
      count_pairs_of(word, +1);
    }
    std::sort(changed_.begin(), changed_.end());
    changed_.erase(std::unique(changed_.begin(), changed_.end()), changed_.end());
    for (const Pair& changed : changed_) candidates_.push({pair_counts_[changed], changed});
  }

  std::array<int32_t, 256> byte_ids_{};
  std::vector<std::string> tokens_;  // by id, as bytes
  std::unordered_set<std::string> known_tokens_;
  std::vector<Pair> merges_;
  std::vector<Word> words_;
  std::unordered_map<Pair, int64_t, PairHash> pair_counts_;
  std::unordered_map<Pair, std::unordered_set<size_t>, PairHash> words_of_pair_;
  std::vector<Pair> changed_;
  std::priority_queue<Candidate> candidates_;
};

Json byte_level_step() {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", false},
          {"use_regex", false}};
}

Json pre_tokenizer_json() {
  const Json split = {{"type", "Split"},
                      {"pattern", {{"Regex", std::string(kQwen2Pattern)}}},
                      {"behavior", "Isolated"},
                      {"invert", false}};
  return {{"type", "Sequence"}, {"pretokenizers", Json::array({split, byte_level_step()})}};
}

Json added_tokens_json(size_t first_id) {
  Json added = Json::array();
  const auto add = [&](std::string_view content) {
    added.push_back({{"id", first_id + added.size()},
                     {"content", content},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  };
  for (const char* content : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}) add(content);
  for (const std::string_view content : kReleaseSpecialTokens) add(content);
  return added;
}

Json model_json(const Trainer& trainer) {
  Json vocabulary = Json::object();
  int32_t id = 0;
  for (const std::string& token : trainer.tokens()) vocabulary[to_byte_level(token)] = id++;
  Json merges = Json::array();
  for (const auto& [left, right] : trainer.merges()) {
    merges.push_back(to_byte_level(trainer.tokens()[static_cast<size_t>(left)]) + " " +
                     to_byte_level(trainer.tokens()[static_cast<size_t>(right)]));
  }
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", ""},
          {"end_of_word_suffix", ""},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"vocab", std::move(vocabulary)},
          {"merges", std::move(merges)}};
}

}  // namespace

std::string train_tokenizer_json(std::span<const std::string> corpus, int merge_count) {
  if (merge_count < 0) {
    fail(ErrorCode::kUsage, "expected a number of merges of at least 0, got {}", merge_count);
  }
  Trainer trainer(count_pieces(corpus));
  for (int i = 0; i < merge_count; ++i) {
    if (!trainer.merge_next()) {
      fail(ErrorCode::kInvalidData,
           "expected a corpus with at least {} merges, got one of {} texts that has only {}",
           merge_count, corpus.size(), i);
    }
  }
  const Json root = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", added_tokens_json(trainer.tokens().size())},
                     {"normalizer", {{"type", "NFC"}}},
                     {"pre_tokenizer", pre_tokenizer_json()},
                     {"post_processor", byte_level_step()},
                     {"decoder", byte_level_step()},
                     {"model", model_json(trainer)}};
  return root.dump(2) + "\n";
}

}  // namespace stapes
