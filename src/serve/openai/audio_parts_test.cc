// Sound in requests: every way in, and everything that is no sound.
#include "serve/openai/audio_parts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"
#include "serve/openai/testing/support.h"

namespace stapes::serve {
namespace {

namespace fs = std::filesystem;
using testing::base64;
using ::testing::HasSubstr;
using testing::Refusal;
using testing::refusal_of;
using testing::wav;

constexpr const char* kData = "messages[0].content[0].input_audio.data";
constexpr const char* kUrl = "messages[0].content[0].audio_url.url";

ChatRequest parse_parts(Json parts, const AudioPolicy& policy = {}) {
  return testing::parse(
      testing::with_messages(Json::array({{{"role", "user"}, {"content", std::move(parts)}}})),
      policy);
}
ChatRequest parse_data(const std::string& data, const AudioPolicy& policy = {}) {
  return parse_parts(Json::array({{{"type", "input_audio"}, {"input_audio", {{"data", data}}}}}),
                     policy);
}
ChatRequest parse_url(const std::string& url, const AudioPolicy& policy = {}) {
  return parse_parts(Json::array({{{"type", "audio_url"}, {"audio_url", {{"url", url}}}}}), policy);
}
size_t samples_of(const ChatRequest& request) {
  return request.native.clips.at(0).samples.size();
}

void expect_refused(const Refusal& refusal, ErrorCode code, const std::string& param,
                    const std::string& message) {
  EXPECT_EQ(static_cast<int>(refusal.code), static_cast<int>(code)) << refusal.message;
  EXPECT_EQ(refusal.param, param);
  EXPECT_THAT(refusal.message, HasSubstr(message));
  EXPECT_EQ(refusal.message.find(param), 0U) << refusal.message;
  EXPECT_EQ(refusal.message.find(param, 1), std::string::npos) << refusal.message;
}

TEST(AudioParts, BytesComeAsBase64InAnyForm) {
  const std::string bytes = wav(0.5);
  const std::string plain = base64(bytes);
  std::string url_safe = plain;
  for (char& c : url_safe) c = c == '+' ? '-' : c == '/' ? '_' : c;
  std::string wrapped = plain;
  for (size_t i = 76; i < wrapped.size(); i += 78) wrapped.insert(i, "\r\n");
  for (const std::string& data :
       {plain, url_safe, wrapped, "data:audio/wav;base64," + plain, "DATA:;base64," + plain})
    EXPECT_EQ(samples_of(parse_data(data)), 8000U) << data.substr(0, 30);
  std::string escaped = "data:audio/wav;base64,";
  for (const char c : plain) escaped += c == '+' ? "%2B" : c == '/' ? "%2F" : std::string(1, c);
  for (const std::string& url :
       {"data:audio/x-wav;base64," + plain, "data:;base64," + plain, escaped})
    EXPECT_EQ(samples_of(parse_url(url)), 8000U) << url.substr(0, 30);
}

TEST(AudioParts, TheContentDecidesWhatItIs) {
  const std::string flac_like = read_file(STAPES_SOURCE_DIR "/samples/six-four.wav");
  Json part = testing::audio_part(flac_like);
  part["input_audio"]["format"] = "mp3";
  EXPECT_GT(samples_of(parse_parts(Json::array({part}))), 8000U);
  part["input_audio"]["format"] = Json::array();  // ignored, so of any type
  EXPECT_NO_THROW(parse_parts(Json::array({part})));
}

TEST(AudioParts, LongSoundIsCutEvery25Seconds) {
  const ChatRequest request = parse_data(base64(wav(60)));
  ASSERT_EQ(request.native.clips.size(), 3U);
  EXPECT_EQ(request.native.clips[1].seconds(), 25);
  EXPECT_EQ(request.native.clips[2].seconds(), 10);
  EXPECT_EQ(request.native.messages[0].parts.size(), 3U);
  EXPECT_EQ(request.native.messages[0].parts[2].audio_index, 2U);
}

// The release's client cuts into floor(seconds / 25) + 1 pieces, so the last may be empty.
TEST(AudioParts, AnEmptyPieceAfterASoundIsNothing) {
  const ChatRequest request =
      parse_parts(Json::array({testing::audio_part(wav(25)), testing::audio_part(wav(0))}));
  EXPECT_EQ(request.native.clips.size(), 1U);
  const Refusal alone = refusal_of([] { parse_data(base64(wav(0))); });
  expect_refused(alone, ErrorCode::kInvalidAudio, kData, "");
}

TEST(AudioParts, WhatIsNoSoundIsRefused) {
  const auto refused = [](const std::string& data) {
    return refusal_of([&] { parse_data(data); });
  };
  constexpr auto kInvalidAudio = ErrorCode::kInvalidAudio;
  expect_refused(refused(""), kInvalidAudio, kData, "is empty");
  expect_refused(refused(base64("not a sound at all")), kInvalidAudio, kData,
                 "is not audio that can be read");
  expect_refused(refused("%%%"), ErrorCode::kInvalidText, kData, "character 0 is none");
  expect_refused(refused("QQ==QQ=="), ErrorCode::kInvalidText, kData, "goes on after its padding");
  expect_refused(refused(base64(wav(1).substr(0, 30))), kInvalidAudio, kData, "");
  expect_refused(refused(base64(wav(1, 1000, 1 << 30))), kInvalidAudio, kData,
                 "claims 1073741824 bytes of samples, but the file holds only 1000");
  expect_refused(refused(base64(wav(0.005))), kInvalidAudio, kData, "too short");
  expect_refused(refused("data:audio/wav," + base64(wav(1))), ErrorCode::kUsage, kData,
                 "expected a data: URL with base64");
  expect_refused(refused("data:audio/wav;base64"), ErrorCode::kUsage, kData,
                 "expected a data: URL with base64");
}

TEST(AudioParts, SizeAndLengthAreLimited) {
  const AudioPolicy small{.max_clip_bytes = 100};
  expect_refused(refusal_of([&] { parse_data(base64(wav(1)), small); }), ErrorCode::kTooLarge,
                 kData, "expected at most 100 bytes, got 1044");
  const AudioPolicy brief{.max_audio_seconds = 2};
  EXPECT_NO_THROW(parse_data(base64(wav(2)), brief));
  expect_refused(refusal_of([&] { parse_data(base64(wav(2.5)), brief); }), ErrorCode::kTooLarge,
                 kData, "expected at most 2 s of audio");
  const Json three = Json::array(
      {testing::audio_part(wav(1)), testing::audio_part(wav(1)), testing::audio_part(wav(1))});
  expect_refused(refusal_of([&] { parse_parts(three, brief); }), ErrorCode::kTooLarge,
                 "messages[0].content[2].input_audio.data",
                 "the sounds of a request may last 2 s together");
}

TEST(AudioParts, UrlsAreFetchedOnlyWhereAllowed) {
  AudioPolicy policy;
  std::string asked;
  policy.fetch = [&](const std::string& url) {
    asked = url;
    return wav(0.5);
  };
  const std::string url = "HTTPS://example.org/a.wav";
  expect_refused(refusal_of([&] { parse_url(url, policy); }), ErrorCode::kUsage, kUrl,
                 "this server fetches no URLs");
  EXPECT_EQ(asked, "");
  policy.allow_urls = true;
  EXPECT_EQ(samples_of(parse_url(url, policy)), 8000U);
  EXPECT_EQ(asked, url);
  policy.fetch = [](const std::string&) -> std::string {
    throw Error(ErrorCode::kTooLarge, "expected at most 5 bytes");
  };
  expect_refused(refusal_of([&] { parse_url(url, policy); }), ErrorCode::kTooLarge, kUrl,
                 "expected at most 5 bytes");
  for (const char* other : {"ftp://example.org/a", "a.wav", "", "javascript:1"})
    expect_refused(refusal_of([&] { parse_url(other, policy); }), ErrorCode::kUsage, kUrl,
                   "expected a data:, http:, https: or file: URL");
}

class AudioFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / ("stapes-audio-parts-" + std::to_string(::getpid()));
    fs::create_directories(root_ / "allowed");
    write_file_atomically(root_ / "allowed" / "a b.wav", wav(0.5));
    write_file_atomically(root_ / "secret.wav", wav(0.5));
    fs::create_symlink(root_ / "secret.wav", root_ / "allowed" / "link.wav");
    policy_.allow_files = true;
    policy_.file_root = root_ / "allowed";
  }
  void TearDown() override { fs::remove_all(root_); }

