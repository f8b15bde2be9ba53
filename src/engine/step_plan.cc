#include "engine/step_plan.h"

#include <algorithm>

namespace stapes {
namespace {

constexpr int64_t kShortestPiece = 16;  // of a prompt, where it shares a step with others

class StepPlan {
 public:
  StepPlan(std::span<const RowDemand> demands, const StepLimits& limits, size_t turn)
      : demands_(demands), limits_(limits), turn_(turn), rows_(demands.size(), 0) {}

  std::vector<int64_t> make() {
    int64_t places = limits_.rows;
    give(/*generating=*/true, limits_.rows, places);
    give_extra(places);
    const bool beside_generating = places < limits_.rows;
    int64_t prompt_places =
        beside_generating ? std::min(places, limits_.prompt_rows_beside_generating) : places;
    const auto prompts = std::ranges::count(demands_, false, &RowDemand::generating);
    if (prompts == 0) return rows_;
    give(/*generating=*/false, std::max(kShortestPiece, prompt_places / prompts), prompt_places);
    give(/*generating=*/false, limits_.rows, prompt_places);
    return rows_;
  }

 private:
  // At most `most` more rows for each sequence of the kind, as long as there are places.
  void give(bool generating, int64_t most, int64_t& places) {
    for (size_t i = 0; i < demands_.size(); ++i) {
      const size_t index = (i + turn_) % demands_.size();
      const RowDemand& demand = demands_[index];
      if (demand.generating != generating) continue;
      const int64_t given = std::min({demand.rows - rows_[index], most, places});
      rows_[index] += given;
      places -= given;
    }
  }

  // Guesses can be checked only beside all that has to be computed.
  void give_extra(int64_t& places) {
    int64_t extra_places = std::min(places, limits_.extra_rows);
    for (size_t i = 0; i < demands_.size(); ++i) {
      const size_t index = (i + turn_) % demands_.size();
      const RowDemand& demand = demands_[index];
      if (!demand.generating || rows_[index] < demand.rows) continue;
      const int64_t given = std::min(demand.extra_rows, extra_places);
      rows_[index] += given;
      extra_places -= given;
      places -= given;
    }
  }

  std::span<const RowDemand> demands_;
  const StepLimits& limits_;
  size_t turn_;
  std::vector<int64_t> rows_;
};

}  // namespace

std::vector<int64_t> plan_step(std::span<const RowDemand> demands, const StepLimits& limits,
                               size_t turn) {
  return StepPlan(demands, limits, turn).make();
}

}  // namespace stapes
