// The lines of a text file, one at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace stapes::train {

class JsonlLines {
 public:
  static constexpr size_t kLongestLineBytes = size_t{64} << 20;

  // Throws kNotFound, kIo.
  explicit JsonlLines(const std::filesystem::path& path);

  // Goes to the next line that is not blank; false at the end of the file. Throws kInvalidData (a
  // line that is too long), kIo.
  bool next();
  const std::string& text() const { return text_; }
  size_t number() const { return number_; }    // from 1
  uint64_t offset() const { return offset_; }  // bytes before the line

  // Of all that was read so far.
  uint64_t bytes() const { return bytes_; }
  uint64_t hash() const { return hash_; }  // FNV-1a

 private:
  bool read_line();

  std::filesystem::path path_;
  std::ifstream in_;
  std::string text_;
  size_t number_ = 0;
  uint64_t offset_ = 0, bytes_ = 0, hash_ = 0xcbf29ce484222325ULL;
};

// The line that begins at `offset`. Throws as above, and kInvalidData where the file is shorter.
std::string read_line_at(const std::filesystem::path& path, uint64_t offset, size_t number);

}  // namespace stapes::train
