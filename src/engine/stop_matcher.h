// Finds stop texts in a stream, across the borders of its pieces.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stapes {

// What could still become a stop text is held back until it is decided; the concatenated output
// does not depend on where the text was cut. Of several stop texts the one that ends first counts,
// and of those that end at the same byte the longest.
class StopMatcher {
 public:
  // No stop text may be empty.
  explicit StopMatcher(std::vector<std::string> stops);

  // The text that is certain not to belong to a stop text. After a match: what came before it, then
  // always nothing.
  std::string push(std::string_view text);
  // Releases what is held back: nothing more follows, or text that is not the model's follows.
  std::string finish();
  bool stopped() const { return stopped_; }
  // The stop text that was met; empty before.
  const std::string& met() const { return met_; }

 private:
  size_t held_back_size() const;

  std::vector<std::string> stops_;
  std::string pending_;
  bool stopped_ = false;
  std::string met_;
};

}  // namespace stapes
