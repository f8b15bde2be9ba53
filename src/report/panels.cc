#include "report/panels.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

namespace stapes::report {
namespace {

constexpr std::string_view kSampled = "sampled/";

// The first rule that fits counts. A pattern may begin or end with '*'; in `plot` and `label` a '*'
// stands for what it matched. `label` "" is that of the log: training, held out.
struct Rule {
  std::string_view group, pattern, plot, label;
  Unit unit = Unit::kNumber;
  bool log_scale = false;
};

constexpr auto kRules = std::to_array<Rule>({
    {"Reward", "reward", "Reward", ""},
    {"Reward", "reward_deviation", "Spread of the reward", ""},
    {"Loss", "text_loss", "Loss of the text", "", Unit::kNats},
    {"Loss", "frame_loss", "Loss of the encoder's helper", "", Unit::kNats},
    {"Accuracy", "text_accuracy", "Tokens that are right", "", Unit::kShare},
    {"Accuracy", "frame_accuracy", "Frames that are right", "", Unit::kShare},
    {"Accuracy", "voice_accuracy", "Voices that are right", "", Unit::kShare},
    {"Accuracy by task", "accuracy/*", "*", "", Unit::kShare},
    {"Length", "length_mean", "Length of a reply", "mean", Unit::kTokens},
    {"Length", "length_p95", "Length of a reply", "95th percentile", Unit::kTokens},
    {"Length", "length_max", "Length of a reply", "longest", Unit::kTokens},
    {"Length", "length_*", "Length of a reply", "*", Unit::kTokens},
    {"Length", "thought_tokens", "Length of a thought", "", Unit::kTokens},
    {"Length", "truncated", "Cut replies", "", Unit::kShare},
    {"Length", "repetition", "Repetition", "", Unit::kShare},
    {"About the sound", "thoughts_with_false_claims", "Thoughts with a false claim", "",
     Unit::kShare},
    {"About the sound", "*_claims", "Claims of the thoughts", "*", Unit::kShare},
    {"About the sound", "claims", "Claims of a thought", ""},
    {"About the sound", "surrogates", "Thoughts that lean on text", "", Unit::kShare},
    {"About the sound", "refusals", "Refusals to hear", "", Unit::kShare},
    {"About the sound", "coherent", "Coherent thoughts", "", Unit::kShare},
    {"About the sound", "kept", "Thoughts that the filter keeps", "", Unit::kShare},
    {"Policy", "entropy", "Entropy", "", Unit::kNats},
    {"Policy", "kl_*", "Distance to the start", "*", Unit::kNats},
    {"Policy", "approx_kl", "Distance to itself before the update", "", Unit::kNats},
    {"Policy", "ratio_min", "Ratio", "lowest"},
    {"Policy", "ratio_max", "Ratio", "highest"},
    {"Policy", "clipped_share", "Clipped tokens", "", Unit::kShare},
    {"Policy", "policy_loss", "Loss of the policy", ""},
    {"Policy", "policy_gradient_norm", "Gradient norm of the policy", "", Unit::kNumber, true},
    {"Policy", "policy_learning_rate", "Learning rate of the policy", ""},
    {"Policy", "policy_waited", "Waiting for the critic", ""},
    {"Critic", "explained_variance", "Explained variance", ""},
    {"Critic", "value_rank_correlation", "Rank correlation of values and returns", ""},
    {"Critic", "value_mean", "Values and returns", "value"},
    {"Critic", "return_mean", "Values and returns", "return"},
    {"Critic", "critic_loss", "Loss of the critic", ""},
    {"Critic", "critic_gradient_norm", "Gradient norm of the critic", "", Unit::kNumber, true},
    {"Critic", "critic_learning_rate", "Learning rate of the critic", ""},
    {"Health", "mismatch_*", "Engine against trainer", "*", Unit::kNats, true},
    {"Health", "first_ratio_error", "Error of the first ratio", ""},
    {"Health", "groups_without_variance", "Prompts whose replies earn the same", "", Unit::kShare},
    {"Health", "unjudged", "Left out", "replies without a reward"},
    {"Health", "skipped_updates", "Left out", "updates"},
    {"Speed", "rollout_tokens_per_s", "Tokens per second", "written", Unit::kPerSecond},
    {"Speed", "tokens_per_s", "Tokens per second", "all in all", Unit::kPerSecond},
    {"Speed", "*_per_s", "* per second", "", Unit::kPerSecond},
    {"Speed", "tokens", "Tokens of an iteration", "", Unit::kTokens},
    {"Speed", "*_s", "Time of a step", "*", Unit::kSeconds},
    // Stages and rewards that are not known here.
    {"Loss", "*loss*", "*", ""},
    {"Accuracy", "*accuracy*", "*", "", Unit::kShare},
    {"Preferences", "*margin*", "*", ""},
    {"Preferences", "*chosen*", "Chosen and rejected", "*"},
    {"Preferences", "*rejected*", "Chosen and rejected", "*"},
    {"Optimizer", "*gradient_norm", "Gradient norm", "", Unit::kNumber, true},
    {"Optimizer", "*learning_rate", "Learning rate", ""},
    {"More", "*", "*", ""},
});

struct GroupText {
  std::string_view title, about;
};
constexpr auto kGroups = std::to_array<GroupText>({
    {"Reward",
     "Training prompts differ from step to step; runs are compared on the held-out ones."},
    {"Loss", "Mean over the tokens that are learned."},
    {"Preferences", "How far apart the chosen and the rejected reply are."},
    {"Accuracy", "Shares of what is learned that the model gets right."},
    {"Accuracy by task", "Gaps are steps at which a task was not asked."},
    {"Length", "Thinking that collapses shows here first; cut replies count as wrong."},
    {"Policy", "Entropy that falls to nothing is a collapse; the distance should grow slowly."},
    {"Critic", "On replies that are new to it: 1 explains all, 0 nothing, below 0 it does harm."},
    {"Health", "The engine that samples and the trainer must compute the same numbers."},
    {"Optimizer", "Before clipping."},
    {"Speed", ""},
    {"More", ""},
});

bool fits(std::string_view pattern, std::string_view text, std::string_view& rest) {
  const bool open_begin = pattern.starts_with('*');
  if (open_begin) pattern.remove_prefix(1);
  const bool open_end = pattern.ends_with('*');
  if (open_end) pattern.remove_suffix(1);
  rest = text;
  if (open_begin && open_end) return text.find(pattern) != std::string_view::npos;
  if (open_begin) {
    rest = text.substr(0, text.size() - std::min(text.size(), pattern.size()));
    return text.ends_with(pattern);
  }
  if (open_end) {
    rest = text.substr(std::min(text.size(), pattern.size()));
    return text.starts_with(pattern);
  }
  return text == pattern;
}

// "frame_loss" reads better as "frame loss".
std::string in_words(std::string_view name) {
  std::string words(name);
  std::ranges::replace(words, '_', ' ');
  return words;
}

std::string capitalized(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 32);
  return text;
}

std::string filled(std::string_view form, std::string_view rest) {
  const size_t star = form.find('*');
  if (star == std::string_view::npos) return std::string(form);
  return std::string(form.substr(0, star)) + in_words(rest) + std::string(form.substr(star + 1));
}

bool is_held_out(const std::string& log) {
  return log == "test" || log.starts_with("evaluation");
}

std::string log_label(const std::string& log, bool sampled) {
  if (sampled) return "held out, sampled";
  if (log == "evaluation-sft") return "held out, before reinforcement";
  return is_held_out(log) ? "held out" : "training";
}

// The parts of a reward are whatever the reward function calls them: they stand between these two.
std::set<ColumnId> reward_parts(std::span<const ColumnId> columns) {
  std::set<ColumnId> parts;
  bool inside = false;
  for (const ColumnId& id : columns) {
    if (id.column.ends_with("reward_deviation"))
      inside = true;
    else if (id.column.ends_with("length_mean") || id.column.ends_with("reward"))
      inside = false;
    else if (inside)
      parts.insert(id);
  }
  return parts;
}

struct Place {
  std::string group, plot, label;
  Unit unit = Unit::kNumber;
  bool log_scale = false;
  size_t order = 0;  // of the plot in its group: that of the rules
};

Place place_of(const ColumnId& id, bool is_reward_part) {
  std::string_view column = id.column;
  const bool sampled = column.starts_with(kSampled);
  if (sampled) column.remove_prefix(kSampled.size());
  const std::string of_log = log_label(id.log, sampled);
  if (is_reward_part)
    return {"Reward", capitalized(in_words(column)), of_log, Unit::kShare, false, 0};
  std::string_view rest;
  const auto rule =
      std::ranges::find_if(kRules, [&](const Rule& r) { return fits(r.pattern, column, rest); });
  Place place{std::string(rule->group),
              capitalized(filled(rule->plot, rest)),
              rule->label.empty() ? of_log : filled(rule->label, rest),
              rule->unit,
              rule->log_scale,
              static_cast<size_t>(rule - kRules.begin())};
  // Several lines of one log in a plot: the other logs have plots of their own.
  if (!rule->label.empty() && is_held_out(id.log)) place.plot += ", " + of_log;
  return place;
}

template <typename T, typename Name>
T& named(std::vector<T>& all, const Name& title) {
  const auto found = std::ranges::find(all, title, &T::title);
  if (found != all.end()) return *found;
  all.push_back({});
  all.back().title = title;
  return all.back();
}

}  // namespace

