// For tests of training data: a small tokenizer, tones, a folder with JSON lines.
#pragma once

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "audio/audio_file.h"
#include "base/file.h"
#include "text/bpe_trainer.h"
#include "text/tokenizer.h"

namespace stapes::testing {

inline const Tokenizer& small_tokenizer() {
  static const Tokenizer shared = Tokenizer::parse(
      train_tokenizer_json(
          std::vector<std::string>{"Which digits are spoken? First I hear 3, second 7."}, 20),
      "test");
  return shared;
}

inline AudioClip tone(double seconds) {
  AudioClip clip;
  for (int i = 0; i < static_cast<int>(seconds * kSampleRateHz); ++i)
    clip.samples.push_back(0.3f * std::sin(0.2f * static_cast<float>(i)));
  return clip;
}

// A folder of its own, with a.wav (0.5 s) and b.wav (1 s) in it; removed at the end.
class DataFolder {
 public:
  explicit DataFolder(const std::string& name)
      : path_(std::filesystem::temp_directory_path() /
              ("stapes-" + name + "-" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
    write_wav_file(path_ / "a.wav", tone(0.5));
    write_wav_file(path_ / "b.wav", tone(1));
  }
  DataFolder(const DataFolder&) = delete;
  DataFolder& operator=(const DataFolder&) = delete;
  ~DataFolder() { std::filesystem::remove_all(path_); }

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, const std::string& lines) const {
    write_file_atomically(path_ / name, lines);
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace stapes::testing
