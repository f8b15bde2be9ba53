#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace stapes {
namespace {

TEST(ThreadPool, EveryItemRunsExactlyOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (const int64_t count : {0, 1, 2, 7, 100, 1001}) {
      for (const int64_t smallest : {1, 3, 64, 5000}) {
        std::vector<int> runs(static_cast<size_t>(count), 0);
        pool.parallel_for(count, smallest, [&](int64_t begin, int64_t end) {
          ASSERT_LT(begin, end);
          for (int64_t i = begin; i < end; ++i) ++runs[static_cast<size_t>(i)];
        });
        EXPECT_EQ(runs, std::vector<int>(static_cast<size_t>(count), 1)) << threads;
      }
    }
  }
}

TEST(ThreadPool, ChunksAreEvenAndNoMoreThanTheirSmallestSizeAllows) {
  ThreadPool pool(4);
  for (const int64_t count : {33, 100, 1000}) {
    std::mutex mutex;
    std::vector<int64_t> sizes;
    pool.parallel_for(count, 30, [&](int64_t begin, int64_t end) {
      const std::scoped_lock lock(mutex);
      sizes.push_back(end - begin);
    });
    const auto [shortest, longest] = std::ranges::minmax(sizes);
    EXPECT_LE(longest - shortest, 1) << count;
    EXPECT_GT(sizes.size(), 1U) << count;
    EXPECT_LE(static_cast<int64_t>(sizes.size()), (count + 29) / 30) << count;
  }
}

TEST(ThreadPool, ManyShortLoopsInARow) {
  ThreadPool pool(3);
  int64_t total = 0;
  for (int loop = 0; loop < 5000; ++loop) {
    std::vector<int64_t> values(17, 0);
    pool.parallel_for(17, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) values[static_cast<size_t>(i)] = i + loop;
    });
    total += std::accumulate(values.begin(), values.end(), int64_t{0});
  }
  EXPECT_EQ(total, 5000 * (16 * 17 / 2) + 17 * (4999LL * 5000 / 2));
}

TEST(ThreadPool, WorkersWakeUpAfterALongPause) {
  ThreadPool pool(3);
  for (int loop = 0; loop < 3; ++loop) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // longer than the spin
    std::atomic<int64_t> sum = 0;
    pool.parallel_for(100, 1, [&](int64_t begin, int64_t end) { sum += end - begin; });
    EXPECT_EQ(sum, 100);
  }
}

TEST(ThreadPool, AnExceptionReachesTheCallerAndThePoolGoesOn) {
  ThreadPool pool(4);
  for (int loop = 0; loop < 50; ++loop) {
    try {
      pool.parallel_for(64, 1, [&](int64_t begin, int64_t end) {
        if (begin <= 40 && 40 < end) throw std::runtime_error("item 40");
      });
      FAIL() << "no exception";
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(std::string(error.what()), "item 40");
    }
    std::atomic<int64_t> items = 0;
    pool.parallel_for(64, 1, [&](int64_t begin, int64_t end) { items += end - begin; });
    EXPECT_EQ(items, 64);
  }
}

TEST(ThreadPool, ALoopInsideABodyRunsInPlace) {
  ThreadPool pool(3);
  std::atomic<int64_t> items = 0;
  pool.parallel_for(8, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      pool.parallel_for(10, 1, [&](int64_t b, int64_t e) { items += e - b; });
    }
  });
  EXPECT_EQ(items, 80);
}

TEST(ThreadPool, SeveralCallersTakeTurns) {
  ThreadPool pool(2);
  std::vector<std::thread> callers;
  std::atomic<int64_t> items = 0;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int loop = 0; loop < 200; ++loop) {
        pool.parallel_for(31, 2, [&](int64_t begin, int64_t end) { items += end - begin; });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(items, 4 * 200 * 31);
}

}  // namespace
}  // namespace stapes