const char* name(Unit unit) {
  constexpr std::array kNames = {"number", "share", "tokens", "seconds", "nats", "per second"};
  return kNames[static_cast<size_t>(unit)];
}

std::vector<PlotGroup> arrange(std::span<const ColumnId> columns) {
  std::vector<PlotGroup> groups;
  for (const GroupText& text : kGroups)
    groups.push_back({std::string(text.title), std::string(text.about), {}});
  const std::set<ColumnId> parts = reward_parts(columns);
  std::set<ColumnId> seen;
  std::map<std::pair<std::string, std::string>, size_t> order;
  for (const ColumnId& id : columns) {
    if (!seen.insert(id).second) continue;
    const Place place = place_of(id, parts.contains(id));
    Plot& plot = named(named(groups, place.group).plots, place.plot);
    order.try_emplace({place.group, place.plot}, place.order);
    plot.unit = place.unit;
    plot.log_scale = place.log_scale;
    plot.lines.push_back({id, place.label});
  }
  std::erase_if(groups, [](const PlotGroup& group) { return group.plots.empty(); });
  for (PlotGroup& group : groups)
    std::ranges::stable_sort(group.plots, {}, [&](const Plot& plot) {
      return order.at({group.title, plot.title});
    });
  return groups;
}

std::vector<Headline> headlines(std::span<const ColumnId> columns) {
  const std::vector<Headline> wanted = {
      {{"test", "accuracy"}, "right, held out", Unit::kShare},
      {{"evaluation", "accuracy"}, "right, held out", Unit::kShare},
      {{"evaluation", "true_claims"}, "true claims", Unit::kShare},
      {{"evaluation", "surrogates"}, "lean on text", Unit::kShare},
      {{"evaluation", "thought_tokens"}, "tokens of a thought", Unit::kTokens},
      {{"test", "reward"}, "reward, held out", Unit::kNumber},
      {{"metrics", "reward"}, "reward", Unit::kNumber},
      {{"test", "text_accuracy"}, "tokens right, held out", Unit::kShare},
      {{"test", "text_loss"}, "loss, held out", Unit::kNats},
      {{"train", "text_loss"}, "loss", Unit::kNats},
      {{"test", "frame_accuracy"}, "frames right, held out", Unit::kShare},
      {{"train", "loss"}, "loss", Unit::kNumber},
      {{"test", "loss"}, "loss, held out", Unit::kNumber},
      {{"metrics", "loss"}, "loss", Unit::kNumber},
      {{"test", "length_mean"}, "tokens a reply, held out", Unit::kTokens},
      {{"metrics", "length_mean"}, "tokens a reply", Unit::kTokens},
      {{"metrics", "entropy"}, "entropy", Unit::kNats},
      {{"metrics", "kl_k3"}, "distance to the start", Unit::kNats},
      {{"metrics", "explained_variance"}, "explained variance", Unit::kNumber},
  };
  std::vector<Headline> found;
  for (const Headline& headline : wanted)
    if (std::ranges::find(columns, headline.id) != columns.end()) found.push_back(headline);
  return found;
}

}  // namespace stapes::report
