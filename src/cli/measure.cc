// stapes measure: what can be measured in a recording, and what a thought about it is held against.
#include "audio/measure/measure.h"

#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "audio/audio_file.h"
#include "audio/measure/describe.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "reward/claim_check.h"

namespace stapes::cli {
namespace {

using Json = nlohmann::ordered_json;

// Contours of an hour would be a file nobody reads.
constexpr double kMaxMeasuredSeconds = 600;
constexpr double kContourHopSeconds = 0.05;

struct MeasureOptions {
  std::string file;
  std::string thought;
  bool json = false;
};

using CheckedClaims = std::vector<reward::CheckedClaim>;

double rounded(double value, double step) {
  return std::round(value / step) * step;
}

Json number(double value) {
  return Json::parse(fmt::format("{:.4g}", value));
}

Json to_json(const TimeSpan& span) {
  return {{"start_s", number(span.start_s)}, {"end_s", number(span.end_s)}};
}

Json to_json(const PitchCourse& pitch) {
  Json json = {{"course", name(pitch.course)}};
  if (pitch.course == Course::kNone) return json;
  json["change_semitones"] = number(pitch.change_semitones);
  json["median_hz"] = number(pitch.median_hz);
  json["low_hz"] = number(pitch.low_hz);
  json["high_hz"] = number(pitch.high_hz);
  return json;
}

Json to_json(const stapes::Sound& sound) {
  Json json = to_json(sound.span);
  json["level_dbfs"] = number(sound.level_dbfs);
  // null: no pitch.
  json["pitch_hz"] = sound.pitch_hz > 0 ? number(sound.pitch_hz) : Json(nullptr);
  json["centroid_hz"] = number(sound.centroid_hz);
  return json;
}

Json contours(const Measurement& measured) {
  Json json = {{"hop_s", kContourHopSeconds},
               {"level_dbfs", Json::array()},
               {"pitch_hz", Json::array()},
               {"centroid_hz", Json::array()}};
  const auto every = [](double hop_s) {
    return static_cast<size_t>(kContourHopSeconds / hop_s + 0.5);
  };
  for (size_t i = 0; i < measured.levels.dbfs.size(); i += every(LevelContour::kHopSeconds))
    json["level_dbfs"].push_back(rounded(static_cast<double>(measured.levels.dbfs[i]), 0.5));
  for (size_t i = 0; i < measured.pitch.hz.size(); i += every(PitchContour::kHopSeconds)) {
    const auto hz = static_cast<double>(measured.pitch.hz[i]);
    json["pitch_hz"].push_back(hz > 0 ? number(hz) : Json(nullptr));
  }
  for (size_t i = 0; i < measured.spectrum.centroid_hz.size();
       i += every(SpectralCourse::kHopSeconds)) {
    const auto hz = static_cast<double>(measured.spectrum.centroid_hz[i]);
    json["centroid_hz"].push_back(hz > 0 ? number(hz) : Json(nullptr));
  }
  return json;
}

Json to_json(const Measurement& measured, const std::string& file) {
  Json json = {{"file", file}, {"seconds", number(measured.seconds)}};
  json["loudness"] = {{"level_dbfs", number(measured.level_dbfs)},
                      {"peak_dbfs", number(measured.peak_dbfs)},
                      {"noise_dbfs", number(measured.activity.noise_dbfs)},
                      {"contrast_db", number(measured.activity.contrast_db())},
                      {"course", name(measured.loudness.course)},
                      {"change_db", number(measured.loudness.change_db)}};
  json["pitch"] = to_json(measured.pitch_course);
  json["pitch"]["voiced_share"] = number(measured.voiced_share);
  json["final_pitch"] = to_json(measured.final_pitch);
  json["tempo"] = {{"bpm", measured.tempo.steady() ? number(measured.tempo.bpm) : Json(nullptr)},
                   {"regularity", number(measured.tempo.regularity)}};
  json["brightness"] = {{"centroid_hz", number(measured.brightness.median_hz)},
                        {"course", name(measured.brightness.course)},
                        {"change_octaves", number(measured.brightness.change_octaves)}};
  json["pauses"] = Json::array();
  for (const TimeSpan& pause : measured.pauses) json["pauses"].push_back(to_json(pause));
  json["sounds"] = Json::array();
  for (const stapes::Sound& sound : measured.sounds) json["sounds"].push_back(to_json(sound));
  json["contours"] = contours(measured);
  return json;
}

std::string phrase_of(const reward::Claim& claim, const std::string& thought) {
  return thought.substr(claim.begin, claim.end - claim.begin);
}

std::string to_text(const CheckedClaims& claims, const std::string& thought) {
  if (claims.empty()) return "claims      none were understood\n";
  std::string text = "claims\n";
  for (const auto& [claim, verdict, reason] : claims)
    text += fmt::format("  {:<11}  {}{}: {}\n", reward::name(verdict), phrase_of(claim, thought),
                        claim.denied ? " (denied)" : "", reason);
  return text;
}

Json to_json(const CheckedClaims& claims, const std::string& thought) {
  Json list = Json::array();
  for (const auto& [claim, verdict, reason] : claims)
    list.push_back({{"phrase", phrase_of(claim, thought)},
                    {"kind", reward::name(claim.kind)},
                    {"denied", claim.denied},
                    {"verdict", reward::name(verdict)},
                    {"reason", reason}});
  return list;
}

int run_measure(const MeasureOptions& options) {
  const AudioClip clip = load_audio_file(options.file, {.max_seconds = kMaxMeasuredSeconds});
  const Measurement measured = measure(clip);
  const CheckedClaims claims =
      reward::check_claims(reward::parse_claims(options.thought), {reward::facts_of(measured)});
  if (options.json) {
    Json json = to_json(measured, options.file);
    if (!options.thought.empty()) json["claims"] = to_json(claims, options.thought);
    write_stdout_line(json);
    return 0;
  }
  write_stdout(fmt::format("{}\n{}{}", options.file, describe(measured),
                           options.thought.empty() ? "" : to_text(claims, options.thought)));
  return 0;
}

}  // namespace

Command add_measure_command(CLI::App& program) {
  auto options = std::make_shared<MeasureOptions>();
  CLI::App* app = add_subcommand(program, "measure", "FILE [--check TEXT] [--json]",
                                 "Measure pitch, loudness, pauses, tempo and brightness");
  app->add_option("FILE", options->file, "Any sound file of at most ten minutes")->required();
  app->add_option("--check", options->thought,
                  "Hold what this text says about the sound against what was measured")
      ->type_name("TEXT");
  app->add_flag("--json", options->json, "Print one JSON object, with contours every 50 ms");
  return {app, [options] { return run_measure(*options); }};
}

}  // namespace stapes::cli
