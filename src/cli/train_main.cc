// stapes-train: from random weights to a model that listens, thinks and answers.
#include <vector>

#include "cli/train_blas.h"
#include "cli/train_commands.h"
#include "train/memory/keep_freed_memory.h"

int main(int argc, char** argv) {
  using namespace stapes::cli;
  restart_with_right_blas_kernels(argv);
  stapes::train::keep_freed_memory();

  CLI::App program("Trains models of the Step-Audio-R1 kind.", "stapes-train");
  program.set_version_flag("--version", "stapes-train " STAPES_VERSION);
  program.footer("Run `stapes-train COMMAND --help` for the flags of a command.");
  const std::vector<Command> commands = {
      add_train_init_command(program), add_train_sft_command(program),
      add_train_rl_command(program),   add_train_mgrd_command(program),
      add_train_dpo_command(program),  add_train_run_command(program),
      add_train_show_command(program), add_train_report_command(program),
      add_train_merge_command(program)};
  return run_program(program, commands, argc, argv);
}
