// What the peers read: a batch and a model as plain files.
#pragma once

#include <filesystem>

#include "spec/model_config.h"
#include "train/data/batch.h"
#include "train/nn/parameters.h"

namespace stapes::train {

// FOLDER/ids.npy, positions.npy, segments.npy, labels.npy [B, T] i64, mels.npy [C, S, M] f32,
// mel_lengths.npy [C], audio_rows.npy, audio_sources.npy [N] i64: the letters of data/batch.h.
void write_batch(const std::filesystem::path& folder, const Batch& batch);

// FOLDER/config.json and model.safetensors in f32.
void write_model(const std::filesystem::path& folder, const ModelConfig& config,
                 const Parameters& parameters);

}  // namespace stapes::train
