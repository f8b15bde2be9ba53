#include "serve/loop_watch.h"

#include <gtest/gtest.h>

#include "engine/testing/model_loop_fixture.h"

namespace stapes::serve {
namespace {

using stapes::testing::Gate;
using std::chrono::seconds;

// A real loop, held in the middle of a step.
class LoopWatchTest : public stapes::testing::ModelLoopTest {};

TEST_F(LoopWatchTest, SeesALoopThatStandsStillAndOneThatSleeps) {
  ModelLoop loop(model_, stapes::testing::one_thread());
  LoopWatch watch([&] { return loop.counters().turns; }, [&] { loop.nudge(); }, seconds(10));
  auto now = LoopWatch::Clock::now();
  const auto wait_for_turn_after = [&](int64_t turns) {
    while (loop.counters().turns == turns) std::this_thread::yield();
  };
  // Nothing to do, and asked once an hour.
  for (int i = 0; i < 3; ++i) {
    const int64_t turns = loop.counters().turns;
    EXPECT_FALSE(watch.standstill(now));
    wait_for_turn_after(turns);
    now += seconds(3600);
  }
  const auto gate = std::make_shared<Gate>();
  hooks_->in_decoder([gate] { gate->pass(); });
  const auto stream = submit(loop, long_request());
  gate->wait_until_reached();
  EXPECT_FALSE(watch.standstill(now));
  EXPECT_FALSE(watch.standstill(now + seconds(10)));
  EXPECT_EQ(watch.standstill(now + seconds(11)), seconds(11));
  EXPECT_EQ(watch.standstill(now + seconds(60)), seconds(60));
  hooks_->in_decoder({});
  const int64_t turns = loop.counters().turns;
  gate->open();
  wait_for_turn_after(turns);
  EXPECT_FALSE(watch.standstill(now + seconds(61)));
  stream->cancel();
}

}  // namespace
}  // namespace stapes::serve
