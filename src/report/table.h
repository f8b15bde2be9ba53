// A run's numbers: the CSV files that a trainer writes, read as they are found.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stapes::report {

struct Column {
  std::string name;
  std::vector<double> values;  // one a row; NaN where there is none
};

// Rows of a step and numbers, steps growing.
struct Table {
  std::vector<double> steps;
  std::vector<Column> columns;
  int64_t rows_in_file = 0;             // before thin()
  std::vector<std::string> complaints;  // what was wrong with the text, as clauses; empty: nothing

  bool empty() const { return steps.empty(); }
  const Column* find(std::string_view name) const;
};

// Never throws: a run that was killed, or still writes, is read as far as it goes. A last line
// without an end is left out, since its last number may be cut; so are lines with another number of
// cells than the header, or without a step. Of two rows of one step the later one counts. "nan",
// "inf", nothing and what is no number are NaN.
Table parse_csv(std::string_view text);

// At most about `most_rows` rows. Rows are put together by twos, fours, ...: of each bundle every
// column keeps its lowest and its highest value in the order in which they came, so that no peak is
// lost. The last row stays as it is.
Table thin(const Table& table, size_t most_rows);

}  // namespace stapes::report
