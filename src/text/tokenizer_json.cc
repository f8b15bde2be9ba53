#include "text/tokenizer_json.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/fail.h"
#include "text/byte_level.h"
#include "text/utf8.h"

namespace stapes {
namespace {

using Json = nlohmann::json;

// The two parts with an entry for each token, taken out of the file while it is parsed: a JSON
// object would cost a search tree of 150,000 strings, and would hide a token that stands there
// twice.
struct LargeParts {
  std::vector<std::pair<std::string, Json>> vocabulary;
  std::vector<Json> merges;
};

// Parses the file; in what it returns, model.vocab and model.merges are empty.
Json parse_without_large_parts(std::string_view json, LargeParts& parts) {
  using Event = Json::parse_event_t;
  constexpr int kEntryDepth = 3;  // root, model, vocab or merges
  std::string outer_key;
  std::string inner_key;
  std::string token;
  return Json::parse(json, [&](int depth, Event event, Json& parsed) {
    if (event == Event::key) {
      if (depth == 1) inner_key.clear();
      if (depth <= kEntryDepth) {
        (depth == 1 ? outer_key : depth == 2 ? inner_key : token) = parsed.get_ref<std::string&>();
      }
      return true;
    }
    const bool is_complete =
        event == Event::value || event == Event::object_end || event == Event::array_end;
    if (!is_complete || depth != kEntryDepth || outer_key != "model") return true;
    if (inner_key == "vocab") {
      parts.vocabulary.emplace_back(token, std::move(parsed));
    } else if (inner_key == "merges") {
      parts.merges.push_back(std::move(parsed));
    } else {
      return true;
    }
    return false;
  });
}

// One file being read; methods are the parts of the file in the order they depend on each other.
class Reader {
 public:
  Reader(const Json& root, const LargeParts& parts, const std::string& where)
      : root_(root), parts_(parts), where_(where) {}

  TokenizerJson read() {
    if (!root_.is_object()) invalid("expected a JSON object, got {}", root_.type_name());
    read_normalizer();
    read_pre_tokenizer();
    read_post_processor();
    read_decoder();
    read_model_options();
    read_added_tokens();
    read_vocabulary();
    read_byte_ids();
    read_merges();
    return std::move(result_);
  }

 private:
  template <typename... Args>
  [[noreturn]] void invalid(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::kInvalidModel, "{}: {}", where_,
         fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  [[noreturn]] void unsupported(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::kUnsupported, "{}: {}", where_,
         fmt::format(format, std::forward<Args>(args)...));
  }

  // The field, or null where it is absent or null in the file.
  const Json* field(const Json& object, const char* name) const {
    const auto found = object.find(name);
    return found == object.end() || found->is_null() ? nullptr : &*found;
  }
  const Json& require(const Json& object, const std::string& path, const char* name,
                      Json::value_t type) const {
    const Json* value = field(object, name);
    if (value == nullptr) invalid("{}{} is missing", path, name);
    if (value->type() != type) {
      invalid("{}{}: expected {}, got {}", path, name, Json(type).type_name(), value->type_name());
    }
    return *value;
  }
  const std::string& require_string(const Json& object, const std::string& path,
                                    const char* name) const {
    return require(object, path, name, Json::value_t::string).get_ref<const std::string&>();
  }
  bool flag(const Json& object, const std::string& path, const char* name, bool if_absent) const {
    const Json* value = field(object, name);
    if (value == nullptr) return if_absent;
    if (!value->is_boolean()) {
      invalid("{}{}: expected true or false, got {}", path, name, value->type_name());
    }
    return value->get<bool>();
  }
  int32_t token_id(const Json& value, const std::string& token) const {
    if (!value.is_number_integer()) {
      invalid("token \"{}\": expected an integer as its id, got {}", token, value.type_name());
    }
    const bool too_large =
        value.is_number_unsigned() && value.get<uint64_t>() >= static_cast<uint64_t>(kTokenIdLimit);
    if (too_large || value.get<int64_t>() < 0) {
      invalid("token \"{}\": expected an id from 0 to {}, got {}", token, kTokenIdLimit - 1,
              value.dump());
    }
    return value.get<int32_t>();
  }

  void read_normalizer() {
    const Json* normalizer = field(root_, "normalizer");
    if (normalizer == nullptr) return;
    const std::string path = "normalizer.";
    const std::string& type = require_string(as_object(*normalizer, "normalizer"), path, "type");
    if (type != "NFC") unsupported("expected the normalizer NFC or none, got {}", type);
    result_.normalize_nfc = true;
  }

