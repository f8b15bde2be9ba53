#include "eval/score_report.h"

#include <fmt/format.h>

namespace stapes {

std::string cell(const Score& score) {
  return fmt::format("{:5.1f} % [{:5.1f}, {:5.1f}]", 100 * score.share(), 100 * score.low(),
                     100 * score.high());
}

nlohmann::ordered_json to_json(const Score& score) {
  return {{"correct", score.correct},
          {"total", score.total},
          {"share", score.share()},
          {"low", score.low()},
          {"high", score.high()}};
}

}  // namespace stapes
