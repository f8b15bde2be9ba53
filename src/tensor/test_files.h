// For tests: a folder that goes away, safetensors files made byte by byte, and errors by their
// text.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/testing/temporary_folder.h"
#include "stapes/error.h"

namespace stapes::testing {

inline std::filesystem::path put(const std::filesystem::path& path, const std::string& bytes) {
  // A new file: some file systems (ext4) wait for the disk when an old one is truncated.
  std::filesystem::remove(path);
  std::ofstream out(path, std::ios::binary);
  out << bytes;
  if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
  return path;
}

inline std::string little_endian(uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>((value >> (8 * i)) & 0xff);
  return bytes;
}

// The bytes of a safetensors file with this header, however wrong it is.
inline std::string safetensors_bytes(const std::string& header, const std::string& data = "") {
  return little_endian(header.size()) + header + data;
}

// Runs `call`, which must throw stapes::Error with this code and a sentence that has all `parts`.
template <typename Call>
void expect_error(ErrorCode code, const std::vector<std::string>& parts, Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(code)) << error.what();
    for (const std::string& part : parts) EXPECT_THAT(error.what(), ::testing::HasSubstr(part));
    return;
  }
  ADD_FAILURE() << "nothing was thrown; expected an error with \""
                << (parts.empty() ? "" : parts.front()) << "\"";
}

}  // namespace stapes::testing
