// Byte-level BPE as tokenizer.json of the Qwen2 family describes it: added tokens, the Qwen2
// pre-tokenizer pattern, merges. Equal to Hugging Face's `tokenizers` on any input, random bytes
// included.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stapes {

using TokenId = int32_t;

class Tokenizer {
 public:
  // Throws kNotFound, kInvalidModel (what is wrong with the file and where), kUnsupported (a
  // well-formed tokenizer of another kind).
  static Tokenizer load(const std::filesystem::path& tokenizer_json);
  static Tokenizer parse(std::string_view json, const std::string& where);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // Added tokens that stand in the text become their ids (as the reference does). Bytes that are
  // not UTF-8 become one token each, so that decode(encode(x)) == x for any bytes that NFC leaves
  // alone.
  std::vector<TokenId> encode(std::string_view text) const;
  // Added tokens that stand in the text stay text: for what users write, so that
  // "<|EOT|>" or "<audio_patch>" in a question cannot become a control token.
  std::vector<TokenId> encode_plain(std::string_view text) const;

  // The bytes of the ids; may end inside a UTF-8 sequence (text/utf8.h streams it).
  std::string decode(std::span<const TokenId> ids, bool skip_special = false) const;
  // The bytes of one token; empty for ids that the vocabulary does not have.
  std::string_view token_bytes(TokenId id) const;
  bool is_special(TokenId id) const;

  // By the bytes it stands for (" the", not "\u0120the"), added tokens first.
  std::optional<TokenId> find(std::string_view token) const;
  // Throws kInvalidModel when the tokenizer lacks the token.
  TokenId require(std::string_view token) const;
  // One more than the highest id (rows of the embedding may exceed it).
  size_t size() const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace stapes
