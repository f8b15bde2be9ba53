#include "train/dpo/pair_batch.h"

#include <algorithm>

namespace stapes::train {
namespace {

const ScoredReply& reply_of(std::span<const Preference* const> pairs, size_t reply) {
  return reply % 2 == 0 ? pairs[reply / 2]->chosen : pairs[reply / 2]->rejected;
}

// The reply that holds the token at `place`.
size_t reply_at(const RaggedTokens& tokens, size_t place) {
  size_t low = 0, high = tokens.replies();
  while (high - low > 1) {
    const size_t middle = (low + high) / 2;
    (tokens.begin(middle) <= place ? low : high) = middle;
  }
  return low;
}

PairBatch pair_batch_of(MicroBatch rows, std::span<const Preference* const> pairs,
                        const RaggedTokens& tokens) {
  PairBatch batch;
  const torch::Tensor places = rows.places.cpu();
  std::vector<int64_t> replies;
  std::vector<uint8_t> counted;
  std::vector<double> lengths;
  for (int64_t i = 0; i < rows.tokens; ++i) {
    const auto place = static_cast<size_t>(places.data_ptr<int64_t>()[i]);
    const size_t reply = reply_at(tokens, place);
    // Replies of a pair follow each other, the chosen one first or not.
    const auto found = std::ranges::find(batch.pairs, reply / 2);
    const auto local = static_cast<int64_t>(found - batch.pairs.begin());
    if (found == batch.pairs.end()) {
      batch.pairs.push_back(reply / 2);
      lengths.push_back(0);
    }
    const bool counts = place - tokens.begin(reply) >= reply_of(pairs, reply).counted_from;
    replies.push_back(2 * local + static_cast<int64_t>(reply % 2));
    counted.push_back(counts ? 1 : 0);
    if (counts && reply % 2 == 0) lengths[static_cast<size_t>(local)] += 1;
  }
  const torch::Device device = rows.places.device();
  batch.replies = torch::tensor(replies, torch::kInt64).to(device);
  batch.counted = torch::tensor(counted, torch::kUInt8).to(torch::kBool).to(device);
  batch.lengths = torch::tensor(lengths, torch::kFloat64).to(device);
  batch.rows = std::move(rows);
  return batch;
}

}  // namespace

std::vector<PairBatch> make_pair_batches(std::span<const TrainerPrompt> prompts,
                                         std::span<const Preference* const> pairs,
                                         int64_t most_rows, torch::Device device) {
  std::vector<Rollout> replies;
  std::vector<Pack> packs;
  for (size_t i = 0; i < pairs.size(); ++i) {
    Pack pack{&prompts[i], {2 * i, 2 * i + 1}, static_cast<int64_t>(prompts[i].ids.size())};
    for (const size_t reply : pack.replies) {
      replies.emplace_back();
      replies.back().prompt = i;
      replies.back().ids = reply_of(pairs, reply).ids;
      pack.rows += reply_rows(replies.back());
    }
    packs.push_back(std::move(pack));
  }
  const RaggedTokens tokens = tokens_of(replies);
  std::vector<PairBatch> batches;
  for (MicroBatch& rows : make_micro_batches(std::move(packs), replies, most_rows, device))
    batches.push_back(pair_batch_of(std::move(rows), pairs, tokens));
  return batches;
}

}  // namespace stapes::train
