// Sounds inside of the page, as long as there is room.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace stapes::report {

std::string base64(std::string_view bytes);

// "audio/wav", "audio/flac", "audio/ogg" or "audio/mpeg" by what the file begins with; "" where it
// begins with something else.
std::string audio_type(std::string_view bytes);

struct EmbeddedClip {
  std::string data;  // "data:audio/wav;base64,..."; empty: not in the page
  std::string link;  // of what is not: the file as a relative or absolute path; empty: no file
  std::string note;  // why it is not in the page
};

// A file counts once however often it is asked for.
class ClipShelf {
 public:
  // `page_folder`: links are relative to it where they can be. `room_bytes`: of all files together,
  // before base64.
  ClipShelf(std::filesystem::path page_folder, size_t room_bytes)
      : page_folder_(std::move(page_folder)), room_bytes_(room_bytes) {}
  const EmbeddedClip& get(const std::filesystem::path& path);

 private:
  EmbeddedClip embed(const std::filesystem::path& path);
  std::filesystem::path page_folder_;
  size_t room_bytes_;
  std::map<std::filesystem::path, EmbeddedClip> clips_;
};

}  // namespace stapes::report
