// For tests: a model loop over a tiny random model with hooks.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/model_loop.h"
#include "engine/testing/hooked_ops.h"
#include "engine/testing/requests.h"
#include "engine/testing/tiny_model.h"

namespace stapes::testing {

class ModelLoopTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    write_random_model(folder_->path());
  }
  static void TearDownTestSuite() { delete folder_; }

  ModelLoopTest() : model_(load(one_thread())) {}

  // Nothing but a limit ends an answer.
  LoadedModel load(const EngineOptions& options) {
    LoadedModel model =
        load_model(folder_->path(), options, std::make_unique<HookedOps>(make_ops(1), hooks_));
    model.stop_token_ids.clear();
    return model;
  }
  std::shared_ptr<RequestStream> submit(ModelLoop& loop, const Request& request,
                                        WhenFull when_full = WhenFull::kRefuse) {
    return loop.submit(prepare_request(model_, request), when_full, {});
  }
  std::vector<Generation> answer(ModelLoop& loop, const Request& request) {
    return submit(loop, request)->take_generations();
  }
  // By a loop of its own without any cache.
  std::vector<Generation> alone(const Request& request) {
    EngineOptions options = one_thread();
    options.prefix_cache = false;
    options.clip_cache_bytes = 0;
    ModelLoop loop(model_, options);
    return answer(loop, request);
  }

  static Request long_request() {
    Request request = text_request("How many notes are there?");
    request.sampling.max_tokens = 1900;
    request.sampling.temperature = 1;
    return request;
  }

  static inline TemporaryFolder* folder_ = nullptr;
  std::shared_ptr<Hooks> hooks_ = std::make_shared<Hooks>();
  LoadedModel model_;
};

inline void expect_same(const std::vector<Generation>& a, const std::vector<Generation>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].ids, b[i].ids);
    EXPECT_EQ(a[i].result.thinking, b[i].result.thinking);
    EXPECT_EQ(a[i].result.answer, b[i].result.answer);
    EXPECT_EQ(a[i].result.finish, b[i].result.finish);
  }
}

inline std::string failure_of(RequestStream& stream) {
  try {
    stream.take_generations();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "it did not fail";
}

// Holds whoever passes until it is opened.
class Gate {
 public:
  void pass() {
    set(reached_);
    open_.wait(false);
  }
  void wait_until_reached() { reached_.wait(false); }
  void open() { set(open_); }

 private:
  static void set(std::atomic<bool>& flag) {
    flag = true;
    flag.notify_all();
  }
  std::atomic<bool> reached_ = false;
  std::atomic<bool> open_ = false;
};

}  // namespace stapes::testing
