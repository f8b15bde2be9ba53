#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <ostream>
#include <string>

#include "base/memory_pages.h"
#include "base/testing/temporary_folder.h"
#include "stapes/error.h"

namespace stapes {
namespace {

std::string some_bytes(size_t count) {
  std::string bytes(count, '\0');
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<char>(i * 31 + i / 251);
  return bytes;
}

TEST(WriteFile, PiecesOfAnySizeAreJoined) {
  const testing::TemporaryFolder folder;
  for (const size_t count : {size_t{0}, size_t{1}, kLargePageBytes - 1, kLargePageBytes,
                             kLargePageBytes + 1, 2 * kLargePageBytes + 777}) {
    const std::string bytes = some_bytes(count);
    for (const size_t piece : {size_t{1000}, kLargePageBytes / 3, 3 * kLargePageBytes}) {
      write_file_atomically(folder / "file", [&](std::ostream& out) {
        for (size_t i = 0; i < count; i += piece) out << bytes.substr(i, piece);
      });
      EXPECT_TRUE(read_file(folder / "file") == bytes) << count << " in pieces of " << piece;
      const MappedFile mapped = MappedFile::open(folder / "file");
      const auto* begin = reinterpret_cast<const char*>(mapped.bytes().data());
      EXPECT_TRUE(std::string(begin, mapped.bytes().size()) == bytes) << count;
    }
  }
}

TEST(WriteFile, OneByteAtATime) {
  const testing::TemporaryFolder folder;
  const std::string bytes = some_bytes(kLargePageBytes + 5);
  write_file_atomically(folder / "file", [&](std::ostream& out) {
    for (const char byte : bytes) out.put(byte);
  });
  EXPECT_TRUE(read_file(folder / "file") == bytes);
}

// No file of this process may grow beyond a limit for a while, as if the disk were full.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t limit_bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = limit_bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = SIG_DFL;
};

TEST(WriteFile, WhatFailsLeavesTheOldFileAndNothingElse) {
  const testing::TemporaryFolder folder;
  write_file_atomically(folder / "file", "old");
  const std::string bytes = some_bytes(3 * kLargePageBytes);
  try {
    const FileSizeLimit limit(kLargePageBytes + 1000);
    write_file_atomically(folder / "file", bytes);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_EQ(std::string(error.what()),
              "cannot write " + (folder / "file").string() + ": File too large");
  }
  EXPECT_EQ(read_file(folder / "file"), "old");
  const auto files = std::filesystem::directory_iterator(folder.path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST(WriteFile, AFolderThatIsNotThereIsNamed) {
  const testing::TemporaryFolder folder;
  try {
    write_file_atomically(folder / "missing/file", "bytes");
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_EQ(std::string(error.what()),
              "cannot write " + (folder / "missing/file").string() + ": No such file or directory");
  }
}

}  // namespace
}  // namespace stapes
