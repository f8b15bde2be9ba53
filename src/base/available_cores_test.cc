#include "base/available_cores.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

namespace stapes {
namespace {

TEST(AvailableCoresTest, AtMostThoseOfTheMachine) {
  EXPECT_GE(available_cores(), 1);
  EXPECT_LE(available_cores(), static_cast<int>(std::thread::hardware_concurrency()));
}

TEST(AvailableCoresTest, ThoseThatTheProcessMayRunOn) {
  std::thread([] {
    cpu_set_t mine;
    ASSERT_EQ(0, ::sched_getaffinity(0, sizeof mine, &mine));
    int first = 0;
    while (!CPU_ISSET(first, &mine)) ++first;
    CPU_ZERO(&mine);
    CPU_SET(first, &mine);
    ASSERT_EQ(0, ::sched_setaffinity(0, sizeof mine, &mine));
    EXPECT_EQ(1, available_cores());
  }).join();
}

TEST(AvailableCoresTest, ShareOfTime) {
  EXPECT_EQ(2, cores_of_cpu_max("200000 100000"));
  EXPECT_EQ(2, cores_of_cpu_max("150000 100000\n"));
  EXPECT_EQ(1, cores_of_cpu_max("1000 100000"));
  for (const char* text : {"max 100000", "", "-5 100000", "100000", "100000 0", "x y"})
    EXPECT_EQ(0, cores_of_cpu_max(text)) << text;
}

}  // namespace
}  // namespace stapes
