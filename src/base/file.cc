#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <ostream>
#include <streambuf>
#include <utility>

#include "base/fail.h"
#include "base/memory_pages.h"

namespace stapes {
namespace fs = std::filesystem;
namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

int open_to_read(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd >= 0) return fd;
  const int error = errno;
  fail(error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, "cannot open {}: {}", path.string(),
       std::strerror(error));
}

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

// Writes in whole blocks of the size of a large page: file systems that can then keep them as such
// in the page cache, where MappedFile finds them.
class BlockWriter : public std::streambuf {
 public:
  explicit BlockWriter(const fs::path& path)
      : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)),
        block_(std::make_unique_for_overwrite<char[]>(kLargePageBytes)) {
    begin_block();
  }
  bool is_open() const { return fd_.get() >= 0; }

 private:
  int_type overflow(int_type next) override {
    if (sync() != 0) return traits_type::eof();
    if (traits_type::eq_int_type(next, traits_type::eof())) return traits_type::not_eof(next);
    return sputc(traits_type::to_char_type(next));
  }
  int sync() override {
    for (const char* from = pbase(); from < pptr();) {
      const ssize_t written = ::write(fd_.get(), from, static_cast<size_t>(pptr() - from));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return -1;
      from += written;
    }
    begin_block();
    return 0;
  }
  void begin_block() { setp(block_.get(), block_.get() + kLargePageBytes); }

  FileDescriptor fd_;
  std::unique_ptr<char[]> block_;
};

}  // namespace

MappedFile MappedFile::open(const fs::path& path) {
  const FileDescriptor fd(open_to_read(path));
  MappedFile file;
  file.path_ = path;
  file.size_bytes_ = regular_file_size(fd, path);
  if (file.size_bytes_ == 0) return file;
  void* data = ::mmap(nullptr, file.size_bytes_, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (data == MAP_FAILED)
    fail(ErrorCode::kIo, "cannot map {} into memory: {}", path.string(), std::strerror(errno));
  file.data_ = static_cast<const std::byte*>(data);
  ask_for_large_pages(file.bytes());
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

std::string read_file(const fs::path& path, size_t limit_bytes) {
  const FileDescriptor fd(open_to_read(path));
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
      BlockWriter blocks(temporary);
      std::ostream out(blocks.is_open() ? &blocks : nullptr);
      if (out) write(out);
      out.flush();
      if (!out)
        fail(ErrorCode::kIo, "cannot write {}: {}", path.string(),
             errno != 0 ? std::strerror(errno) : "the stream failed");
    }
    const FileDescriptor fd(open_to_read(temporary));
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
