#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <utility>

#include "base/fail.h"

namespace stapes {
namespace fs = std::filesystem;
namespace {

class FileDescriptor {
 public:
  FileDescriptor(const fs::path& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC)) {
    if (fd_ >= 0) return;
    const int error = errno;
    fail(error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, "cannot open {}: {}",
         path.string(), std::strerror(error));
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() { ::close(fd_); }
  int get() const { return fd_; }

 private:
  int fd_;
};

size_t regular_file_size(const FileDescriptor& fd, const fs::path& path) {
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0)
    fail(ErrorCode::kIo, "cannot read the size of {}: {}", path.string(), std::strerror(errno));
  if (S_ISDIR(info.st_mode))
    fail(ErrorCode::kIo, "expected a file, but {} is a directory", path.string());
  if (!S_ISREG(info.st_mode))
    fail(ErrorCode::kIo, "expected a regular file, but {} is not one", path.string());
  return static_cast<size_t>(info.st_size);
}

}  // namespace

MappedFile MappedFile::open(const fs::path& path) {
  const FileDescriptor fd(path, O_RDONLY);
  MappedFile file;
  file.path_ = path;
  file.size_bytes_ = regular_file_size(fd, path);
  if (file.size_bytes_ == 0) return file;
  void* data = ::mmap(nullptr, file.size_bytes_, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (data == MAP_FAILED)
    fail(ErrorCode::kIo, "cannot map {} into memory: {}", path.string(), std::strerror(errno));
  file.data_ = static_cast<const std::byte*>(data);
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept {
  *this = std::move(other);
}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_bytes_, other.size_bytes_);
  std::swap(path_, other.path_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_bytes_);
}

void release_pages(std::span<const std::byte> bytes) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(bytes.data()) + page - 1) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(bytes.data()) + bytes.size()) / page * page;
  // Only a hint: what it returns changes nothing.
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

std::string read_file(const fs::path& path, size_t limit_bytes) {
  const FileDescriptor fd(path, O_RDONLY);
  const size_t size_bytes = regular_file_size(fd, path);
  if (size_bytes > limit_bytes)
    fail(ErrorCode::kTooLarge, "{} has {} bytes, more than the limit of {}", path.string(),
         size_bytes, limit_bytes);
  std::string contents(size_bytes, '\0');
  size_t done = 0;
  while (done < size_bytes) {
    const ssize_t got = ::read(fd.get(), contents.data() + done, size_bytes - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(ErrorCode::kIo, "cannot read {}: {}", path.string(), std::strerror(errno));
    if (got == 0)
      fail(ErrorCode::kIo, "{} became shorter while it was read: expected {} bytes, got {}",
           path.string(), size_bytes, done);
    done += static_cast<size_t>(got);
  }
  return contents;
}

void write_file_atomically(const fs::path& path, const std::function<void(std::ostream&)>& write) {
  const fs::path temporary = path.string() + ".tmp-" + std::to_string(::getpid());
  try {
    {
      errno = 0;
      std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
      if (out) write(out);
      out.flush();
      if (!out)
        fail(ErrorCode::kIo, "cannot write {}: {}", path.string(),
             errno != 0 ? std::strerror(errno) : "the stream failed");
    }
    const FileDescriptor fd(temporary, O_RDONLY);
    if (::fsync(fd.get()) != 0)
      fail(ErrorCode::kIo, "cannot write {}: {}", path.string(), std::strerror(errno));
    std::error_code error;
    fs::rename(temporary, path, error);
    if (error) fail(ErrorCode::kIo, "cannot write {}: {}", path.string(), error.message());
  } catch (...) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw;
  }
}

void write_file_atomically(const fs::path& path, std::string_view contents) {
  write_file_atomically(path, [&](std::ostream& out) {
    out.write(contents.data(), static_cast<std::streamsize>(contents.size()));
  });
}

}  // namespace stapes
