// Encoder and adaptor against the slow forward for every level, and the release's two audio rules.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "model/model.h"
#include "model/random_model.h"
#include "model/slow_forward.h"
#include "spec/audio_tokens.h"
#include "stapes/error.h"

namespace stapes {
namespace {

using ::testing::HasSubstr;
using testing::RandomModelFolder;
using testing::Rows;
using testing::small_config;

constexpr AudioRule kRules[] = {AudioRule::kHuggingFace, AudioRule::kVllm};

int64_t clip_length(int64_t mel_frames, AudioRule rule) {
  return rule == AudioRule::kHuggingFace ? mel_frames - 2 : mel_frames;
}

// Reference A6: seconds, HF count, server count. T = (samples + 479) / 160 (A4).
TEST(AudioRule, TheReferencesExamples) {
  struct Example {
    int64_t samples;
    int64_t hugging_face;
    int64_t vllm;
  };
  for (const Example& example :
       {Example{1600, 1, 2}, Example{8000, 6, 7}, Example{16000, 13, 13}, Example{80000, 63, 63},
        Example{160000, 125, 125}, Example{400000, 313, 313}, Example{479680, 375, 375}}) {
    const int64_t frames = (example.samples + 479) / 160;
    EXPECT_EQ(audio_token_count(frames, AudioRule::kHuggingFace), example.hugging_face) << frames;
    EXPECT_EQ(audio_token_count(frames, AudioRule::kVllm), example.vllm) << frames;
  }
}

// A5's mask, sampled literally, against the closed form; for HF exactly the last key is masked.
TEST(AudioRule, ValidKeysAreTheSampledMask) {
  for (int64_t frames = 5; frames <= 300; ++frames) {
    for (const AudioRule rule : kRules) {
      int64_t valid = 0;
      int64_t keys = 0;
      for (int64_t t = (frames + 1) % 2; t < frames; t += 2, ++keys) {
        if (t < clip_length(frames, rule)) ++valid;
      }
      EXPECT_EQ(encoder_positions(frames), keys) << frames;
      EXPECT_EQ(encoder_valid_positions(frames, rule), valid) << frames;
      EXPECT_EQ(keys - valid, rule == AudioRule::kHuggingFace ? 1 : 0) << frames;
    }
  }
}

// The count never asks for more rows than the adaptor gives, and the server's is all of them.
TEST(AudioRule, CountsFitTheAdaptorsOutput) {
  int64_t fewer = 0;
  for (int64_t frames = 5; frames < 805; ++frames) {
    const int64_t rows = (encoder_frames(frames) - 1) / 2 + 1;
    EXPECT_EQ(audio_token_count(frames, AudioRule::kVllm), rows) << frames;
    const int64_t count = audio_token_count(frames, AudioRule::kHuggingFace);
    EXPECT_TRUE(count == rows || count == rows - 1) << frames;
    if (count < rows) ++fewer;
  }
  EXPECT_EQ(fewer, 200) << "one less for a quarter of all lengths";
}

Tensor random_mel(int64_t frames, int64_t bands) {
  Rng rng(3, static_cast<uint64_t>(frames));
  Tensor mel({frames, bands});
  for (float& value : mel.values()) value = static_cast<float>(rng.normal());
  return mel;
}

Rows rows_of(const Tensor& x) {
  Rows rows;
  for (int64_t r = 0; r < x.dim(0); ++r) rows.emplace_back(x.row(r).begin(), x.row(r).end());
  return rows;
}

// Largest difference, relative to the largest value.
double distance(const Tensor& actual, const Rows& expected) {
  double difference = 0;
  double size = 0;
  for (int64_t r = 0; r < actual.dim(0); ++r) {
    const auto& row = expected.at(static_cast<size_t>(r));
    EXPECT_EQ(actual.row(r).size(), row.size());
    for (size_t i = 0; i < row.size(); ++i) {
      const double off = std::abs(double{actual.row(r)[i]} - row[i]);
      difference = std::isfinite(off) ? std::max(difference, off) : INFINITY;
      size = std::max(size, std::abs(row[i]));
    }
  }
  return difference / size;
}

// f32 against double through a few layers whose norms keep values near 1: some tens of roundings of
// 6e-8. A wrong mask, order or activation (tanh GELU: 1e-4) is far above.
constexpr double kTolerance = 5e-6;
// 16-bit weights: attention in integers, whose weights are within 2^-13 of the largest.
constexpr double kIntegerTolerance = 0x1p-11;

TEST(Encoder, EveryLevelAndRuleIsTheSlowForward) {
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    const RandomModelFolder folder(small_config(), dtype);
    const ModelTensors tensors = ModelTensors::open(folder.path());
    const testing::SlowModel slow(tensors, folder.config());
    const double tolerance = dtype == DType::kF32 ? kTolerance : kIntegerTolerance;
    for (const OpsLevel level : supported_ops_levels()) {
      const auto ops = make_ops(level, 2);
      const Model model = Model::open(folder.path(), *ops);
      for (const int64_t frames : {5, 6, 7, 8, 13, 34, 79, 80}) {
        const Tensor mel = random_mel(frames, folder.config().encoder.mel_bands);
        for (const AudioRule rule : kRules) {
          const Rows frames_slow = slow.encode(rows_of(mel), clip_length(frames, rule));
          const Tensor encoded = model.encoder().forward(mel, rule);
          ASSERT_EQ(encoded.dim(0), static_cast<int64_t>(frames_slow.size()));
          EXPECT_LT(distance(encoded, frames_slow), tolerance) << name(level) << " " << frames;
          const Tensor rows = model.audio_rows(mel, rule);
          EXPECT_EQ(rows.shape(),
                    (Shape{audio_token_count(frames, rule), folder.config().decoder.width}));
          EXPECT_LT(distance(rows, slow.adapt(frames_slow)), tolerance) << name(level);
        }
      }
    }
  }
}

TEST(Encoder, TheRulesDifferOnlyByTheMaskAndTheCount) {
  const RandomModelFolder folder(small_config());
  const auto ops = make_ops(1);
  const Model model = Model::open(folder.path(), *ops);
  const Tensor mel = random_mel(12, 10);
  const Tensor masked = model.encoder().forward(mel, AudioRule::kHuggingFace);
  const Tensor full = model.encoder().forward(mel, AudioRule::kVllm);
  EXPECT_GT(distance(masked, rows_of(full)), 1e-3);
  EXPECT_EQ(model.audio_rows(mel, AudioRule::kHuggingFace).dim(0), 1);
  EXPECT_EQ(model.audio_rows(mel, AudioRule::kVllm).dim(0), 2);
}

TEST(Encoder, ClipsThatAreTooLongOrTooShortArePlainErrors) {
  const RandomModelFolder folder(small_config());
  const auto ops = make_ops(1);
  const Model model = Model::open(folder.path(), *ops);
  const auto error_of = [&](int64_t frames, AudioRule rule) -> std::pair<ErrorCode, std::string> {
    try {
      model.audio_rows(random_mel(frames, 10), rule);
    } catch (const Error& error) {
      return {error.code(), error.what()};
    }
    return {ErrorCode::kCancelled, "no error"};
  };
  const auto [too_large, long_text] = error_of(81, AudioRule::kHuggingFace);
  EXPECT_EQ(too_large, ErrorCode::kTooLarge);
  EXPECT_THAT(long_text, HasSubstr("81 mel frames"));
  EXPECT_THAT(long_text, HasSubstr("80"));
  for (int64_t frames = 1; frames < 5; ++frames) {
    const auto [invalid, text] = error_of(frames, AudioRule::kHuggingFace);
    EXPECT_EQ(invalid, ErrorCode::kInvalidAudio);
    EXPECT_THAT(text, HasSubstr(fmt::format("{} mel frames is too short", frames)));
  }
  EXPECT_EQ(error_of(2, AudioRule::kVllm).first, ErrorCode::kInvalidAudio);
  EXPECT_EQ(error_of(3, AudioRule::kVllm).second, "no error");
}

}  // namespace
}  // namespace stapes
