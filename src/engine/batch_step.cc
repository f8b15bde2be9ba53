#include "engine/batch_step.h"

#include <cstdint>

namespace stapes {
namespace {

int64_t logit_rows(const DecoderStep& step) {
  switch (step.logits) {
    case LogitRows::kNone:
      return 0;
    case LogitRows::kLast:
      return 1;
    case LogitRows::kAll:
      return step.rows;
  }
  return 0;
}

// [T, D]: embeddings, and the adaptor's rows in place of <audio_patch>.
Tensor embed(const LoadedModel& model, std::span<const SequenceStep> steps) {
  std::vector<int64_t> ids;
  for (const SequenceStep& s : steps) s.sequence->append_ids(s.step, ids);
  Tensor x = model.model.decoder().embed(ids);
  int64_t first_row = 0;
  for (const SequenceStep& s : steps) {
    s.sequence->place_audio(s.step, x, first_row);
    first_row += s.step.rows;
  }
  return x;
}

}  // namespace

LogitsView run_steps(const LoadedModel& model, std::span<SequenceStep> steps,
                     DecoderWorkspace& workspace) {
  std::vector<DecoderStep> decoder_steps;
  for (const SequenceStep& s : steps) decoder_steps.push_back(s.step);
  const LogitsView logits =
      model.model.decoder().forward(embed(model, steps), decoder_steps, workspace);
  int64_t next_logits = 0;
  for (SequenceStep& s : steps) {
    const int64_t rows = logit_rows(s.step);
    if (rows > 0) s.first_logits = next_logits;
    next_logits += rows;
    s.sequence->step_done(s.step);
  }
  return logits;
}

}  // namespace stapes
