// A model in memory, as a trainer has it: its weights change between requests, every generated
// token has a log probability, and generation stops when it is asked to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>

#include "engine/generator.h"
#include "engine/testing/requests.h"
#include "engine/testing/tiny_model.h"
#include "stapes/error.h"

namespace stapes {
namespace {

using testing::sound_request;
using testing::text_request;

struct Weights {
  std::vector<TensorSpec> table;
  std::vector<Tensor> tensors;

  explicit Weights(uint64_t seed) : table(tensor_table(testing::tiny_test_config())) {
    for (const TensorSpec& spec : table)
      tensors.push_back(testing::random_weight(spec, seed, tensors.size()));
  }
  ModelTensors views() const {
    std::map<std::string, TensorView> by_name;
    for (size_t i = 0; i < table.size(); ++i) by_name.emplace(table[i].name, tensors[i].view());
    return ModelTensors::of(std::move(by_name), "memory", std::make_shared<int>(0));
  }
  void become(const Weights& other) {
    for (size_t i = 0; i < tensors.size(); ++i)
      std::ranges::copy(other.tensors[i].values(), tensors[i].values().begin());
  }
};

EngineOptions options() {
  EngineOptions options = testing::one_thread();
  options.kv_dtype = KvPrecision::kF32;
  options.prefix_cache = false;
  options.clip_cache_bytes = 0;
  return options;
}

Generator generator_of(const Weights& weights) {
  return Generator::of(load_model(ModelInMemory{.config = testing::tiny_test_config(),
                                                .tensors = weights.views(),
                                                .tokenizer_json = testing::tiny_tokenizer_json(),
                                                .where = "memory"},
                                  options(), make_ops(1)),
                       options());
}

Request sampled(uint64_t seed) {
  Request request = sound_request("Which digits are spoken?", 0.9, 1);
  request.sampling.temperature = 1;
  request.sampling.seed = seed;
  request.sampling.logprobs = 0;
  request.sampling.max_tokens = 40;
  request.samples = 16;
  return request;
}

std::vector<std::vector<TokenId>> ids_of(const std::vector<Generation>& generations) {
  std::vector<std::vector<TokenId>> ids;
  for (const Generation& generation : generations) ids.push_back(generation.ids);
  return ids;
}

TEST(InMemory, ChangedWeightsAreUsedByTheNextRequest) {
  const Weights first(1), second(2);
  Weights live(1);
  const Generator generator = generator_of(live);
  const std::vector<Request> requests = {sampled(3), sampled(4)};
  const auto before = ids_of(generator.generate_batch(requests));
  EXPECT_EQ(before, ids_of(generator_of(first).generate_batch(requests)));

  live.become(second);  // the sound is the same: neither its rows nor its pages may be kept
  const auto after = ids_of(generator.generate_batch(requests));
  EXPECT_NE(after, before);
  EXPECT_EQ(after, ids_of(generator_of(second).generate_batch(requests)));
}

TEST(InMemory, EveryGeneratedTokenHasALogprobTheStopTokenToo) {
  const Weights weights(1);
  const Generator generator = generator_of(weights);
  Request request = sampled(5);
  for (int64_t id = 0; id < 30; ++id) request.sampling.stop_token_ids.push_back(id);
  size_t stopped = 0;
  for (const Generation& generation : generator.generate_batch({&request, 1})) {
    ASSERT_EQ(generation.logprobs.size(), generation.ids.size());
    for (const double logprob : generation.logprobs) EXPECT_LE(logprob, 0);
    const auto& reported = generation.result.tokens;
    for (size_t i = 0; i < reported.size(); ++i) {
      EXPECT_EQ(reported[i].chosen.id, generation.ids[i]);
      EXPECT_EQ(reported[i].chosen.logprob, generation.logprobs[i]);
    }
    if (generation.result.finish != FinishReason::kStop) continue;
    ++stopped;
    EXPECT_EQ(reported.size() + 1, generation.ids.size());
  }
  EXPECT_GT(stopped, 0U);
  Request closing = sampled(5);
  closing.samples = 1;
  closing.sampling.think_budget = 3;
  const Generation forced = generator.generate_batch({&closing, 1}).front();
  ASSERT_EQ(forced.logprobs.size(), forced.ids.size());
  EXPECT_TRUE(std::ranges::any_of(forced.logprobs, [](double x) { return std::isnan(x); }));
}

TEST(InMemory, StopsWhenAskedTo) {
  Weights weights(1);
  // <|EOT|> and the like become impossible, so that it would go on to the end of the context.
  for (size_t i = 0; i < weights.table.size(); ++i)
    if (weights.table[i].name == "lm_head.weight")
      for (int64_t row = 80; row < weights.tensors[i].dim(0); ++row)
        std::ranges::fill(weights.tensors[i].row(row), 0.0F);
  const Generator generator = generator_of(weights);
  std::vector<Request> requests;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    requests.push_back(sampled(seed));
    requests.back().sampling.max_tokens = 1900;
  }
  std::atomic<bool> stop{true};
  try {
    generator.generate_batch(requests, &stop);
    FAIL() << "nothing was stopped";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
  stop = false;
  const Request next = sampled(1);
  EXPECT_EQ(generator.generate_batch({&next, 1}, &stop).size(), 16U);
}

TEST(InMemory, SaysWhatIsWrongWithAModel) {
  const Weights weights(1);
  ModelConfig other = testing::tiny_test_config();
  other.decoder.layers = 3;
  try {
    load_model(ModelInMemory{.config = other,
                             .tensors = weights.views(),
                             .tokenizer_json = testing::tiny_tokenizer_json(),
                             .where = "memory"},
               options(), make_ops(1));
    FAIL() << "nothing was refused";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("memory: expected a tensor"));
  }
}

}  // namespace
}  // namespace stapes
