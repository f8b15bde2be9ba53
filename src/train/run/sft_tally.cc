#include "train/run/sft_tally.h"

#include <vector>

namespace stapes::train {

void SftTally::add(const Losses& losses, const DeviceBatch& batch) {
  text_right += static_cast<double>(losses.text_right);
  text_count += static_cast<double>(losses.text_count);
  frames_right += static_cast<double>(losses.frames_right);
  frames_count += static_cast<double>(losses.frames_count);
  voices_right += static_cast<double>(losses.voices_right);
  voices_count += static_cast<double>(losses.voices_count);
  tokens += static_cast<double>(batch.tokens);
  clips += static_cast<double>(batch.clips);
}

void SftTally::sum(const Ranks& ranks, const std::string& what) {
  ranks.sum({&loss, &text_loss, &frame_loss, &text_right, &text_count, &frames_right, &frames_count,
             &voices_right, &voices_count, &tokens, &clips},
            what);
}

LossCounts summed(LossCounts counts, const Ranks& ranks, const std::string& what) {
  std::vector<double*> numbers = {&counts.tokens};
  for (double& count : counts.encoder) numbers.push_back(&count);
  for (double& count : counts.adaptor) numbers.push_back(&count);
  ranks.sum(numbers, what);
  return counts;
}

}  // namespace stapes::train
