#include "train/run/sft_tally.h"

#include <algorithm>
#include <array>
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
  const std::array fields = {&loss,         &text_loss,    &frame_loss,   &text_right,
                             &text_count,   &frames_right, &frames_count, &voices_right,
                             &voices_count, &tokens,       &clips};
  std::vector<double> numbers;
  for (const double* field : fields) numbers.push_back(*field);
  ranks.sum(numbers, what);
  for (size_t i = 0; i < fields.size(); ++i) *fields[i] = numbers[i];
}

LossCounts summed(const LossCounts& counts, const Ranks& ranks, const std::string& what) {
  std::vector<double> numbers = {counts.tokens};
  numbers.insert(numbers.end(), counts.encoder.begin(), counts.encoder.end());
  numbers.insert(numbers.end(), counts.adaptor.begin(), counts.adaptor.end());
  ranks.sum(numbers, what);
  LossCounts all;
  auto next = numbers.begin();
  all.tokens = *next++;
  for (double& count : all.encoder) count = *next++;
  for (double& count : all.adaptor) count = *next++;
  return all;
}

}  // namespace stapes::train
