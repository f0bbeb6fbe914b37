#include "ctl/ops/pidfd.hpp"

#include <poll.h>

#include <cerrno>

namespace keeper {

bool wait_for_end(const Fd& pidfd, const Deadline& deadline) {
  pollfd p{pidfd.get(), POLLIN, 0};
  while (true) {
    int ready = poll(&p, 1, deadline.left_for_poll());
    if (ready > 0) return true;
    if (ready == 0 && deadline.passed()) return false;
    if (ready < 0 && errno != EINTR) return false;
  }
}

}  // namespace keeper
