// The subcommands of `stapes`, one file each. Every function registers its flags with the program.
#pragma once

#include "cli/program.h"

namespace stapes::cli {

Command add_ask_command(CLI::App& program);
Command add_chat_command(CLI::App& program);
Command add_serve_command(CLI::App& program);
Command add_mel_command(CLI::App& program);
Command add_measure_command(CLI::App& program);
Command add_tokenize_command(CLI::App& program);
Command add_inspect_command(CLI::App& program);
Command add_quantize_command(CLI::App& program);
Command add_trace_command(CLI::App& program);
Command add_eval_world_command(CLI::App& program);
Command add_eval_grounding_command(CLI::App& program);
Command add_bench_command(CLI::App& program);
Command add_world_command(CLI::App& program);

}  // namespace stapes::cli
