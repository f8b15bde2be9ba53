// Bad lines that a run leaves out, up to a number.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "stapes/error.h"

namespace stapes::train {

class Quarantine {
 public:
  struct BadLine {
    std::filesystem::path file;
    size_t line = 0;
    std::string reason;  // without the place
    std::string text;    // any bytes
  };

  // `record`: where the lines are kept, one JSON object each with file, line, reason and text;
  // empty: nowhere. A record of an earlier start goes.
  Quarantine(int64_t allowed, std::filesystem::path record);

  // Keeps the line, on the disk at once. Where there are more than are allowed, throws kInvalidData
  // with the place and the reason of this one, and how many there were before it.
  void add(const std::filesystem::path& file, size_t line, const Error& error,
           const std::string& text);
  const std::vector<BadLine>& lines() const { return lines_; }

 private:
  int64_t allowed_;
  std::filesystem::path record_;
  std::vector<BadLine> lines_;
};

}  // namespace stapes::train
