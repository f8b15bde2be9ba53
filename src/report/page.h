// The report: one HTML page that holds all it shows, and asks no other host for anything.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "report/run_folder.h"

namespace stapes::report {

struct PageOptions {
  std::string title = {};                  // empty: made of the runs' names
  std::filesystem::path page_folder = {};  // where the page will stand
  size_t clip_bytes = size_t{8} << 20;
};

// Text between tags or in a quoted attribute.
std::string escape_html(std::string_view text);
// JSON inside of <script type="application/json">: no `<`, `>` or `&` is left, so that no text can
// end the element or begin a comment. Not UTF-8 comes out as U+FFFD.
std::string script_json(const nlohmann::ordered_json& value);

// What the page's script reads (web/report/src/data.ts is the other side of it).
nlohmann::ordered_json page_data(std::span<const RunReport> runs, const PageOptions& options);

std::string report_page(std::span<const RunReport> runs, const PageOptions& options);

}  // namespace stapes::report
