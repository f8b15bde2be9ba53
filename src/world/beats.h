// Clips of short pulses: clicks, drums, wood blocks.
#pragma once

#include "base/rng.h"
#include "world/world.h"

namespace stapes::world {

// What will sound, without its sound: 3 to max_beats pulses in at most about 7 s, at equal times or
// a little off them (notes_per_second is 0 then), all about equally loud.
Truth plan_beats(int max_beats, Rng& rng);

// The sound of a plan, all pulses of one kind.
Clip render_beats(const Truth& plan, bool augment, Rng& rng);

}  // namespace stapes::world
