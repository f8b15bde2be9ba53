// Cuts text into the pieces inside which BPE may merge, by the regular expression of
// tokenizer.json.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace stapes {

// The pattern of the Qwen2 family: contractions, words with one leading sign, single digits,
// runs of signs, line breaks, white space.
inline constexpr std::string_view kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// Immutable; one object serves many threads.
class PreTokenizer {
 public:
  // The pattern is in Oniguruma's syntax, as tokenizer.json has it. Throws kInvalidModel if it does
  // not compile; `where` names the file.
  PreTokenizer(std::string_view pattern, const std::string& where);

  // Calls `use` for every piece of `text` (valid UTF-8) in order; together they are the whole text:
  // matches, and what lies between matches ("Isolated"). Throws kInvalidModel if the pattern needs
  // more steps or memory than any honest pattern does.
  void split(std::string_view text, const std::function<void(std::string_view)>& use) const;

 private:
  struct FreeCode {
    void operator()(void* code) const;
  };
  std::unique_ptr<void, FreeCode> code_;
  std::string where_;
};

}  // namespace stapes
