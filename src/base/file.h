// Files: mapped read-only into memory, read whole, and written so that a reader never sees half of
// one.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>

namespace stapes {

// A whole file mapped read-only, in large pages where the system gives them (base/memory_pages.h).
// Move-only; the bytes live as long as the object.
class MappedFile {
 public:
  // Throws kNotFound, kIo (not a regular file, cannot be read).
  static MappedFile open(const std::filesystem::path& path);
  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_bytes_}; }
  const std::filesystem::path& path() const { return path_; }

 private:
  const std::byte* data_ = nullptr;
  size_t size_bytes_ = 0;
  std::filesystem::path path_;
};

// Reads a whole file. Throws kNotFound, kIo, and kTooLarge above `limit_bytes`.
std::string read_file(const std::filesystem::path& path, size_t limit_bytes = size_t{1} << 30);

// Calls `write` with a stream to PATH.tmp-*, syncs it to the disk and renames it to PATH. The
// stream knows no positions. On any failure (a full disk included) PATH is as it was, the temporary
// file is gone, and kIo is thrown.
void write_file_atomically(const std::filesystem::path& path,
                           const std::function<void(std::ostream&)>& write);
void write_file_atomically(const std::filesystem::path& path, std::string_view contents);

}  // namespace stapes
