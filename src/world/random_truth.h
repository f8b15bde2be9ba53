// Truths without sound: what clips could be about.
#pragma once

#include "base/rng.h"
#include "world/world.h"

namespace stapes::world {

// Digits and speakers, no times. As often one speaker as several.
Truth random_speech_truth(int max_digits, Rng& rng);
// A clip that the task can be asked about, of at most four digits or eight notes.
Truth random_truth(Task task, Rng& rng);

}  // namespace stapes::world
