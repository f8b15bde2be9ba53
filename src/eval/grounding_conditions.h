// The requests of `stapes eval-grounding`, and what becomes of their replies.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "eval/grounding_eval.h"
#include "eval/tamper.h"

namespace stapes {

// What is asked instead of, or beside, the clip with the whole thought.
enum class Condition : uint8_t { kClip, kSilence, kOtherClip, kTranscript, kBudget, kTampered };
const char* name(Condition condition);  // "clip", "silence", ...

struct AskedReply {
  Condition condition = Condition::kClip;
  std::optional<int> budget;  // kBudget
  size_t example = 0;         // index into the batch's examples
  Request request;
  Result result;
};

// One example with what takes its place.
struct GroundingExample {
  world::Example own;
  world::Example other;  // another clip of the same task, with another answer
  uint64_t index = 0;
  std::optional<TamperedThought> tampered;
};

// Throws kInvalidData where no clip of another answer is found.
GroundingExample make_example(const world::World& world, world::Task task,
                              const GroundingEvalOptions& options, int index);

// The example's question with its clip.
Request question_about(const world::Example& example, const GroundingEvalOptions& options);

// All but the tampered one, which needs the thought first.
std::vector<AskedReply> requests_for(const GroundingExample& example, size_t place,
                                     const GroundingEvalOptions& options);
AskedReply tampered_request(const GroundingExample& example, size_t place,
                            const GroundingEvalOptions& options);

}  // namespace stapes
