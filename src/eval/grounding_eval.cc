#include "eval/grounding_eval.h"

#include <algorithm>
#include <fstream>
#include <memory>
#include <utility>

#include "audio/measure/describe.h"
#include "base/fail.h"
#include "eval/grounding_conditions.h"

namespace stapes {
namespace {

using Json = nlohmann::ordered_json;

void check_options(const GroundingEvalOptions& options) {
  const auto expect = [](int least, const char* what, int got) {
    if (got < least) fail(ErrorCode::kUsage, "expected at least {} {}, got {}", least, what, got);
  };
  expect(1, "example per task", options.examples_per_task);
  expect(1, "request in a batch", options.batch_size);
  expect(1, "generated token", options.max_tokens);
  empty_budget_scores(options.budgets);  // or it says which one is wrong
  if (!(options.self_cognition_temperature >= 0 && options.self_cognition_temperature <= 10))
    fail(ErrorCode::kUsage, "expected a temperature from 0 to 10, got {}",
         options.self_cognition_temperature);
}

bool is_right(const Result& result, const std::string& answer) {
  return normalized_answer(result.answer) == normalized_answer(answer);
}

// One thought that heard its clip.
struct HeardThought {
  int64_t tokens = 0;
  bool right = false;
};

class TaskEvaluation {
 public:
  TaskEvaluation(const Generator& generator, const world::World& world, world::Task task,
                 const GroundingEvalOptions& options, reward::Judge* judge, std::ostream* details)
      : generator_(generator), world_(world), options_(options), judge_(judge), details_(details) {
    scores_.task = task;
    scores_.budgets = empty_budget_scores(options.budgets);
  }

  // Examples [begin, end).
  void run(int begin, int end) {
    std::vector<GroundingExample> examples;
    std::vector<AskedReply> asked;
    for (int index = begin; index < end; ++index) {
      examples.push_back(make_example(world_, scores_.task, options_, index));
      std::ranges::move(requests_for(examples.back(), examples.size() - 1, options_),
                        std::back_inserter(asked));
    }
    answer(asked);
    std::vector<AskedReply> tampered;
    for (const AskedReply& reply : asked) {
      GroundingExample& example = examples[reply.example];
      score(reply, example);
      if (reply.condition != Condition::kClip) continue;
      example.tampered = tamper_thought(reply.result.thinking, scores_.task, example.own.clip.truth,
                                        options_.seed * 1'000'003ULL + example.index);
      if (example.tampered && is_right(reply.result, example.own.answer))
        tampered.push_back(tampered_request(example, reply.example, options_));
    }
    answer(tampered);
    for (const AskedReply& reply : tampered) score(reply, examples[reply.example]);
  }

  TaskGrounding finish() {
    add_lengths();
    return std::move(scores_);
  }

 private:
  void answer(std::vector<AskedReply>& asked) const {
    if (asked.empty()) return;
    std::vector<Request> requests;
    for (AskedReply& reply : asked) requests.push_back(reply.request);
    std::vector<Generation> generations = generator_.generate_batch(requests);
    for (size_t i = 0; i < asked.size(); ++i) asked[i].result = std::move(generations[i].result);
  }

  void score(const AskedReply& reply, const GroundingExample& example) {
    const Result& result = reply.result;
    const bool right = is_right(result, example.own.answer);
    Json report;
    switch (reply.condition) {
      case Condition::kClip:
        scores_.clip.add(right);
        add_budget(std::nullopt, right, result);
        thoughts_.push_back({result.usage.thinking_tokens, right});
        report = score_thought(result, example);
        break;
      case Condition::kSilence:
        scores_.silence.add(right);
        break;
      case Condition::kOtherClip:
        scores_.other_clip.add(is_right(result, example.other.answer));
        scores_.stays.add(right);
        break;
      case Condition::kTranscript:
        scores_.transcript.add(right);
        break;
      case Condition::kBudget:
        add_budget(reply.budget, right, result);
        break;
      case Condition::kTampered:
        scores_.tamper_follows.add(is_right(result, example.tampered->expected));
        scores_.tamper_stays.add(right);
        break;
    }
    write_details(reply, example, right, std::move(report));
  }

