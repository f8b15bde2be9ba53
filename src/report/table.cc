#include "report/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

namespace stapes::report {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::vector<std::string_view> cells_of(std::string_view line) {
  std::vector<std::string_view> cells;
  while (true) {
    const size_t comma = line.find(',');
    cells.push_back(line.substr(0, comma));
    if (comma == std::string_view::npos) return cells;
    line.remove_prefix(comma + 1);
  }
}

std::optional<double> number_of(std::string_view cell) {
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc() || end != cell.data() + cell.size()) return std::nullopt;
  return value;
}

// Reads line by line, and counts what cannot be used.
class Reader {
 public:
  Table read(std::string_view text) {
    for (int64_t line = 1; !text.empty(); ++line) {
      const size_t end = text.find('\n');
      if (end == std::string_view::npos) {
        complain("the last line is cut and left out");
        break;
      }
      std::string_view content = text.substr(0, end);
      if (content.ends_with('\r')) content.remove_suffix(1);
      text.remove_prefix(end + 1);
      if (content.empty()) continue;
      if (!has_header_)
        read_header(content);
      else
        read_row(content, line);
    }
    if (!has_header_) complain("there is no line of column names");
    if (bad_lines_ > 0)
      complain(fmt::format(
          "{} with a wrong number of cells or no step left out, the first is line {}",
          bad_lines_ == 1 ? "a line" : fmt::format("{} lines", bad_lines_), first_bad_line_));
    if (bad_cells_ > 0)
      complain(fmt::format(
          "{} no number", bad_cells_ == 1 ? "a cell is" : fmt::format("{} cells are", bad_cells_)));
    table_.rows_in_file = static_cast<int64_t>(table_.steps.size());
    return std::move(table_);
  }

 private:
  void read_header(std::string_view line) {
    for (const auto name : cells_of(line)) table_.columns.push_back({std::string(name), {}});
    table_.columns.erase(table_.columns.begin());  // the step's
    has_header_ = true;
  }

  void read_row(std::string_view line, int64_t number) {
    const std::vector<std::string_view> cells = cells_of(line);
    const std::optional<double> step = number_of(cells.front());
    if (cells.size() != table_.columns.size() + 1 || !step || !std::isfinite(*step)) {
      if (bad_lines_++ == 0) first_bad_line_ = number;
      return;
    }
    forget_from(*step);
    table_.steps.push_back(*step);
    for (size_t i = 0; i < table_.columns.size(); ++i)
      table_.columns[i].values.push_back(value_of(cells[i + 1]));
  }

  double value_of(std::string_view cell) {
    if (cell.empty()) return kNone;
    const std::optional<double> value = number_of(cell);
    if (!value) ++bad_cells_;
    return value && std::isfinite(*value) ? *value : kNone;
  }

  // A run that went on from an earlier checkpoint wrote these again.
  void forget_from(double step) {
    while (!table_.steps.empty() && table_.steps.back() >= step) {
      table_.steps.pop_back();
      for (Column& column : table_.columns) column.values.pop_back();
    }
  }

  void complain(std::string what) { table_.complaints.push_back(std::move(what)); }

  Table table_;
  bool has_header_ = false;
  int64_t bad_lines_ = 0, first_bad_line_ = 0, bad_cells_ = 0;
};

// The lowest and the highest of values[begin, end), in the order in which they stand.
std::pair<double, double> extremes(const std::vector<double>& values, size_t begin, size_t end) {
  size_t low = end, high = end;
  for (size_t i = begin; i < end; ++i) {
    if (std::isnan(values[i])) continue;
    if (low == end || values[i] < values[low]) low = i;
    if (high == end || values[i] > values[high]) high = i;
  }
  if (low == end) return {kNone, kNone};
  return {values[std::min(low, high)], values[std::max(low, high)]};
}

}  // namespace

const Column* Table::find(std::string_view name) const {
  const auto found = std::ranges::find(columns, name, &Column::name);
  return found == columns.end() ? nullptr : &*found;
}

Table parse_csv(std::string_view text) {
  return Reader().read(text);
}

Table thin(const Table& table, size_t most_rows) {
  const size_t rows = table.steps.size();
  size_t bundle = 1;
  while (2 * (rows / bundle) > most_rows && bundle < rows) bundle *= 2;
  if (rows <= most_rows || bundle == 1) return table;
  Table thinned;
  thinned.rows_in_file = table.rows_in_file;
  thinned.complaints = table.complaints;
  for (const Column& column : table.columns) thinned.columns.push_back({column.name, {}});
  const auto add = [&](double step, const auto& value_of_column) {
    thinned.steps.push_back(step);
    for (size_t c = 0; c < table.columns.size(); ++c)
      thinned.columns[c].values.push_back(value_of_column(table.columns[c].values));
  };
  const size_t last = rows - 1;
  for (size_t begin = 0; begin < last; begin += bundle) {
    const size_t end = std::min(begin + bundle, last);
    add(table.steps[begin], [&](const auto& v) { return extremes(v, begin, end).first; });
    if (end - begin > 1)
      add(table.steps[end - 1], [&](const auto& v) { return extremes(v, begin, end).second; });
  }
  add(table.steps[last], [&](const auto& v) { return v[last]; });
  return thinned;
}

}  // namespace stapes::report
