#include "train/run/session.h"

#include <ATen/autocast_mode.h>
#include <dlfcn.h>
#include <torch/cuda.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/log.h"
#include "train/run/make_folder.h"

namespace stapes::train {

namespace fs = std::filesystem;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

DType save_dtype(const std::string& name) {
  if (name == "f32") return DType::kF32;
  return name == "f16" ? DType::kF16 : DType::kBF16;
}

torch::Device prepare_libtorch(int threads, const std::string& dtype) {
  torch::set_num_threads(threads);
  // Debian's OpenBLAS keeps a thread pool of its own, which libtorch does not tell.
  using SetThreads = void (*)(int);
  if (const auto set_threads =
          reinterpret_cast<SetThreads>(::dlsym(RTLD_DEFAULT, "openblas_set_num_threads")))
    set_threads(threads);
  // Debian's oneDNN gives wrong gradients of gelu for some layouts in f32; with bf16 it is the
  // only exact path (docs/training.md). Our layouts are contiguous, so bf16 keeps it on.
  at::globalContext().setUserEnabledMkldnn(dtype == "bf16");
  return torch::cuda::is_available() ? torch::Device(torch::kCUDA) : torch::Device(torch::kCPU);
}

Bf16Products::Bf16Products(bool enabled, torch::Device device)
    : enabled_(enabled), cuda_(device.is_cuda()) {
  if (!enabled_) return;
  if (cuda_) {
    at::autocast::set_autocast_gpu_dtype(at::kBFloat16);
    at::autocast::set_enabled(true);
  } else {
    at::autocast::set_autocast_cpu_dtype(at::kBFloat16);
    at::autocast::set_cpu_enabled(true);
  }
}

Bf16Products::~Bf16Products() {
  if (!enabled_) return;
  if (cuda_)
    at::autocast::set_enabled(false);
  else
    at::autocast::set_cpu_enabled(false);
  at::autocast::clear_cache();
}

namespace {

std::optional<fs::path> open_run_alone(const fs::path& run_folder, const std::string& recipe_text,
                                       bool resume) {
  std::error_code error;
  fs::create_directories(run_folder, error);
  if (error)
    fail(ErrorCode::kIo, "cannot create the run's folder {}: {}", run_folder.string(),
         error.message());
  std::optional<fs::path> checkpoint = latest_checkpoint(run_folder);
  if (resume && !checkpoint)
    fail(ErrorCode::kNotFound, "--resume: no checkpoint in {}",
         (run_folder / "checkpoints").string());
  if (!resume && checkpoint)
    fail(ErrorCode::kUsage,
         "{} already holds a run ({}); --resume goes on with it, or remove it or name another "
         "run_folder",
         run_folder.string(), checkpoint->filename().string());
  if (!resume) write_file_atomically(run_folder / "recipe.toml", recipe_text);
  remove_unfinished_checkpoints(run_folder);
  return checkpoint;
}

}  // namespace

std::string done_by_the_first(const Ranks& ranks, const std::string& what,
                              const std::function<std::string()>& work) {
  if (ranks.alone()) return work();
  constexpr const char* kDone = "done:";
  std::string said;
  std::optional<Error> error;
  if (ranks.leads()) try {
      said = kDone + work();
    } catch (const Error& thrown) {
      error = thrown;
      said = fmt::format("{}:{}", static_cast<int>(thrown.code()), thrown.what());
    }
  said = ranks.gather(said, what).front();
  if (error) throw *error;
  const std::string text = said.substr(said.find(':') + 1);
  if (!said.starts_with(kDone)) throw Error(static_cast<ErrorCode>(std::stoi(said)), text);
  return text;
}

std::optional<fs::path> open_run(const fs::path& run_folder, const std::string& recipe_text,
                                 bool resume, const Ranks& ranks) {
  const std::string checkpoint = done_by_the_first(ranks, "the run's folder", [&] {
    return open_run_alone(run_folder, recipe_text, resume).value_or("").string();
  });
  return checkpoint.empty() ? std::nullopt : std::optional<fs::path>(checkpoint);
}

fs::path log_folder(const fs::path& run_folder, const Ranks& ranks) {
  if (ranks.leads()) return run_folder;
  const fs::path folder = run_folder / fmt::format("rank-{}", ranks.rank());
  make_folder(folder);
  return folder;
}

void check_unchanged(const fs::path& checkpoint, const TrainerState& state,
                     const TrainerState& expected) {
  if (state.stage != expected.stage)
    fail(ErrorCode::kInvalidData, "--resume: {} is of the stage {}, not of {}", checkpoint.string(),
         state.stage, expected.stage);
  if (state.recipe != expected.recipe)
    fail(ErrorCode::kInvalidData,
         "--resume: the recipe is not the one that {} was made with; give the old recipe, or "
         "start a new run from that folder as model.init",
         checkpoint.string());
  if (state.fingerprint != expected.fingerprint)
    fail(ErrorCode::kInvalidData, "--resume: the training data have changed since {}: {}, now {}",
         checkpoint.string(), state.fingerprint, expected.fingerprint);
}

Parameters on_cpu(const Parameters& parameters) {
  Parameters copy = parameters;
  for (const auto& name : copy.names()) copy.at(name) = copy[name].detach().cpu().contiguous();
  return copy;
}

void StepGuard::note(const std::string& trouble, int64_t step, const fs::path& run_folder,
                     const std::string& hint) {
  in_a_row_ = trouble.empty() ? 0 : in_a_row_ + 1;
  if (trouble.empty()) return;
  spdlog::warn("step {}: {}; the step was skipped", step, trouble);
  if (in_a_row_ < limit_) return;
  fail(ErrorCode::kInvalidData,
       "{} steps in a row were skipped: {}; the last good checkpoint is {}{}", limit_, trouble,
       latest_checkpoint(run_folder).value_or("none").string(), hint);
}

}  // namespace stapes::train
