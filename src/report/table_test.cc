#include "report/table.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>

namespace stapes::report {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsNan;

TEST(ParseCsv, ReadsWhatATrainerWrites) {
  const Table table = parse_csv("step,loss,accuracy/sum\n1,0.5,nan\n10,1.5e-07,1\n");
  EXPECT_THAT(table.steps, ElementsAre(1, 10));
  EXPECT_THAT(table.find("loss")->values, ElementsAre(0.5, 1.5e-7));
  EXPECT_THAT(table.find("accuracy/sum")->values, ElementsAre(IsNan(), 1));
  EXPECT_EQ(table.find("step"), nullptr);
  EXPECT_THAT(table.complaints, IsEmpty());
}

TEST(ParseCsv, ALastLineWithoutAnEndIsLeftOutThoughItLooksWhole) {
  const Table table = parse_csv("step,loss\n1,0.5\n2,0.1");
  EXPECT_THAT(table.steps, ElementsAre(1));
  EXPECT_THAT(table.complaints, ElementsAre("the last line is cut and left out"));
}

TEST(ParseCsv, CountsWhatItCannotRead) {
  const Table table = parse_csv("step,loss\n1,0.5,9\n\nx,1\n2,1,\n3,many\n4,-inf\r\n5,\n");
  EXPECT_THAT(table.steps, ElementsAre(3, 4, 5));
  EXPECT_THAT(table.find("loss")->values, ElementsAre(IsNan(), IsNan(), IsNan()));
  EXPECT_THAT(table.complaints,
              ElementsAre("3 lines with a wrong number of cells or no step left out, the first is "
                          "line 2",
                          "a cell is no number"));
}

TEST(ParseCsv, OfRowsWrittenTwiceTheLaterOnesCount) {
  const Table table = parse_csv("step,loss\n1,1\n2,2\n3,3\n2,20\n");
  EXPECT_THAT(table.steps, ElementsAre(1, 2));
  EXPECT_THAT(table.find("loss")->values, ElementsAre(1, 20));
}

TEST(ParseCsv, AnyTextIsRead) {
  for (const char* text : {"", "\n", "\n\n", "step", "step\n", ",", ",,\n,,\n", "1,2\n1,2\n"}) {
    SCOPED_TRACE(text);
    const Table table = parse_csv(text);
    for (const Column& column : table.columns) EXPECT_EQ(column.values.size(), table.steps.size());
  }
  EXPECT_THAT(parse_csv("").complaints, ElementsAre("there is no line of column names"));
}

TEST(Thin, LeavesASmallTableAlone) {
  const Table table = parse_csv("step,loss\n1,1\n2,2\n3,3\n");
  EXPECT_THAT(thin(table, 3).steps, ElementsAre(1, 2, 3));
}

TEST(Thin, LosesNoPeakAndNotTheLastRow) {
  std::string text = "step,loss,rare\n";
  for (int step = 1; step <= 10001; ++step) {
    const double loss = step == 777 ? 1000 : step == 778 ? -1000 : step * 1e-5;
    text += fmt::format("{},{},{}\n", step, loss, step == 5000 ? "7" : "nan");
  }
  const Table thinned = thin(parse_csv(text), 500);
  EXPECT_LE(thinned.steps.size(), 501u);
  EXPECT_GE(thinned.steps.size(), 250u);
  EXPECT_EQ(thinned.rows_in_file, 10001);
  EXPECT_TRUE(std::is_sorted(thinned.steps.begin(), thinned.steps.end()));
  const auto& loss = thinned.find("loss")->values;
  const auto peak = std::ranges::find(loss, 1000);
  ASSERT_NE(peak, loss.end());
  EXPECT_NE(std::find(peak, loss.end(), -1000), loss.end()) << "the low one came after the peak";
  EXPECT_NE(std::ranges::find(thinned.find("rare")->values, 7), thinned.find("rare")->values.end());
  EXPECT_EQ(thinned.steps.back(), 10001);
  EXPECT_EQ(loss.back(), 0.10001);
}

}  // namespace
}  // namespace stapes::report
