#include "text/tokenizer.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include "base/fail.h"
#include "base/file.h"
#include "text/added_token_matcher.h"
#include "text/bpe_merges.h"
#include "text/nfc.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer_json.h"
#include "text/utf8.h"

namespace stapes {
namespace {

constexpr size_t kFileLimitBytes = size_t{256} << 20;

// Hands out what stands between added tokens, and their ids, in the order of the text.
template <typename OnText, typename OnToken>
void split_at_added_tokens(std::string_view text, const AddedTokenMatcher& matcher,
                           const OnText& on_text, const OnToken& on_token) {
  if (matcher.empty()) {
    if (!text.empty()) on_text(text);
    return;
  }
  for (size_t begin = 0; begin < text.size();) {
    const AddedTokenMatcher::Match match = matcher.find(text, begin);
    if (match.begin > begin) on_text(text.substr(begin, match.begin - begin));
    if (match.length_bytes > 0) on_token(match.id);
    begin = match.begin + match.length_bytes;
  }
}

// Hands out the longest runs of valid UTF-8, and each byte between them.
template <typename OnText, typename OnByte>
void split_at_invalid_utf8(std::string_view text, const OnText& on_text, const OnByte& on_byte) {
  while (!text.empty()) {
    const size_t valid_bytes = std::min(find_invalid_utf8(text), text.size());
    if (valid_bytes > 0) on_text(text.substr(0, valid_bytes));
    text.remove_prefix(valid_bytes);
    if (text.empty()) return;
    const size_t invalid_bytes = utf8_step(text, 0).length_bytes;
    for (const char byte : text.substr(0, invalid_bytes)) on_byte(static_cast<uint8_t>(byte));
    text.remove_prefix(invalid_bytes);
  }
}

}  // namespace

struct Tokenizer::Impl {
  struct Token {
    std::string bytes;
    bool special = false;
  };

  Impl(TokenizerJson json, std::string file);

  void add_token(std::string bytes, TokenId id, bool special,
                 std::unordered_map<std::string_view, TokenId>& ids_by_bytes);
  // Text without unnormalized added tokens: normalized, cut, merged.
  void encode_section(std::string_view text, bool find_added, std::vector<TokenId>& ids) const;
  void encode_normalized(std::string_view text, std::vector<TokenId>& ids) const;

