// The record of an app whose program has not been spawned for the first time yet: written before the keeper
// exists, and taken back if the program turns out to be one that cannot be run. An older record is kept aside
// meanwhile.
#pragma once
#include <string>

#include "protocol/store/home.hpp"

namespace keeper {

/// Writes the new spec, with an older one kept aside. Under the app's lock, like all of these.
Done write_first_record(const Home& home, const std::string& stem, const Spec& spec);
/// It has been spawned: the older one is forgotten.
void confirm_first_record(const Home& home, const std::string& stem);
/// It cannot be run: as it was before. `fresh`: there was nothing before. False where there is nothing to
/// take back: a recorded app was started again, and its record is to say what is wrong.
bool undo_first_record(const Home& home, const std::string& stem, bool fresh);

}  // namespace keeper