  const Json& as_object(const Json& value, const std::string& path) const {
    if (!value.is_object()) invalid("{}: expected object, got {}", path, value.type_name());
    return value;
  }

  // Sequence[Split(regular expression, isolated), ByteLevel without its own expression].
  void read_pre_tokenizer() {
    const Json& pre_tokenizer = require(root_, "", "pre_tokenizer", Json::value_t::object);
    const std::string& type = require_string(pre_tokenizer, "pre_tokenizer.", "type");
    if (type != "Sequence") {
      unsupported("expected the pre-tokenizer Sequence[Split, ByteLevel], got {}", type);
    }
    const Json& steps =
        require(pre_tokenizer, "pre_tokenizer.", "pretokenizers", Json::value_t::array);
    std::vector<std::string> types;
    for (const Json& step : steps) {
      types.push_back(require_string(as_object(step, "pre_tokenizer.pretokenizers[]"),
                                     "pre_tokenizer.pretokenizers[].", "type"));
    }
    if (types != std::vector<std::string>{"Split", "ByteLevel"}) {
      unsupported("expected the pre-tokenizer Sequence[Split, ByteLevel], got Sequence[{}]",
                  fmt::join(types, ", "));
    }
    read_split(steps[0]);
    const std::string path = "pre_tokenizer.pretokenizers[1].";
    if (flag(steps[1], path, "use_regex", true) || flag(steps[1], path, "add_prefix_space", true)) {
      unsupported("{} expected use_regex and add_prefix_space to be false", path);
    }
  }

  void read_split(const Json& split) {
    const std::string path = "pre_tokenizer.pretokenizers[0].";
    const std::string& behavior = require_string(split, path, "behavior");
    if (behavior != "Isolated" || flag(split, path, "invert", false)) {
      unsupported("{} expected behavior Isolated and invert false, got behavior {}", path,
                  behavior);
    }
    const Json& pattern = require(split, path, "pattern", Json::value_t::object);
    result_.pattern = require_string(pattern, path + "pattern.", "Regex");
  }

  void read_post_processor() {
    const Json* post_processor = field(root_, "post_processor");
    if (post_processor == nullptr) return;
    const std::string& type =
        require_string(as_object(*post_processor, "post_processor"), "post_processor.", "type");
    if (type != "ByteLevel") {
      unsupported("expected the post-processor ByteLevel or none, got {}", type);
    }
  }

  void read_decoder() {
    const Json& decoder = require(root_, "", "decoder", Json::value_t::object);
    const std::string& type = require_string(decoder, "decoder.", "type");
    if (type != "ByteLevel") unsupported("expected the decoder ByteLevel, got {}", type);
  }

  void read_model_options() {
    const Json& model = require(root_, "", "model", Json::value_t::object);
    const std::string path = "model.";
    if (field(model, "type") != nullptr && require_string(model, path, "type") != "BPE") {
      unsupported("expected the model BPE, got {}", require_string(model, path, "type"));
    }
    for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      if (field(model, affix) != nullptr && !require_string(model, path, affix).empty()) {
        unsupported("model.{}: expected none, got \"{}\"", affix,
                    require_string(model, path, affix));
      }
    }
    const Json* dropout = field(model, "dropout");
    if (dropout != nullptr && *dropout != 0.0) {
      unsupported("model.dropout: expected none, got {}", dropout->dump());
    }
    if (flag(model, path, "byte_fallback", false)) {
      unsupported("model.byte_fallback: expected false, got true");
    }
    result_.ignore_merges = flag(model, path, "ignore_merges", false);
  }

  void read_added_tokens() {
    if (field(root_, "added_tokens") == nullptr) return;
    for (const Json& entry : require(root_, "", "added_tokens", Json::value_t::array)) {
      const std::string path = "added_tokens[].";
      const std::string& content =
          require_string(as_object(entry, "added_tokens[]"), path, "content");
      if (content.empty()) invalid("an added token's content is empty");
      for (const char* name : {"single_word", "lstrip", "rstrip"}) {
        if (flag(entry, path, name, false)) {
          unsupported("added token \"{}\": expected {} to be false", content, name);
        }
      }
      const Json* id = field(entry, "id");
      if (id == nullptr) invalid("added token \"{}\" has no id", content);
      const bool special = flag(entry, path, "special", false);
      result_.added_tokens.push_back(
          {content, token_id(*id, content), special, flag(entry, path, "normalized", !special)});
      const int32_t added_id = result_.added_tokens.back().id;
      if (!added_ids_.emplace(content, added_id).second) {
        invalid("added token \"{}\" stands there twice", content);
      }
      claim_id(added_id, content);
    }
  }

