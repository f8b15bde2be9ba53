#include "train/dpo/reference.h"


#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/fail.h"
#include "base/file.h"
#include "base/log.h"

namespace stapes::train {
namespace {

using nlohmann::json;

json to_json(const PairScores& scores) {
  return {{"chosen", scores.chosen}, {"rejected", scores.rejected}};
}

PairScores scores_of(const json& object) {
  PairScores scores;
  scores.chosen = object.at("chosen").get<std::vector<double>>();
  scores.rejected = object.at("rejected").get<std::vector<double>>();
  return scores;
}

bool holds(const PairScores& scores, size_t pairs) {
  return scores.chosen.size() == pairs && scores.rejected.size() == pairs;
}

}  // namespace

void save_reference(const std::filesystem::path& file, const std::string& key,
                    const ReferenceScores& scores) {
  const auto finite = [](double value) { return std::isfinite(value); };
  for (const PairScores* part : {&scores.train, &scores.test})
    if (!std::ranges::all_of(part->chosen, finite) || !std::ranges::all_of(part->rejected, finite))
      fail(
          ErrorCode::kInvalidData,
          "the starting model gives a reply a log-probability that is not finite: it cannot be the "
          "reference");
  const json object = {
      {"key", key}, {"train", to_json(scores.train)}, {"test", to_json(scores.test)}};
  write_file_atomically(file, object.dump() + "\n");
}

std::optional<ReferenceScores> load_reference(const std::filesystem::path& file,
                                              const std::string& key, size_t train_pairs,
                                              size_t test_pairs) {
  if (!std::filesystem::exists(file)) return std::nullopt;
  try {
    const json object = json::parse(read_file(file, size_t{4} << 30));
    ReferenceScores scores{scores_of(object.at("train")), scores_of(object.at("test"))};
    if (object.at("key").get<std::string>() == key && holds(scores.train, train_pairs) &&
        holds(scores.test, test_pairs))
      return scores;
  } catch (const json::exception&) {
    // Not what save_reference wrote: as good as none.
  }
  spdlog::warn("{} is of another model or of other pairs; it is computed anew", file.string());
  return std::nullopt;
}

}  // namespace stapes::train
