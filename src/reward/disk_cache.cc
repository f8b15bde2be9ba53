#include "reward/disk_cache.h"

#include <xxhash.h>

#include <cstring>
#include <system_error>

#include "base/fail.h"
#include "base/file.h"

namespace stapes::reward {
namespace {

constexpr std::string_view kMagic = "stapes cache 1\n";
constexpr size_t kLargestFile = size_t{64} << 20;

// magic, size of the key in decimal, newline, key, value, newline, checksum of all before it.
std::string checksum_of(std::string_view text) {
  return fmt::format("\n{:016x}", XXH3_64bits(text.data(), text.size()));
}

}  // namespace

DiskCache::DiskCache(std::filesystem::path folder) : folder_(std::move(folder)) {
  if (folder_.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error || !std::filesystem::is_directory(folder_, error))
    fail(ErrorCode::kIo, "cannot make the cache folder \"{}\": {}", folder_.string(),
         error ? error.message() : std::string("it is a file"));
}

std::filesystem::path DiskCache::path_of(std::string_view key) const {
  const XXH128_hash_t hash = XXH3_128bits(key.data(), key.size());
  const std::string name = fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  return folder_ / name.substr(0, 2) / name;
}

std::optional<std::string> DiskCache::find(std::string_view key) const {
  if (!enabled()) return std::nullopt;
  std::string contents;
  try {
    contents = read_file(path_of(key), kLargestFile);
  } catch (const Error&) {
    return std::nullopt;
  }
  std::string head = std::string(kMagic) + fmt::format("{}\n", key.size());
  head += key;
  constexpr size_t kChecksumBytes = 17;
  if (contents.size() < head.size() + kChecksumBytes || !contents.starts_with(head))
    return std::nullopt;
  const std::string_view body(contents.data(), contents.size() - kChecksumBytes);
  if (checksum_of(body) != std::string_view(contents).substr(body.size())) return std::nullopt;
  return std::string(body.substr(head.size()));
}

void DiskCache::put(std::string_view key, std::string_view value) const {
  if (!enabled()) return;
  const std::filesystem::path path = path_of(key);
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  std::string contents = std::string(kMagic) + fmt::format("{}\n", key.size());
  contents += key;
  contents += value;
  contents += checksum_of(contents);
  write_file_atomically(path, contents);
}

}  // namespace stapes::reward
