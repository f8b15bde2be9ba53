// stapes: listen, think, answer.
#include <vector>

#include "cli/commands.h"

int main(int argc, char** argv) {
  CLI::App program("Audio reasoning: listens to recordings, thinks, and answers.", "stapes");
  program.set_version_flag("--version", "stapes " STAPES_VERSION);
  program.footer("Run `stapes COMMAND --help` for the flags of a command.");

  using namespace stapes::cli;
  const std::vector<Command> commands = {
      add_ask_command(program),
      add_chat_command(program),
      add_serve_command(program),
      add_mel_command(program),
      add_measure_command(program),
      add_tokenize_command(program),
      add_inspect_command(program),
      add_quantize_command(program),
      add_trace_command(program),
      add_eval_world_command(program),
      add_eval_grounding_command(program),
      add_world_command(program),
      add_bench_command(program),
  };
  return run_program(program, commands, argc, argv);
}
