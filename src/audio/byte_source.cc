#include "audio/byte_source.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/fail.h"

namespace stapes {
namespace fs = std::filesystem;
namespace {

constexpr size_t kPipeLimitBytes = size_t{1} << 30;
constexpr size_t kPipeBlockBytes = size_t{1} << 20;

size_t copy_at(std::span<const std::byte> bytes, int64_t offset, std::span<std::byte> target) {
  if (offset < 0 || static_cast<size_t>(offset) >= bytes.size()) return 0;
  const auto rest = bytes.subspan(static_cast<size_t>(offset));
  const size_t count = std::min(rest.size(), target.size());
  std::copy_n(rest.begin(), count, target.begin());
  return count;
}

}  // namespace

size_t MemorySource::read_at(int64_t offset, std::span<std::byte> target) {
  return copy_at(bytes_, offset, target);
}

size_t PatchedSource::read_at(int64_t offset, std::span<std::byte> target) {
  const size_t count = original_->read_at(offset, target);
  for (const auto& [position, value] : patches_)
    if (position >= offset && position < offset + static_cast<int64_t>(count))
      target[static_cast<size_t>(position - offset)] = value;
  return count;
}

FileSource::FileSource(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found)
    fail(ErrorCode::kNotFound, "there is no file {}", path.string());
  if (fs::is_directory(status))
    fail(ErrorCode::kIo, "expected an audio file, but {} is a directory", path.string());
  errno = 0;
  file_.open(path, std::ios::binary);
  if (!file_) fail(ErrorCode::kIo, "cannot open {}: {}", path.string(), std::strerror(errno));
  is_pipe_ = !fs::is_regular_file(status);
  if (is_pipe_) {
    read_pipe(path);
  } else {
    size_bytes_ = static_cast<int64_t>(fs::file_size(path, error));
    if (error)
      fail(ErrorCode::kIo, "cannot read the size of {}: {}", path.string(), error.message());
  }
}

void FileSource::read_pipe(const fs::path& path) {
  while (file_) {
    const size_t filled = piped_.size();
    if (filled >= kPipeLimitBytes)
      fail(ErrorCode::kTooLarge, "{} gave more than {} bytes of audio", path.string(),
           kPipeLimitBytes);
    piped_.resize(filled + kPipeBlockBytes);
    file_.read(reinterpret_cast<char*>(piped_.data() + filled),
               static_cast<std::streamsize>(kPipeBlockBytes));
    piped_.resize(filled + static_cast<size_t>(file_.gcount()));
  }
  size_bytes_ = static_cast<int64_t>(piped_.size());
}

size_t FileSource::read_at(int64_t offset, std::span<std::byte> target) {
  if (is_pipe_) return copy_at(piped_, offset, target);
  file_.clear();
  if (offset < 0 || !file_.seekg(offset)) return 0;
  file_.read(reinterpret_cast<char*>(target.data()), static_cast<std::streamsize>(target.size()));
  return static_cast<size_t>(file_.gcount());
}

}  // namespace stapes
