// Clips of melodies.
#pragma once

#include "world/timbre.h"
#include "world/world.h"

namespace stapes::world {

// What a melody will be, without its sound: notes with times, and the loudness course.
// Event::level_db is relative to the others here. The highest note is always a single one, so that
// every question has one answer.
Truth plan_melody(int max_notes, Rng& rng);

// The sound of a plan in one of the timbres.
Clip render_melody(const Truth& plan, const Timbres& timbres, bool augment, Rng& rng);

}  // namespace stapes::world
