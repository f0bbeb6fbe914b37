// Apps that nobody can be asked about: which kind each is, and what to say of it.
#pragma once
#include "protocol/client/fleet.hpp"

namespace keeper {

/// A keeper holds its lock and does not answer: nothing can be asked of it. What to do about that.
bool is_deaf(const Row& row);
Error deaf(const Row& row);
/// Whether its guard tries to start a keeper, which cannot begin.
bool cannot_begin(const Row& row);
/// Its keeper cannot end its run, and starts no other one beside it. Why.
bool is_stuck(const Row& row);
Error stuck(const Row& row);
/// The keeper was killed and the program runs on.
bool is_orphan(const Row& row);

}  // namespace keeper
