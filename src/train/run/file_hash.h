// What a file holds, as one short text that other programs compute, too (sha256sum).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace stapes::train {

std::string sha256_of(std::string_view bytes);                  // 64 hexadecimal digits
std::string sha256_of_file(const std::filesystem::path& path);  // throws kNotFound, kIo

struct FileRecord {
  std::string path;
  std::string sha256;
};
// A file; or, of a model folder, each file that makes the model. Paths inside of `base` are written
// relative to it, others as they are given. Throws kNotFound, kIo.
std::vector<FileRecord> records_of(const std::filesystem::path& path,
                                   const std::filesystem::path& base);

}  // namespace stapes::train
