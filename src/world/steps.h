// The steps of thinking that are the same whether the events were heard or read.
#pragma once

#include <string>
#include <vector>

#include "world/world.h"

namespace stapes::world {

using Events = std::vector<Event>;

// "1 digit", "3 digits"
std::string counted(size_t count, const char* thing);
// "3 + 7 = 10. 10 + 1 = 11."; of one digit "The sum is 3."
std::string running_sum(const Events& events);
// "3 < 7, so 7. 7 > 1, so 7."; of one digit "The largest is 3."
std::string running_maximum(const Events& events);
// "1, 2, 3"
std::string tally(size_t count);

bool one_speaker(const Events& events);
// Of the events up to and with `last`: steps up, and the place of the highest note.
size_t rises_until(const Events& events, size_t last);
size_t highest_until(const Events& events, size_t last);

// 0 for the loudest, -3, -6, ...: in steps of 3 dB.
std::vector<int> levels_below_loudest_db(const Events& events);

// Throws kUsage unless the clip is one that the task can be asked about.
void require_events_of(Task task, const Truth& truth);

}  // namespace stapes::world
