#include "train/run/file_hash.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>

#include "base/check.h"
#include "base/fail.h"
#include "base/file.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;

std::string sha256(const void* bytes, size_t count) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  STAPES_CHECK(EVP_Digest(bytes, count, digest.data(), &size, EVP_sha256(), nullptr) == 1,
               "SHA-256 is missing in OpenSSL");
  std::string text;
  for (unsigned int i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

bool makes_the_model(const fs::path& file) {
  const std::string name = file.filename().string();
  return name == "config.json" || name == "tokenizer.json" || name.ends_with(".safetensors");
}

std::string shown(const fs::path& path, const fs::path& base) {
  const fs::path relative = path.lexically_normal().lexically_relative(base.lexically_normal());
  const bool inside = !relative.empty() && *relative.begin() != "..";
  return inside ? relative.string() : path.string();
}

}  // namespace

std::string sha256_of(std::string_view bytes) {
  return sha256(bytes.data(), bytes.size());
}

std::string sha256_of_file(const fs::path& path) {
  const MappedFile file = MappedFile::open(path);
  return sha256(file.bytes().data(), file.bytes().size());
}

std::vector<FileRecord> records_of(const fs::path& path, const fs::path& base) {
  if (!fs::is_directory(path)) return {{shown(path, base), sha256_of_file(path)}};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path))
    // What stands beside the weights in a checkpoint is no part of the model.
    if (makes_the_model(entry.path()) && entry.path().filename() != "helper.safetensors" &&
        entry.path().filename() != "critic.safetensors")
      files.push_back(entry.path());
  std::ranges::sort(files);
  std::vector<FileRecord> records;
  for (const fs::path& file : files) records.push_back({shown(file, base), sha256_of_file(file)});
  return records;
}

}  // namespace stapes::train
