// The keys that may ask.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace stapes::serve {

class ApiKeys {
 public:
  // Without keys everybody may.
  ApiKeys() = default;
  explicit ApiKeys(std::vector<std::string> keys) : keys_(std::move(keys)) {}
  // One key a line; empty lines and those that begin with # do not count. Throws kNotFound, kIo,
  // and kUsage for a file without a key, or a key with other than printable ASCII characters or
  // spaces.
  static ApiKeys load(const std::filesystem::path& file);

  bool empty() const { return keys_.empty(); }
  // authorization: the header's value, "Bearer KEY". Takes as long for a key that is right in its
  // first characters as for one that is wrong in all.
  bool allow(std::string_view authorization) const;

 private:
  std::vector<std::string> keys_;
};

}  // namespace stapes::serve
