#include "world/digit_bank.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <tuple>

#include "audio/audio_file.h"
#include "base/fail.h"
#include "world/mixing.h"

namespace stapes::world {
namespace {

struct NamedFile {
  std::filesystem::path path;
  int digit;
  std::string speaker;
  int take;
};

// DIGIT_SPEAKER_TAKE.wav; nothing for other names.
std::optional<NamedFile> parse_name(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  const auto first = name.find('_'), last = name.rfind('_');
  if (path.extension() != ".wav" || first != 1 || last <= first + 1) return std::nullopt;
  const auto take = name.substr(last + 1, name.size() - last - 5);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!is_digit(name[0]) || take.empty() || take.size() > 6 || !std::ranges::all_of(take, is_digit))
    return std::nullopt;
  return NamedFile{path, name[0] - '0', name.substr(2, last - 2), std::stoi(take)};
}

std::vector<NamedFile> find_files(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error))
    fail(ErrorCode::kNotFound, "expected a folder of spoken digits at \"{}\", found {}",
         folder.string(), std::filesystem::exists(folder, error) ? "a file" : "nothing");
  std::vector<NamedFile> files;
  std::filesystem::directory_iterator entries(folder, error);
  if (error) fail(ErrorCode::kIo, "cannot list \"{}\": {}", folder.string(), error.message());
  for (const auto& entry : entries) {
    if (auto file = parse_name(entry.path())) files.push_back(std::move(*file));
  }
  if (files.empty())
    fail(ErrorCode::kInvalidData,
         "expected recordings named DIGIT_SPEAKER_TAKE.wav in \"{}\", found none", folder.string());
  // The order of a directory differs from machine to machine; clips must not.
  std::sort(files.begin(), files.end(), [](const NamedFile& a, const NamedFile& b) {
    return std::tie(a.digit, a.speaker, a.take) < std::tie(b.digit, b.speaker, b.take);
  });
  return files;
}

// Keeps 20 ms around all frames of 10 ms that are at most 30 dB below the loudest one, with 5 ms
// fades.
std::vector<float> trimmed(std::span<const float> samples) {
  constexpr size_t kFrame = 160, kMargin = 2 * kFrame, kFade = 80;
  std::vector<double> levels;
  for (size_t start = 0; start < samples.size(); start += kFrame)
    levels.push_back(rms(samples.subspan(start, std::min(kFrame, samples.size() - start))));
  if (levels.empty()) return {};
  const double threshold = *std::max_element(levels.begin(), levels.end()) * from_db(-30);
  if (threshold <= 0) return {};
  const auto loud = [&](double level) { return level >= threshold; };
  const auto first = std::find_if(levels.begin(), levels.end(), loud) - levels.begin();
  const auto after = levels.rend() - std::find_if(levels.rbegin(), levels.rend(), loud);
  const size_t from = static_cast<size_t>(first) * kFrame;
  const size_t start = from - std::min(from, kMargin);
  const size_t end = std::min(samples.size(), static_cast<size_t>(after) * kFrame + kMargin);
  std::vector<float> kept(samples.begin() + static_cast<std::ptrdiff_t>(start),
                          samples.begin() + static_cast<std::ptrdiff_t>(end));
  const size_t fade = std::min(kFade, kept.size() / 2);
  for (size_t i = 0; i < fade; ++i) {
    const float gain = static_cast<float>(i) / static_cast<float>(fade);
    kept[i] *= gain;
    kept[kept.size() - 1 - i] *= gain;
  }
  return kept;
}

// Decodes all files on a few threads; result i is of file i.
std::vector<std::vector<float>> load_all(const std::vector<NamedFile>& files) {
  std::vector<std::vector<float>> loaded(files.size());
  const size_t workers = std::clamp<size_t>(std::thread::hardware_concurrency(), 1, 8);
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto work = [&](size_t worker) {
    try {
      for (size_t i = worker; i < files.size(); i += workers)
        loaded[i] = trimmed(load_audio_file(files[i].path, {.max_seconds = 60}).samples);
    } catch (...) {
      const std::scoped_lock lock(failure_mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  std::vector<std::jthread> threads;
  for (size_t worker = 0; worker < workers; ++worker) threads.emplace_back(work, worker);
  threads.clear();
  if (failure) std::rethrow_exception(failure);
  return loaded;
}

}  // namespace

DigitBank::DigitBank(const std::filesystem::path& folder, int first_test_take, int last_test_take)
    : folder_(folder) {
  const std::vector<NamedFile> files = find_files(folder);
  std::vector<std::vector<float>> sounds = load_all(files);
  std::map<std::string, Shelf> train, test;
  for (size_t i = 0; i < files.size(); ++i) {
    const double seconds = static_cast<double>(sounds[i].size()) / kSampleRateHz;
    if (sounds[i].empty() || seconds > kMaxSeconds) continue;
    const NamedFile& file = files[i];
    const bool for_test = file.take >= first_test_take && file.take <= last_test_take;
    Shelf& shelf = (for_test ? test : train)[file.speaker];
    auto& same_digit = shelf.by_digit[static_cast<size_t>(file.digit)];
    if (same_digit.empty()) shelf.digits.push_back(static_cast<size_t>(file.digit));
    same_digit.push_back(recordings_.size());
    recordings_.push_back({file.digit, file.speaker, file.take, std::move(sounds[i])});
  }
  if (recordings_.empty())
    fail(ErrorCode::kInvalidData,
         "expected audible recordings of at most {} seconds in \"{}\", found none in {} files",
         kMaxSeconds, folder.string(), files.size());
  for (auto& [speaker, shelf] : train) train_.push_back(std::move(shelf));
  for (auto& [speaker, shelf] : test) test_.push_back(std::move(shelf));
}

const std::vector<DigitBank::Shelf>& DigitBank::shelves(Split split) const {
  return split == Split::kTrain ? train_ : test_;
}

int DigitBank::speaker_count(Split split) const {
  return static_cast<int>(shelves(split).size());
}

void DigitBank::require_speakers(Split split, int count) const {
  if (speaker_count(split) < count)
    fail(ErrorCode::kInvalidData,
         "expected {} takes of at least {} speaker(s) in \"{}\", found {} (which takes are for "
         "testing is an option)",
         split == Split::kTrain ? "training" : "test", count, folder_.string(),
         speaker_count(split));
}

const SpokenDigit& DigitBank::draw(Split split, int speaker, Rng& rng) const {
  const Shelf& shelf = shelves(split)[static_cast<size_t>(speaker)];
  return recordings_[rng.pick(shelf.by_digit[rng.pick(shelf.digits)])];
}

std::vector<int> DigitBank::digits_of(Split split, int speaker) const {
  const Shelf& shelf = shelves(split)[static_cast<size_t>(speaker)];
  std::vector<int> digits(shelf.digits.begin(), shelf.digits.end());
  std::ranges::sort(digits);
  return digits;
}

const SpokenDigit& DigitBank::draw_digit(Split split, int speaker, int digit, Rng& rng) const {
  const Shelf& shelf = shelves(split)[static_cast<size_t>(speaker)];
  return recordings_[rng.pick(shelf.by_digit[static_cast<size_t>(digit)])];
}

}  // namespace stapes::world
