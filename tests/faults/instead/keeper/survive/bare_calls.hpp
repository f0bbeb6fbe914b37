// Stands in the place of the header of this name for the guard of keeper_faulty: its calls go by the seam.
#pragma once
#define call call_itself
#include "../../../../../keeper/survive/bare_calls.hpp"
#undef call

namespace keeper::bare {

long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0);

}  // namespace keeper::bare
