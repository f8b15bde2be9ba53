// engine MODEL_FOLDER: two questions about one sound, with the public headers alone.
#include <cmath>
#include <cstdio>
#include <numbers>
#include <string>

#include "stapes/engine.h"
#include "stapes/error.h"

namespace {

stapes::AudioClip tone(double seconds, double frequency_hz) {
  stapes::AudioClip clip;
  clip.samples.resize(static_cast<size_t>(seconds * stapes::kSampleRateHz));
  for (size_t i = 0; i < clip.samples.size(); ++i) {
    const double cycles = frequency_hz * static_cast<double>(i) / stapes::kSampleRateHz;
    clip.samples[i] = static_cast<float>(0.3 * std::sin(2 * std::numbers::pi * cycles));
  }
  return clip;
}

void ask(const stapes::Engine& engine, const stapes::AudioClip& clip, const std::string& question) {
  stapes::Request request;
  request.clips = {clip};
  request.messages = {
      {"user", {stapes::ContentPart::of_audio(0), stapes::ContentPart::of_text(question)}}};
  request.sampling = engine.default_sampling();
  request.sampling.max_tokens = 64;
  stapes::AnswerStream stream = engine.submit(request);
  while (const auto delta = stream.next())
    std::fprintf(delta->thinking ? stderr : stdout, "%s", delta->text.c_str());
  std::printf("\n%lld of %lld prompt tokens were known\n",
              static_cast<long long>(stream.result().usage.cached_tokens),
              static_cast<long long>(stream.result().usage.prompt_tokens));
}

}  // namespace

int main(int argc, char** argv) try {
  const stapes::Engine engine = stapes::Engine::open(argc > 1 ? argv[1] : "models/tiny");
  const stapes::AudioClip clip = tone(/*seconds=*/2, /*frequency_hz=*/440);
  ask(engine, clip, "How many notes are there?");
  ask(engine, clip, "Does the loudness rise or fall?");  // the sound is not heard again
} catch (const stapes::Error& error) {
  std::fprintf(stderr, "engine: %s\n", error.what());
  return stapes::exit_status(error.code());
}
