// The subcommands of `stapes-train`, one file each.
#pragma once

#include "cli/program.h"

namespace stapes::cli {

Command add_train_init_command(CLI::App& program);
Command add_train_sft_command(CLI::App& program);
Command add_train_rl_command(CLI::App& program);
Command add_train_run_command(CLI::App& program);
Command add_train_report_command(CLI::App& program);
Command add_train_mgrd_command(CLI::App& program);
Command add_train_show_command(CLI::App& program);
Command add_train_dpo_command(CLI::App& program);
Command add_train_merge_command(CLI::App& program);

}  // namespace stapes::cli
