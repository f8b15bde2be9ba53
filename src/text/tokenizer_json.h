// What a tokenizer.json says, checked: every id, name and merge in it fits the others.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stapes {

struct TokenizerJson {
  struct VocabularyToken {
    std::string bytes;
    int32_t id;
  };
  struct AddedToken {
    std::string content;
    int32_t id;
    bool special;     // left out of decoded text on request
    bool normalized;  // looked for in the text after normalization, not before
  };
  struct Merge {
    int32_t left;
    int32_t right;
    int32_t merged;
  };

  std::vector<VocabularyToken> vocabulary;  // without those that are added tokens too
  std::vector<AddedToken> added_tokens;
  std::vector<Merge> merges;  // in order of rank
  std::string pattern;        // of the pre-tokenizer
  bool normalize_nfc = false;
  bool ignore_merges = false;  // a piece that is a token as a whole is not merged up
  int32_t byte_ids[256] = {};  // the token of each single byte
};

// Ids from here on are refused: tables are as long as the highest id.
inline constexpr int32_t kTokenIdLimit = 1 << 22;

// `where` names the file. Throws kInvalidModel (not JSON, something is missing or contradicts
// something else) and kUnsupported (a well-formed tokenizer of another kind).
TokenizerJson parse_tokenizer_json(std::string_view json, const std::string& where);

}  // namespace stapes
