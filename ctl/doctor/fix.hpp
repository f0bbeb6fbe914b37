// Mends what `ctl doctor` found and what can be mended safely: nothing that ends a program or loses output.
#pragma once
#include <vector>

#include "ctl/doctor/findings.hpp"

namespace keeper {

/// Each under the lock of its app, and only where it is still so under that lock. A finding that was mended
/// says so (`fixed`, and as its remedy what was done); one that could not be says why.
void mend(const Home& home, std::vector<Found>& found);

}  // namespace keeper