  Refusal refused(const std::string& url) {
    return refusal_of([&] { parse_url(url, policy_); });
  }
  std::string below(const std::string& name) { return (policy_.file_root / name).string(); }

  fs::path root_;
  AudioPolicy policy_;
};

TEST_F(AudioFiles, AreReadOnlyWhereAllowed) {
  EXPECT_EQ(samples_of(parse_url("file://" + below("a%20b.wav"), policy_)), 8000U);
  EXPECT_EQ(samples_of(parse_url(below("a b.wav"), policy_)), 8000U);
  policy_.file_root = policy_.file_root.string() + "/";
  EXPECT_EQ(samples_of(parse_url(below("a b.wav"), policy_)), 8000U);
  policy_.allow_files = false;
  expect_refused(refused("file://" + below("a%20b.wav")), ErrorCode::kUsage, kUrl,
                 "this server reads no files");
}

TEST_F(AudioFiles, NothingOutsideOfTheFolderIsReadOrRevealed) {
  for (const std::string& url :
       {(root_ / "secret.wav").string(), below("../secret.wav"), below("link.wav"),
        "file://" + below("%2e%2e/secret.wav"), std::string("/etc/passwd"),
        std::string("/no/such/file"), root_.string() + "/allowed-not/a.wav"})
    expect_refused(refused(url), ErrorCode::kUsage, kUrl, "expected a file below ");
  expect_refused(refused(below("missing.wav")), ErrorCode::kNotFound, kUrl, "no such file");
  expect_refused(refused(policy_.file_root.string()), ErrorCode::kNotFound, kUrl, "no such file");
  expect_refused(refused("file://relative.wav"), ErrorCode::kUsage, kUrl,
                 "expected an absolute path");
  expect_refused(refused("file://" + below("a%00.wav")), ErrorCode::kUsage, kUrl, "zero byte");
  policy_.max_clip_bytes = 10;
  expect_refused(refused(below("a b.wav")), ErrorCode::kTooLarge, kUrl,
                 "expected at most 10 bytes");
}

}  // namespace
}  // namespace stapes::serve
