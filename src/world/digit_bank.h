// The recordings of spoken digits, in memory.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "base/rng.h"
#include "world/world.h"

namespace stapes::world {

struct SpokenDigit {
  int digit = 0;
  std::string speaker;
  int take = 0;
  std::vector<float> samples;  // 16 kHz, near-silence at both ends trimmed
};

class DigitBank {
 public:
  // Reads every DIGIT_SPEAKER_TAKE.wav below the folder (not in subfolders; other names are
  // ignored). Recordings longer than kMaxSeconds are left out, so that clips stay short. Throws
  // kNotFound (no such folder), kInvalidData (no usable recording; an unreadable one).
  DigitBank(const std::filesystem::path& folder, int first_test_take, int last_test_take);

  static constexpr double kMaxSeconds = 1.25;

  size_t size() const { return recordings_.size(); }
  int speaker_count(Split split) const;
  // Throws kInvalidData unless the split has recordings of this many speakers.
  void require_speakers(Split split, int count) const;
  // Speaker by number in [0, speaker_count); digits that the speaker has are equally likely.
  const SpokenDigit& draw(Split split, int speaker, Rng& rng) const;
  // Those that the speaker has, rising.
  std::vector<int> digits_of(Split split, int speaker) const;
  // A recording of one of them.
  const SpokenDigit& draw_digit(Split split, int speaker, int digit, Rng& rng) const;

 private:
  struct Shelf {  // one speaker's recordings in one split
    std::array<std::vector<size_t>, 10> by_digit;
    std::vector<size_t> digits;  // those with at least one recording
  };
  const std::vector<Shelf>& shelves(Split split) const;

  std::filesystem::path folder_;
  std::vector<SpokenDigit> recordings_;
  std::vector<Shelf> train_, test_;
};

}  // namespace stapes::world