  void claim_id(int32_t id, std::string_view token) {
    const auto index = static_cast<size_t>(id);
    if (index >= claimed_ids_.size()) claimed_ids_.resize(index + 1);
    if (claimed_ids_[index]) {
      invalid("token \"{}\" has the id {}, which another token has too", token, id);
    }
    claimed_ids_[index] = true;
  }

  void read_vocabulary() {
    require(root_["model"], "model.", "vocab", Json::value_t::object);
    vocabulary_ids_.reserve(parts_.vocabulary.size());
    result_.vocabulary.reserve(parts_.vocabulary.size());
    for (const auto& [token, value] : parts_.vocabulary) {
      const int32_t id = token_id(value, token);
      const auto added = added_ids_.find(token);
      if (added != added_ids_.end()) {
        if (added->second == id) continue;
        invalid("token \"{}\" has the id {} in the vocabulary and {} among the added tokens", token,
                id, added->second);
      }
      if (!vocabulary_ids_.emplace(token, id).second) {
        invalid("token \"{}\" stands in the vocabulary twice", token);
      }
      claim_id(id, token);
      std::optional<std::string> bytes = from_byte_level(token);
      if (!bytes || bytes->empty()) {
        invalid("token \"{}\" (id {}) is not written in the byte-level alphabet", token, id);
      }
      result_.vocabulary.push_back({std::move(*bytes), id});
    }
  }

  void read_byte_ids() {
    for (int byte = 0; byte < 256; ++byte) {
      std::string token;
      append_utf8(token, byte_level_character(static_cast<uint8_t>(byte)));
      const auto found = vocabulary_ids_.find(token);
      if (found == vocabulary_ids_.end()) {
        invalid("the vocabulary has no token \"{}\" for the byte 0x{:02x}", token, byte);
      }
      result_.byte_ids[byte] = found->second;
    }
  }

  // "left right", or since 2024 ["left", "right"].
  void read_merges() {
    require(root_["model"], "model.", "merges", Json::value_t::array);
    const std::vector<Json>& merges = parts_.merges;
    if (merges.size() >= static_cast<size_t>(kTokenIdLimit)) {
      invalid("model.merges: expected less than {} merges, got {}", kTokenIdLimit, merges.size());
    }
    result_.merges.reserve(merges.size());
    std::string merged;
    for (size_t i = 0; i < merges.size(); ++i) {
      const auto [left, right] = merge_sides(merges[i], i);
      merged.assign(left).append(right);
      result_.merges.push_back(
          {merge_token(left, i), merge_token(right, i), merge_token(merged, i)});
    }
  }

  std::pair<std::string_view, std::string_view> merge_sides(const Json& merge, size_t index) const {
    if (merge.is_string()) {
      const std::string_view text = merge.get_ref<const std::string&>();
      const size_t space = text.find(' ');
      if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) {
        invalid("model.merges[{}]: expected two tokens and one space, got \"{}\"", index, text);
      }
      return {text.substr(0, space), text.substr(space + 1)};
    }
    if (!merge.is_array() || merge.size() != 2 || !merge[0].is_string() || !merge[1].is_string()) {
      invalid("model.merges[{}]: expected \"left right\" or [\"left\", \"right\"], got {}", index,
              merge.type_name());
    }
    return {merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>()};
  }

  int32_t merge_token(std::string_view token, size_t index) const {
    const auto found = vocabulary_ids_.find(token);
    if (found == vocabulary_ids_.end()) {
      invalid("model.merges[{}]: the vocabulary has no token \"{}\"", index, token);
    }
    return found->second;
  }

  using IdOfToken = std::unordered_map<std::string_view, int32_t>;

  const Json& root_;
  const LargeParts& parts_;
  const std::string& where_;
  TokenizerJson result_;
  IdOfToken added_ids_;       // names lie in root_
  IdOfToken vocabulary_ids_;  // names lie in parts_
  std::vector<bool> claimed_ids_;
};

}  // namespace

TokenizerJson parse_tokenizer_json(std::string_view json, const std::string& where) {
  LargeParts parts;
  Json root;
  try {
    root = parse_without_large_parts(json, parts);
  } catch (const Json::parse_error& error) {
    fail(ErrorCode::kInvalidModel, "{}: not JSON: {} (byte {})", where, error.what(), error.byte);
  }
  return Reader(root, parts, where).read();
}

}  // namespace stapes
