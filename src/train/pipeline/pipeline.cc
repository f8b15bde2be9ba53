#include "train/pipeline/pipeline.h"

#include <fmt/format.h>

#include "base/fail.h"
#include "base/file.h"
#include "train/pipeline/evaluation.h"
#include "train/pipeline/manifest.h"
#include "train/pipeline/stages.h"
#include "train/run/make_folder.h"
#include "train/run/session.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;

class PipelineRun {
 public:
  PipelineRun(const PipelineRecipe& recipe, const PipelineOptions& options)
      : recipe_(recipe), options_(options), manifest_(open_manifest()) {}

  PipelineResult run() {
    fs::path model = recipe_.init.empty() ? init_of(recipe_.stages.front()) : recipe_.init;
    for (const StageRecipe& stage : recipe_.stages) (void)init_of(stage);  // all can be read
    for (size_t i = 0; i < recipe_.stages.size(); ++i) {
      const StageRecipe& stage = recipe_.stages[i];
      fmt::print(stderr, "\n[{} of {}] {} ({})\n", i + 1, recipe_.stages.size(), stage.name,
                 name(stage.kind));
      if (!run_stage_of(stage, model))
        return {.finished = false, .stopped_in = stage.name, .output = {}};
      model = model_of(stage);
    }
    return {.finished = true, .stopped_in = "", .output = deliver(model)};
  }

 private:
  fs::path folder_of(const StageRecipe& stage) const { return recipe_.run_folder / stage.name; }
  fs::path model_of(const StageRecipe& stage) const { return folder_of(stage) / "model"; }

  Manifest open_manifest() const {
    const fs::path file = recipe_.run_folder / "manifest.json";
    const bool exists = fs::exists(file);
    if (options_.resume && !exists)
      fail(ErrorCode::kNotFound, "--resume: there is no {}", file.string());
    if (!options_.resume && exists)
      fail(ErrorCode::kUsage,
           "{} already holds a run of a pipeline; --resume goes on with it, or remove it or name "
           "another run_folder",
           recipe_.run_folder.string());
    make_folder(recipe_.run_folder);
    return exists ? Manifest::load(file) : Manifest(file);
  }

  // False: asked to stop.
  bool run_stage_of(const StageRecipe& stage, const fs::path& model) {
    const HashedPath input = model.empty() ? HashedPath{} : hashed(model);
    const HashedPath stage_recipe = hashed(stage.recipe);
    const StageEntry* known = manifest_.find(stage.name);
    // A stage that has saved nothing, because its recipe was wrong say, begins again.
    const bool keeps = known != nullptr &&
                       (known->state == StageState::kDone || has_begun(stage, folder_of(stage)));
    if (keeps) check_unchanged(*known, stage_recipe, input);
    if (known == nullptr || known->state == StageState::kBegun) {
      begin(stage, stage_recipe, input);
      if (!work(stage, model)) return false;
    } else {
      fmt::print(stderr, "done already, in {:.0f} s\n", known->seconds);
    }
    return score(stage);
  }

  void check_unchanged(const StageEntry& known, const HashedPath& stage_recipe,
                       const HashedPath& input) const {
    const auto changed = [&](const char* what, const HashedPath& path) {
      fail(ErrorCode::kInvalidData,
           "--resume: {} {} has changed since stage {} was {}; restore it, or begin again in "
           "another run_folder",
           what, path.path.string(), known.name,
           known.state == StageState::kDone ? "done" : "begun");
    };
    if (known.recipe.sha256 != stage_recipe.sha256) changed("the recipe", stage_recipe);
    if (known.input.sha256 != input.sha256) changed("the model", input);
    if (known.state == StageState::kDone && hashed(known.output.path).sha256 != known.output.sha256)
      changed("the model", known.output);
  }

  void begin(const StageRecipe& stage, const HashedPath& stage_recipe, const HashedPath& input) {
    StageEntry& entry = manifest_.entry(stage.name);
    entry.kind = name(stage.kind);
    entry.recipe = stage_recipe;
    entry.input = input;
    manifest_.save();
  }

  bool work(const StageRecipe& stage, const fs::path& model) {
    const auto start = Clock::now();
    const StageOutcome outcome = run_stage({.stage = stage,
                                            .folder = folder_of(stage),
                                            .init = model,
                                            .output = model_of(stage),
                                            .digits_folder = recipe_.digits_folder,
                                            .resume = has_begun(stage, folder_of(stage)),
                                            .stop = options_.stop});
    StageEntry& entry = manifest_.entry(stage.name);
    entry.seconds += seconds_since(start);
    entry.figures = outcome.figures;
    if (outcome.finished) {
      entry.output = hashed(model_of(stage));
      entry.state = StageState::kDone;
    }
    manifest_.save();
    return outcome.finished;
  }

  // False: asked to stop; the scores are begun again then.
  bool score(const StageRecipe& stage) {
    StageEntry& entry = manifest_.entry(stage.name);
    if (!recipe_.evaluation.any() || !entry.scores.is_null()) return true;
    try {
      entry.scores =
          evaluate_model(model_of(stage), recipe_.evaluation, recipe_.digits_folder, options_.stop);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kCancelled) throw;
      return false;
    }
    manifest_.save();
    return true;
  }

  // File by file and each whole, so that a full disk leaves no half of one.
  fs::path deliver(const fs::path& model) const {
    if (recipe_.output.empty()) return model;
    make_folder(recipe_.output);
    for (const auto& entry : fs::directory_iterator(model)) {
      const MappedFile file = MappedFile::open(entry.path());
      write_file_atomically(
          recipe_.output / entry.path().filename(),
          {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()});
    }
    return recipe_.output;
  }

  const PipelineRecipe& recipe_;
  const PipelineOptions& options_;
  Manifest manifest_;
};

}  // namespace

PipelineResult run_pipeline(const PipelineRecipe& recipe, const PipelineOptions& options) {
  return PipelineRun(recipe, options).run();
}

}  // namespace stapes::train
