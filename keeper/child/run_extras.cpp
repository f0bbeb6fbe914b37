#include "keeper/child/run_extras.hpp"

#include <algorithm>

namespace keeper {

int RunExtras::free_number(const Descriptors& inherited) const {
  int out = kFirstPassedFd;
  for (const ExtraFd& extra : fds)
    out = std::max(out, extra.to + 1);
  if (!inherited.empty()) out = std::max(out, *inherited.rbegin() + 1);
  return out;
}

}  // namespace keeper
