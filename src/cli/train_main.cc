// stapes-train: from random weights to a model that listens, thinks and answers.
#include <malloc.h>

#include <climits>
#include <vector>

#include "cli/train_blas.h"
#include "cli/train_commands.h"

// libtorch asks for the same large tensors again in every step. By default glibc gives them back to
// the system in between, and a third of the time went into pages that had to be cleared again.
void keep_freed_memory() {
#if defined(__GLIBC__)
  ::mallopt(M_MMAP_MAX, 0);
  ::mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
}

int main(int argc, char** argv) {
  using namespace stapes::cli;
  restart_with_right_blas_kernels(argv);
  keep_freed_memory();

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
