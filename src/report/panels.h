// Which columns belong in one plot, and which plots together.
#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

namespace stapes::report {

// A column of a log ("train", "test", "metrics", "evaluation"), and the column's name.
struct ColumnId {
  std::string log, column;
  auto operator<=>(const ColumnId&) const = default;
};

struct PlotLine {
  ColumnId id;
  std::string label;  // beside the plot's title: "training", "held out", "p95"
};

enum class Unit { kNumber, kShare, kTokens, kSeconds, kNats, kPerSecond };
const char* name(Unit unit);

struct Plot {
  std::string title;
  Unit unit = Unit::kNumber;
  bool log_scale = false;
  std::vector<PlotLine> lines;
};

struct PlotGroup {
  std::string title, about;  // `about`: what to look for, one sentence
  std::vector<Plot> plots;
};

// All columns of `logs` (columns in the files' order), each in exactly one plot; those that are not
// known stand under "More". Groups and plots that would be empty are left out.
std::vector<PlotGroup> arrange(std::span<const ColumnId> columns);

// The columns that say in a few numbers how a run went, as far as they are among `columns`.
struct Headline {
  ColumnId id;
  std::string label;
  Unit unit = Unit::kNumber;
};
std::vector<Headline> headlines(std::span<const ColumnId> columns);

}  // namespace stapes::report
