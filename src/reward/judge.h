// A language model as judge, over any endpoint that speaks OpenAI's chat completions.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace stapes::reward {

struct JudgeOptions {
  std::string url;  // to "/v1", or to "/v1/chat/completions" itself
  std::string model = "judge";
  std::string api_key = {};  // sent as a bearer token where it is not empty
  int votes = 3;             // 1 to 99; asked one after the other, until the majority is certain
  double temperature = 0.7;
  int max_tokens = 2048;
  uint64_t seed = 1;                        // vote i is asked with seed + i
  std::chrono::milliseconds time{120'000};  // for one vote
  int attempts = 2;  // of a vote whose reply could not be read or did not come
  std::filesystem::path cache_folder = {};  // votes are kept; empty: they are not
  // What happens where no majority can be had: an Error (kIo) that says why, or no verdict.
  bool no_verdict_is_error = false;
};

struct JudgedThought {
  std::string question;
  std::string thinking;
  std::string answer;
  // What was measured or is known of the sound, in words: the judge hears nothing itself.
  std::string about_the_sound = {};
};

// The rubric's three questions; nothing where there was no majority of readable votes.
struct JudgeVerdict {
  std::optional<bool> names_sound;    // properties of the sound are named that can be heard
  std::optional<bool> leans_on_text;  // it leans on an imagined transcript, caption or description
  std::optional<bool> follows;        // steps follow, and the last gives the answer
  int votes = 0;                      // readable ones
  int failed_votes = 0;               // after all attempts
  std::string reason;                 // of a vote with the majority; or why there is none

  bool decided() const { return names_sound && leans_on_text && follows; }
  bool grounded() const { return decided() && *names_sound && !*leans_on_text; }
};

struct JudgeCounts {
  int64_t requests = 0, from_cache = 0, unreadable = 0, unreached = 0, verdicts = 0,
          no_verdicts = 0;
};

// For one thread at a time.
class Judge {
 public:
  // Throws kUsage (no URL, votes or attempts out of range), kIo (the cache folder).
  explicit Judge(JudgeOptions options);
  ~Judge();
  Judge(const Judge&) = delete;
  Judge& operator=(const Judge&) = delete;

  // Throws kIo where there is no majority and the options ask for an error; whatever comes from the
  // other side is no reason to throw else.
  JudgeVerdict judge(const JudgedThought& thought);
  const JudgeCounts& counts() const { return counts_; }

 private:
  struct Vote;
  std::optional<Vote> ask(const std::string& request, std::string& failure);
  std::optional<std::string> fetch(const std::string& request, std::string& failure);

  struct Impl;
  std::unique_ptr<Impl> impl_;
  JudgeCounts counts_;
};

// What the judge is told; fixed, so that verdicts can be compared. Part of the documentation.
const std::string& judge_rubric();
// The user's turn: the thought as a JSON string, so that nothing in it can end the data or add to
// the rubric.
std::string judge_prompt(const JudgedThought& thought);

// A vote in a reply: the first JSON object in it that has the three keys, behind a thought, inside
// a code block, or with words around it; values true, false, "yes", "no". Nothing if there is none.
struct ReadVote {
  bool names_sound = false, leans_on_text = false, follows = false;
  std::string reason;
};
std::optional<ReadVote> read_vote(const std::string& reply);

}  // namespace stapes::reward
