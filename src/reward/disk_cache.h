// Answers of graders and judges, kept on disk: asking again would cost time or money.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace stapes::reward {

// One file for each key, written atomically, so that several processes may share a folder. The key
// itself stands in the file: another key with the same hash, and a file that was cut or changed,
// are as if there were none.
class DiskCache {
 public:
  // Empty: keeps nothing. Makes the folder. Throws kIo.
  explicit DiskCache(std::filesystem::path folder);

  bool enabled() const { return !folder_.empty(); }
  std::optional<std::string> find(std::string_view key) const;
  void put(std::string_view key, std::string_view value) const;  // throws kIo

 private:
  std::filesystem::path path_of(std::string_view key) const;

  std::filesystem::path folder_;
};

}  // namespace stapes::reward
