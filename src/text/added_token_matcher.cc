#include "text/added_token_matcher.h"

namespace stapes {
namespace {

uint64_t edge_key(uint32_t node, char byte) {
  return uint64_t{node} << 8 | static_cast<uint8_t>(byte);
}

}  // namespace

void AddedTokenMatcher::add(std::string_view content, int32_t id) {
  uint32_t node = 0;
  for (const char byte : content) {
    const auto next_node = static_cast<uint32_t>(edges_.size() + 1);
    node = edges_.try_emplace(edge_key(node, byte), next_node).first->second;
  }
  token_at_node_[node] = id;
  begins_token_[static_cast<uint8_t>(content.front())] = true;
}

AddedTokenMatcher::Match AddedTokenMatcher::find(std::string_view text, size_t from) const {
  for (size_t begin = from; begin < text.size(); ++begin) {
    if (!begins_token_[static_cast<uint8_t>(text[begin])]) continue;
    Match longest{begin, 0, kNoToken};
    uint32_t node = 0;
    for (size_t i = begin; i < text.size(); ++i) {
      const auto edge = edges_.find(edge_key(node, text[i]));
      if (edge == edges_.end()) break;
      node = edge->second;
      const auto token = token_at_node_.find(node);
      if (token != token_at_node_.end()) longest = {begin, i + 1 - begin, token->second};
    }
    if (longest.length_bytes > 0) return longest;
  }
  return {text.size(), 0, kNoToken};
}

}  // namespace stapes
