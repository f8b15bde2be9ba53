// Bytes at any position, from a file or from memory: what a decoder reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <utility>
#include <vector>

namespace stapes {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual int64_t size() const = 0;
  // Copies up to `target.size()` bytes from `offset` on; fewer at the end, 0 where reading fails.
  virtual size_t read_at(int64_t offset, std::span<std::byte> target) = 0;
};

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::span<const std::byte> bytes) : bytes_(bytes) {}
  int64_t size() const override { return static_cast<int64_t>(bytes_.size()); }
  size_t read_at(int64_t offset, std::span<std::byte> target) override;

 private:
  std::span<const std::byte> bytes_;
};

// Another source with a few of its bytes replaced. The other must outlive it.
class PatchedSource final : public ByteSource {
 public:
  explicit PatchedSource(ByteSource& original) : original_(&original) {}
  void patch(int64_t offset, std::byte value) { patches_.emplace_back(offset, value); }
  int64_t size() const override { return original_->size(); }
  size_t read_at(int64_t offset, std::span<std::byte> target) override;

 private:
  ByteSource* original_;
  std::vector<std::pair<int64_t, std::byte>> patches_;
};

// Read, not mapped: a recording that is cut short by its writer meanwhile ends early and does not
// end the process with SIGBUS. A pipe (a shell's process substitution) is read into memory first.
class FileSource final : public ByteSource {
 public:
  // Throws kNotFound, kIo (a directory, no permission), kTooLarge (a pipe that does not end).
  explicit FileSource(const std::filesystem::path& path);
  int64_t size() const override { return size_bytes_; }
  size_t read_at(int64_t offset, std::span<std::byte> target) override;

 private:
  void read_pipe(const std::filesystem::path& path);

  std::ifstream file_;
  int64_t size_bytes_ = 0;
  bool is_pipe_ = false;
  std::vector<std::byte> piped_;
};

}  // namespace stapes
