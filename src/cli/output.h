// Standard output and standard input of a command.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace stapes::cli {

// Writes and flushes. Throws kIo where the text cannot be written (a full disk, a closed output).
void write_stdout(std::string_view text);

// One line of JSON. Bytes that are not UTF-8 (file names may hold some) come out as U+FFFD.
void write_stdout_line(const nlohmann::ordered_json& value);

bool stdout_is_terminal();

// All of standard input. Throws kTooLarge above `limit_bytes`, kIo.
std::string read_stdin(size_t limit_bytes = size_t{1} << 30);

}  // namespace stapes::cli