  void add_budget(std::optional<int> budget, bool right, const Result& result) {
    add_reply(scores_.budgets, budget, right, result.usage.thinking_tokens);
  }

  Json score_thought(const Result& result, const GroundingExample& example) {
    const world::Clip& clip = example.own.clip;
    const Measurement measured = measure(clip.audio);
    reward::GroundingInput input{
        .question = example.own.question,
        .reply = {result.thinking, result.answer, result.thought_closed},
        .evidence = {reward::facts_of(clip.truth, clip.audio.seconds()),
                     reward::facts_of(measured)},
        .expected = reward::ExpectedAnswer{.kind = reward::AnswerKind::kNormalized,
                                           .text = example.own.answer},
        .thinking_tokens = result.usage.thinking_tokens};
    if (judge_ != nullptr)
      input.judged = judge_->judge({.question = input.question,
                                    .thinking = result.thinking,
                                    .answer = result.answer,
                                    .about_the_sound = describe(measured)});
    const reward::GroundingReport report = reward::check_grounding(input, options_.filter);
    add_report(report);
    return reward::to_json(report);
  }

  void add_report(const reward::GroundingReport& report) {
    for (const reward::CheckedClaim& checked : report.claims) {
      scores_.claims_true.add(checked.verdict == reward::Verdict::kTrue);
      scores_.claims_false.add(checked.verdict == reward::Verdict::kFalse);
      scores_.claims_uncheckable.add(checked.verdict == reward::Verdict::kUncheckable);
    }
    scores_.thoughts_with_false_claims.add(report.false_claims > 0);
    scores_.surrogates.add(report.surrogate());
    scores_.refusals.add(report.refusal.has_value());
    scores_.coherent.add(report.coherence.coherent());
    scores_.funnel.add(report);
    if (!report.judged) return;
    if (!report.judged->decided()) {
      ++scores_.without_verdict;
      return;
    }
    scores_.judged_grounded.add(report.judged->grounded());
    scores_.judged_coherent.add(*report.judged->follows);
  }

  // Four parts of about equal size; thoughts of equal length stay together.
  void add_lengths() {
    constexpr size_t kParts = 4;
    std::ranges::sort(thoughts_, {}, &HeardThought::tokens);
    for (size_t begin = 0, part = 1; begin < thoughts_.size(); ++part) {
      size_t end = std::max(begin + 1, part * thoughts_.size() / kParts);
      while (end < thoughts_.size() && thoughts_[end].tokens == thoughts_[end - 1].tokens) ++end;
      LengthScore length{
          .shortest = thoughts_[begin].tokens, .longest = thoughts_[end - 1].tokens, .right = {}};
      for (size_t i = begin; i < end; ++i) length.right.add(thoughts_[i].right);
      scores_.lengths.push_back(length);
      begin = end;
    }
  }

  void write_details(const AskedReply& reply, const GroundingExample& example, bool right,
                     Json report) {
    if (details_ == nullptr) return;
    Json line = {{"task", world::name(scores_.task)},
                 {"index", example.index},
                 {"condition", name(reply.condition)},
                 {"budget", reply.budget ? Json(*reply.budget) : Json(nullptr)},
                 {"question", example.own.question},
                 {"expected", example.own.answer},
                 {"thinking", reply.result.thinking},
                 {"answer", reply.result.answer},
                 {"right", right},
                 {"thinking_tokens", reply.result.usage.thinking_tokens}};
    if (reply.condition == Condition::kOtherClip) line["expected_of_other"] = example.other.answer;
    if (reply.condition == Condition::kTampered) {
      line["prefix"] = example.tampered->prefix;
      line["expected_of_tampered"] = example.tampered->expected;
    }
    if (!report.is_null()) line["grounding"] = std::move(report);
    *details_ << line.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  }

