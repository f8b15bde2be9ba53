// stapes trace: the numbers of one forward pass, to compare with the Python original.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/sounds.h"
#include "engine/generator.h"
#include "engine/trace.h"

namespace stapes::cli {
namespace {

struct TraceOptions {
  std::string file;
  std::string question;
  std::string folder;
  ModelFlag model;
  EngineFlags engine;
};

int run_trace(const TraceOptions& options) {
  check_question(options.question);
  Request request;
  const Sound sound = load_sound(options.file, request.clips);
  request.messages = {user_turn({sound}, options.question)};
  const Generator generator = Generator::open(options.model.path(), options.engine.options());
  const Trace trace = generator.trace(request);
  write_trace(trace, options.folder);
  for (const ClipTrace& clip : trace.clips)
    write_stdout(fmt::format("clip: mel {}, encoder {}, adaptor {}\n", to_string(clip.mel.shape()),
                             to_string(clip.encoder.shape()), to_string(clip.adaptor.shape())));
  write_stdout(fmt::format("prompt_ids [{}], logits [{}] in {}\n", trace.prompt_ids.size(),
                           trace.logits.size(), options.folder));
  return 0;
}

}  // namespace

Command add_trace_command(CLI::App& program) {
  auto options = std::make_shared<TraceOptions>();
  CLI::App* app = add_subcommand(program, "trace", "[OPTIONS] FILE QUESTION --out FOLDER",
                                 "Write the numbers of one forward pass as .npy files");
  app->add_option("FILE", options->file, "A sound file (-: standard input)")->required();
  app->add_option("QUESTION", options->question, "What is asked about it")->required();
  app->add_option("--out", options->folder, "Where the files go; made where it does not exist")
      ->required()
      ->type_name("FOLDER");
  options->model.add_to(*app);
  options->engine.add_to(*app);
  app->footer(
      "mel.npy [frames, bands], encoder.npy [frames/4, width], adaptor.npy [tokens, width],\n"
      "prompt_ids.npy [tokens], logits.npy [vocabulary] after the last prompt token.\n"
      "Pieces after the first (of sound longer than 25 s) are mel.1.npy, encoder.1.npy, ...");
  return {app, [options] { return run_trace(*options); }};
}

}  // namespace stapes::cli
