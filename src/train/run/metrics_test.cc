#include "train/run/metrics.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;

// The check value of CRC-32C (Castagnoli) in RFC 3720, appendix B.4, and the common one.
TEST(Crc32c, KnownValues) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
}

class MetricsTest : public ::testing::Test {
 protected:
  MetricsTest()
      : folder_(fs::path(::testing::TempDir()) / ("stapes-metrics-" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~MetricsTest() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(MetricsTest, ResumeDropsTheRowsThatWillComeAgain) {
  {
    MetricsLog log(folder_, "train", 0);
    for (int64_t step = 1; step <= 4; ++step)
      log.write(step, {{"loss", 0.5 * static_cast<double>(step)}});
  }
  MetricsLog log(folder_, "train", 2);
  log.write(3, {{"loss", 9}});
  EXPECT_EQ(read_file(folder_ / "train.csv"), "step,loss\n1,0.5\n2,1\n3,9\n");
}

// Two logs of one run, begun in the same second by the same process, must not share a file.
TEST_F(MetricsTest, LogsOfARunHaveEventFilesOfTheirOwn) {
  {
    MetricsLog train(folder_, "train", 0), test(folder_, "test", 0);
    for (int64_t step = 1; step <= 3; ++step) {
      train.write(step, {{"only_in_train", 1}});
      test.write(step, {{"only_in_test", 2}});
    }
  }
  for (const std::string name : {"train", "test"}) {
    const fs::path events = folder_ / "tensorboard" / name;
    ASSERT_EQ(std::distance(fs::directory_iterator(events), fs::directory_iterator()), 1);
    const std::string bytes = read_file(fs::directory_iterator(events)->path());
    EXPECT_NE(bytes.find("only_in_" + name), std::string::npos);
    EXPECT_EQ(bytes.find(name == "train" ? "only_in_test" : "only_in_train"), std::string::npos);
  }
}

// Walks the records as TensorBoard's reader does: lengths and both checksums must fit.
TEST_F(MetricsTest, EventFileIsAChainOfCheckedRecords) {
  {
    EventFile events(folder_, 0);
    events.scalar("loss", 7, 1.25);
  }
  const std::string bytes = read_file(fs::directory_iterator(folder_)->path());
  const auto number = [&](size_t at, int count) {
    uint64_t value = 0;
    for (int i = count; i-- > 0;)
      value = value << 8 | static_cast<unsigned char>(bytes.at(at + static_cast<size_t>(i)));
    return value;
  };
  const auto masked = [](const std::string& part) {
    const uint32_t crc = crc32c(part);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
  };
  int records = 0;
  size_t at = 0;
  while (at < bytes.size()) {
    const auto length = static_cast<size_t>(number(at, 8));
    EXPECT_EQ(number(at + 8, 4), masked(bytes.substr(at, 8)));
    EXPECT_EQ(number(at + 12 + length, 4), masked(bytes.substr(at + 12, length)));
    at += 16 + length;
    ++records;
  }
  EXPECT_EQ(at, bytes.size());
  EXPECT_EQ(records, 3);  // version, session, value
  EXPECT_NE(bytes.find("brain.Event:2"), std::string::npos);
  EXPECT_NE(bytes.find("loss"), std::string::npos);
}

}  // namespace
}  // namespace stapes::train
