// Sound in a request: from base64, a URL or a file to the clips that the model hears.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "serve/openai/json_body.h"
#include "serve/openai/server_facts.h"
#include "stapes/audio.h"
#include "stapes/chat.h"

namespace stapes::serve {

// Collects the clips of one request. Throws RequestError with the path of the field.
class AudioReader {
 public:
  // `policy` outlives it.
  AudioReader(const AudioPolicy& policy, AudioRule rule) : policy_(policy), rule_(rule) {}

  // {"data": base64, "format": ignored, the content decides}; also a data: URL in `data`.
  void read_input_audio(const Field& input_audio, std::vector<ContentPart>& parts);
  // {"url": "data:...", "https://...", "file:///..."}, or the URL alone.
  void read_audio_url(const Field& audio_url, std::vector<ContentPart>& parts);

  std::vector<AudioClip> take_clips() { return std::move(clips_); }

 private:
  // `path` is of `data`.
  void read_base64(const Field& field, std::string_view data, std::vector<ContentPart>& parts);
  void read_data_url(const Field& field, std::vector<ContentPart>& parts);
  void read_web_url(const Field& field, std::vector<ContentPart>& parts);
  void read_file(const Field& field, const std::string& path, std::vector<ContentPart>& parts);
  void decode(const Field& field, std::string_view bytes, std::vector<ContentPart>& parts);

  const AudioPolicy& policy_;
  AudioRule rule_;
  std::vector<AudioClip> clips_;
  double seconds_ = 0;
};

}  // namespace stapes::serve
