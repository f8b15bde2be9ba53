#include "report/page.h"

#include <fmt/format.h>

#include <cmath>
#include <ctime>

#include "base/check.h"
#include "report/assets.h"
#include "report/clips.h"
#include "report/panels.h"

namespace stapes::report {
namespace {

using Json = nlohmann::ordered_json;

Json optional_json(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json to_json(const Table& table) {
  Json columns = Json::object();
  for (const Column& column : table.columns) columns[column.name] = column.values;  // NaN: null
  return {{"rows", table.rows_in_file}, {"steps", table.steps}, {"columns", std::move(columns)}};
}

Json to_json(const Sample& sample) {
  return {{"step", sample.step},
          {"id", sample.id},
          {"task", sample.task},
          {"prompt", sample.prompt},
          {"thinking", sample.thinking},
          {"closed", sample.thought_closed},
          {"answer", sample.answer},
          {"expected", sample.expected},
          {"tokens", sample.tokens},
          {"stop", sample.stop},
          {"reward", optional_json(sample.reward)},
          {"parts", sample.parts}};
}

Json to_json(const Samples& samples) {
  Json chosen = Json::array();
  for (const Sample& sample : samples.chosen) chosen.push_back(to_json(sample));
  return {{"in_file", samples.in_file}, {"chosen", std::move(chosen)}};
}

Json to_json(const Funnel& funnel) {
  Json dropped = Json::array();
  for (const auto* losses : {&funnel.dropped, &funnel.left_out})
    for (const auto& [stage, count] : *losses)
      dropped.push_back({{"stage", stage}, {"count", count}});
  return {{"round", funnel.round},
          {"replies", funnel.replies},
          {"dropped", std::move(dropped)},
          {"kept", funnel.kept},
          {"surrogates", funnel.surrogates},
          {"claims",
           {{"true", funnel.true_claims},
            {"false", funnel.false_claims},
            {"uncheckable", funnel.uncheckable_claims}}}};
}

Json to_json(const Thought& thought) {
  Json pieces = Json::array();
  for (const MarkedText& piece : thought.thinking)
    pieces.push_back({{"text", piece.text}, {"verdict", piece.verdict}, {"reason", piece.reason}});
  return {{"thinking", std::move(pieces)},
          {"answer", thought.answer},
          {"stage", thought.stage},
          {"reason", thought.reason}};
}

Json to_json(const GroundingExample& example, ClipShelf& clips) {
  Json json = {{"round", example.round},
               {"question", example.question},
               {"expected", example.expected},
               {"task", example.task},
               {"before", to_json(example.before)},
               {"after", to_json(example.after)},
               {"clip", nullptr}};
  if (example.audio.empty()) return json;
  json["clip"] = {{"name", example.audio.filename().string()}};
  if (!example.audio_found) {
    json["clip"]["note"] = fmt::format("no such file: {}", example.audio.string());
    return json;
  }
  const EmbeddedClip& clip = clips.get(example.audio);
  json["clip"]["data"] = clip.data;
  json["clip"]["link"] = clip.link;
  json["clip"]["note"] = clip.note;
  return json;
}

Json figures_of(const RunReport& run) {
  std::vector<ColumnId> ids;
  for (const RunLog& log : run.logs)
    for (const Column& column : log.table.columns) ids.push_back({log.name, column.name});
  Json figures = Json::array();
  for (const Headline& headline : headlines(ids)) {
    const auto log = std::ranges::find(run.logs, headline.id.log, &RunLog::name);
    std::vector<double> values = log->table.find(headline.id.column)->values;
    std::erase_if(values, [](double value) { return std::isnan(value); });
    if (values.empty()) continue;
    figures.push_back({{"label", headline.label},
                       {"unit", name(headline.unit)},
                       {"first", values.front()},
                       {"last", values.back()}});
  }
  return figures;
}

Json to_json(const RunReport& run, ClipShelf& clips) {
  Json logs = Json::object();
  for (const RunLog& log : run.logs) logs[log.name] = to_json(log.table);
  Json funnels = Json::array(), examples = Json::array();
  for (const Funnel& funnel : run.grounding.funnels) funnels.push_back(to_json(funnel));
  for (const auto& example : run.grounding.examples) examples.push_back(to_json(example, clips));
  Json selection = nullptr;
  if (run.selection)
    selection = {{"prompts_by_right", run.selection->prompts_by_right},
                 {"kept", run.selection->kept}};
  return {{"name", run.name},
          {"title", run.title},
          {"folder", run.folder.string()},
          {"stage", run.stage},
          {"recipe", run.recipe},
          {"manifest", run.manifest},
          {"last_step", run.last_step},
          {"wanted_steps", run.wanted_steps},
          {"working_time_s", optional_json(run.working_time_s)},
          {"checkpoints", run.checkpoints},
          {"figures", figures_of(run)},
          {"logs", std::move(logs)},
          {"samples", to_json(run.samples)},
          {"selection", std::move(selection)},
          {"funnels", std::move(funnels)},
          {"examples", std::move(examples)},
          {"missing", run.missing}};
}

Json groups_of(std::span<const RunReport> runs) {
  std::vector<ColumnId> ids;
  for (const RunReport& run : runs)
    for (const RunLog& log : run.logs)
      for (const Column& column : log.table.columns) ids.push_back({log.name, column.name});
  Json groups = Json::array();
  for (const PlotGroup& group : arrange(ids)) {
    Json plots = Json::array();
    for (const Plot& plot : group.plots) {
      Json lines = Json::array();
      for (const PlotLine& line : plot.lines)
        lines.push_back({{"log", line.id.log}, {"column", line.id.column}, {"label", line.label}});
      plots.push_back({{"title", plot.title},
                       {"unit", name(plot.unit)},
                       {"log_scale", plot.log_scale},
                       {"lines", std::move(lines)}});
    }
    groups.push_back({{"title", group.title}, {"about", group.about}, {"plots", std::move(plots)}});
  }
  return groups;
}

std::string title_of(std::span<const RunReport> runs, const PageOptions& options) {
  if (!options.title.empty()) return options.title;
  if (runs.size() == 1) return runs.front().name;
  // Rounds and stages of one run lie below it.
  const std::string& first = runs.front().name;
  const bool one_tree = std::ranges::all_of(runs, [&](const RunReport& run) {
    return run.name == first || run.name.starts_with(first + "/");
  });
  return one_tree ? first : fmt::format("{} runs", runs.size());
}

std::string now() {
  const std::time_t time = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&time, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &utc)};
}

// The template is ours and has each mark once, the title's first (web/report/vite.config.ts checks
// it, too). Marks are looked for in the template alone: a title may hold the text of one.
std::string filled(std::string_view page, const std::string& title, const std::string& data) {
  constexpr std::string_view kTitle = "{{STAPES_TITLE}}", kData = "{{STAPES_DATA}}";
  const size_t title_at = page.find(kTitle), data_at = page.find(kData);
  STAPES_CHECK(title_at < data_at && data_at != std::string_view::npos);
  const size_t between = title_at + kTitle.size();
  std::string text(page.substr(0, title_at));
  text += title;
  text += page.substr(between, data_at - between);
  text += data;
  return text += page.substr(data_at + kData.size());
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string script_json(const Json& value) {
  const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string safe;
  safe.reserve(text.size());
  // These stand only in strings, where JSON has another spelling for them.
  for (const char c : text) {
    switch (c) {
      case '<':
        safe += "\\u003c";
        break;
      case '>':
        safe += "\\u003e";
        break;
      case '&':
        safe += "\\u0026";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

Json page_data(std::span<const RunReport> runs, const PageOptions& options) {
  ClipShelf clips(options.page_folder, options.clip_bytes);
  Json all = Json::array();
  for (const RunReport& run : runs) all.push_back(to_json(run, clips));
  return {{"title", title_of(runs, options)},
          {"made", now()},
          {"runs", std::move(all)},
          {"groups", groups_of(runs)}};
}

std::string report_page(std::span<const RunReport> runs, const PageOptions& options) {
  const Json data = page_data(runs, options);
  return filled(page_assets().front().bytes, escape_html(data["title"].get<std::string>()),
                script_json(data));
}

}  // namespace stapes::report
