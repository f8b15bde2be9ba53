// Finds added tokens in text: the leftmost, and of those that begin there the longest.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>

namespace stapes {

class AddedTokenMatcher {
 public:
  void add(std::string_view content, int32_t id);
  bool empty() const { return edges_.empty(); }

  struct Match {
    size_t begin;
    size_t length_bytes;  // 0: none to the end of the text
    int32_t id;
  };
  Match find(std::string_view text, size_t from) const;

 private:
  static constexpr int32_t kNoToken = -1;

  // A trie: (node << 8 | byte) to the next node; node 0 is the root.
  std::unordered_map<uint64_t, uint32_t> edges_;
  std::unordered_map<uint32_t, int32_t> token_at_node_;
  std::array<bool, 256> begins_token_{};
};

}  // namespace stapes