  const Generator& generator_;
  const world::World& world_;
  const GroundingEvalOptions& options_;
  reward::Judge* judge_;
  std::ostream* details_;
  TaskGrounding scores_;
  std::vector<HeardThought> thoughts_;
};

// examples_per_task questions, in turns about speech and melodies.
Score ask_about_hearing(const Generator& generator, const world::World& world,
                        const GroundingEvalOptions& options, std::ostream* details,
                        const GroundingProgress& progress) {
  constexpr uint64_t kStride = 11;  // neighbours in the list differ in one word only
  const std::vector<std::string> questions = reward::self_cognition_questions(world::Split::kTest);
  Score errors;
  for (int begin = 0; begin < options.examples_per_task; begin += options.batch_size) {
    const int end = std::min(begin + options.batch_size, options.examples_per_task);
    std::vector<Request> requests;
    for (int i = begin; i < end; ++i) {
      const auto index = static_cast<uint64_t>(i);
      const bool speech = world.has_speech() && i % 2 == 0;
      world::Example example;
      example.question = questions[kStride * index % questions.size()];
      example.clip = speech ? world.speech_clip(world::Split::kTest, options.seed, index)
                            : world.melody_clip(world::Split::kTest, options.seed, index);
      requests.push_back(question_about(example, options));
      requests.back().sampling.temperature = options.self_cognition_temperature;
      requests.back().sampling.seed = options.seed;
      requests.back().sampling.sequence = index;
    }
    const std::vector<Generation> replies = generator.generate_batch(requests);
    for (size_t i = 0; i < replies.size(); ++i) {
      const Result& result = replies[i].result;
      const auto refusal = reward::find_refusal(
          reward::Reply{result.thinking, result.answer, result.thought_closed});
      errors.add(refusal.has_value());
      if (details == nullptr) continue;
      const Json line = {{"condition", "self-cognition"},
                         {"question", requests[i].messages[0].parts.back().text},
                         {"thinking", result.thinking},
                         {"answer", result.answer},
                         {"refusal", refusal ? Json(refusal->phrase) : Json(nullptr)}};
      *details << line.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
    }
    if (progress) progress(end, options.examples_per_task);
  }
  return errors;
}

}  // namespace

GroundingPart grounding_part_by_name(const std::string& name) {
  if (name == "all") return GroundingPart::kAll;
  if (name == "tasks") return GroundingPart::kTasks;
  if (name == "self-cognition") return GroundingPart::kSelfCognition;
  fail(ErrorCode::kUsage, "expected \"all\", \"tasks\" or \"self-cognition\", got \"{}\"", name);
}

GroundingEvalResult evaluate_grounding(const Generator& generator, const world::World& world,
                                       const GroundingEvalOptions& options,
                                       const GroundingProgress& progress) {
  check_options(options);
  GroundingEvalResult result{.tasks = {}, .self_cognition_errors = {}, .options = options};
  std::vector<world::Task> tasks;
  if (options.part != GroundingPart::kSelfCognition)
    tasks = world::tasks_to_ask(options.tasks, world);
  std::unique_ptr<reward::Judge> judge;
  if (options.judge) judge = std::make_unique<reward::Judge>(*options.judge);
  std::ofstream details;
  if (!options.details.empty()) {
    details.open(options.details, std::ios::trunc);
    if (!details)
      fail(ErrorCode::kIo, "cannot write the details to \"{}\"", options.details.string());
  }
  const auto requests_each = static_cast<int>(4 + options.budgets.size());
  const int examples_per_batch = std::max(1, options.batch_size / requests_each);
  const int64_t total = static_cast<int64_t>(tasks.size()) * options.examples_per_task;
  int64_t done = 0;
  for (const world::Task task : tasks) {
    TaskEvaluation evaluation(generator, world, task, options, judge.get(),
                              options.details.empty() ? nullptr : &details);
    for (int begin = 0; begin < options.examples_per_task; begin += examples_per_batch) {
      const int end = std::min(begin + examples_per_batch, options.examples_per_task);
      evaluation.run(begin, end);
      done += end - begin;
      if (progress) progress(done, total);
    }
    result.tasks.push_back(evaluation.finish());
  }
  if (options.part != GroundingPart::kTasks)
    result.self_cognition_errors =
        ask_about_hearing(generator, world, options, options.details.empty() ? nullptr : &details,
                          tasks.empty() ? progress : GroundingProgress());
  if (!options.details.empty() && !details.flush())
    fail(ErrorCode::kIo, "cannot write the details to \"{}\"", options.details.string());
  return result;
}

}  // namespace stapes
