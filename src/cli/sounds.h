// Sound files of the command line, cut into the pieces that the model hears.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "stapes/audio.h"
#include "stapes/chat.h"

namespace stapes::cli {

struct Sound {
  std::string file;
  double seconds = 0;
  size_t first_clip = 0;  // into the request's clips
  size_t clips = 0;       // pieces of 25 s, the last one shorter or at most 0.1 s longer
};

// Decodes `file` ("-": standard input), appends its pieces to `clips`, and says on stderr where
// there is more than one. Throws what load_audio_file throws.
Sound load_sound(const std::string& file, std::vector<AudioClip>& clips);

// The same for several. Throws kUsage where standard input is named twice.
std::vector<Sound> load_sounds(const std::vector<std::string>& files,
                               std::vector<AudioClip>& clips);

// Throws kInvalidText for a question that is empty, white space only, or not UTF-8.
void check_question(const std::string& question);

// The user's turn: all pieces of all sounds in order, then the question.
ChatMessage user_turn(const std::vector<Sound>& sounds, const std::string& question);

}  // namespace stapes::cli