  std::string where;
  std::vector<Token> tokens;  // by id; no bytes where the file has no such id
  std::unordered_map<std::string_view, TokenId> added_ids;
  std::unordered_map<std::string_view, TokenId> vocabulary_ids;
  std::array<TokenId, 256> byte_ids{};
  BpeMerges merges;
  PreTokenizer pre_tokenizer;
  AddedTokenMatcher added_before_normalization;
  AddedTokenMatcher added_after_normalization;
  bool normalize_nfc;
  bool ignore_merges;
};

Tokenizer::Impl::Impl(TokenizerJson json, std::string file)
    : where(std::move(file)),
      merges(json.merges.size()),
      pre_tokenizer(json.pattern, where),
      normalize_nfc(json.normalize_nfc),
      ignore_merges(json.ignore_merges) {
  TokenId highest = 0;
  for (const auto& token : json.vocabulary) highest = std::max(highest, token.id);
  for (const auto& token : json.added_tokens) highest = std::max(highest, token.id);
  tokens.resize(static_cast<size_t>(highest) + 1);

  vocabulary_ids.reserve(json.vocabulary.size());
  for (auto& token : json.vocabulary) {
    add_token(std::move(token.bytes), token.id, false, vocabulary_ids);
  }
  for (auto& token : json.added_tokens) {
    if (token.normalized && normalize_nfc) {
      added_after_normalization.add(to_nfc(token.content), token.id);
    } else {
      added_before_normalization.add(token.content, token.id);
    }
    add_token(std::move(token.content), token.id, token.special, added_ids);
  }
  std::copy(std::begin(json.byte_ids), std::end(json.byte_ids), byte_ids.begin());
  int32_t rank = 0;
  for (const auto& merge : json.merges) merges.add(merge.left, merge.right, {rank++, merge.merged});
}

void Tokenizer::Impl::add_token(std::string bytes, TokenId id, bool special,
                                std::unordered_map<std::string_view, TokenId>& ids_by_bytes) {
  Token& token = tokens[static_cast<size_t>(id)];
  token = {std::move(bytes), special};
  ids_by_bytes.emplace(token.bytes, id);
}

void Tokenizer::Impl::encode_section(std::string_view text, bool find_added,
                                     std::vector<TokenId>& ids) const {
  const auto on_token = [&](TokenId id) { ids.push_back(id); };
  const auto on_normalized = [&](std::string_view normalized) {
    encode_normalized(normalized, ids);
  };
  const auto on_valid = [&](std::string_view valid) {
    std::string storage;
    const std::string_view normalized = normalize_nfc ? to_nfc(valid, storage) : valid;
    if (find_added) {
      split_at_added_tokens(normalized, added_after_normalization, on_normalized, on_token);
    } else {
      on_normalized(normalized);
    }
  };
  split_at_invalid_utf8(text, on_valid, [&](uint8_t byte) { ids.push_back(byte_ids[byte]); });
}

void Tokenizer::Impl::encode_normalized(std::string_view text, std::vector<TokenId>& ids) const {
  std::vector<TokenId> piece_ids;
  pre_tokenizer.split(text, [&](std::string_view piece) {
    if (ignore_merges) {
      const auto whole = vocabulary_ids.find(piece);
      if (whole != vocabulary_ids.end()) {
        ids.push_back(whole->second);
        return;
      }
    }
    piece_ids.clear();
    for (const char byte : piece) piece_ids.push_back(byte_ids[static_cast<uint8_t>(byte)]);
    merges.apply(piece_ids);
    ids.insert(ids.end(), piece_ids.begin(), piece_ids.end());
  });
}

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::load(const std::filesystem::path& tokenizer_json) {
  return parse(read_file(tokenizer_json, kFileLimitBytes), tokenizer_json.string());
}

Tokenizer Tokenizer::parse(std::string_view json, const std::string& where) {
  return Tokenizer(std::make_unique<Impl>(parse_tokenizer_json(json, where), where));
}

std::vector<TokenId> Tokenizer::encode(std::string_view text) const {
  std::vector<TokenId> ids;
  split_at_added_tokens(
      text, impl_->added_before_normalization,
      [&](std::string_view section) { impl_->encode_section(section, true, ids); },
      [&](TokenId id) { ids.push_back(id); });
  return ids;
}

std::vector<TokenId> Tokenizer::encode_plain(std::string_view text) const {
  std::vector<TokenId> ids;
  impl_->encode_section(text, false, ids);
  return ids;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  std::string bytes;
  for (const TokenId id : ids) {
    if (skip_special && is_special(id)) continue;
    bytes += token_bytes(id);
  }
  return bytes;
}

std::string_view Tokenizer::token_bytes(TokenId id) const {
  if (id < 0 || static_cast<size_t>(id) >= impl_->tokens.size()) return {};
  return impl_->tokens[static_cast<size_t>(id)].bytes;
}

bool Tokenizer::is_special(TokenId id) const {
  if (id < 0 || static_cast<size_t>(id) >= impl_->tokens.size()) return false;
  return impl_->tokens[static_cast<size_t>(id)].special;
}

std::optional<TokenId> Tokenizer::find(std::string_view token) const {
  for (const auto* ids : {&impl_->added_ids, &impl_->vocabulary_ids}) {
    const auto found = ids->find(token);
    if (found != ids->end()) return found->second;
  }
  return std::nullopt;
}

TokenId Tokenizer::require(std::string_view token) const {
  const auto id = find(token);
  if (!id)
    fail(ErrorCode::kInvalidModel, "{}: the tokenizer has no token \"{}\"", impl_->where, token);
  return *id;
}

size_t Tokenizer::size() const {
  return impl_->tokens.size();
}

}  // namespace stapes
