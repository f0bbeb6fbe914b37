// Stands in the place of the header of this name for the guard of keeper_faulty: it holds as many descriptors
// as an older guard.
#pragma once
#define kGuardWordsMost kGuardWordsMostNow
#include "../../../../../keeper/survive/guard_words.hpp"
#undef kGuardWordsMost

namespace keeper {

constexpr int kGuardWordsMost = 64;

}  // namespace keeper
