// JSON lines in any number of files, of which only the places of the rows are kept in memory.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "train/data/jsonl_rows.h"
#include "train/data/quarantine.h"

namespace stapes::train {

// The files that a name stands for: itself, or what matches it as a shell's pattern (* ? []), in
// order of their names. Throws kNotFound.
std::vector<std::filesystem::path> files_of_pattern(const std::filesystem::path& pattern);

class JsonlShards {
 public:
  // Whether a row (with its audio_samples) is wanted; throws kInvalidData where it is wrong.
  using Wanted = std::function<bool(const JsonlRow&, const std::filesystem::path& file)>;

  // Reads and checks every line and every audio file. Rows that are wrong go to the quarantine;
  // those that are not wanted are left out. Throws kNotFound, kInvalidData (more bad lines than the
  // quarantine takes, nothing left), kIo.
  JsonlShards(const std::filesystem::path& pattern, Quarantine& quarantine, const Wanted& wanted);

  size_t size() const { return places_.size(); }
  const std::filesystem::path& file(size_t row) const { return files_[places_[row].file]; }
  size_t line(size_t row) const { return places_[row].line; }
  // Reads it again. Thread-safe. Throws kInvalidData where the file was changed meanwhile.
  JsonlRow row(size_t row) const;

  size_t unwanted() const { return unwanted_; }
  // Changes with the text of the files, with their number and with the sizes of the audio files.
  std::string fingerprint() const { return fingerprint_; }

 private:
  struct Place {
    uint64_t offset;
    uint32_t file, line;
  };
  void read(size_t file, Quarantine& quarantine, const Wanted& wanted);

  std::vector<std::filesystem::path> files_;
  std::vector<Place> places_;
  size_t unwanted_ = 0;
  uint64_t audio_bytes_ = 0;
  std::string fingerprint_;
};

}  // namespace stapes::train
