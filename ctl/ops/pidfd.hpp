// pidfds (pidfd_open(2)): waiting for processes that are not our children.
#pragma once
// glibc 2.36 declares these without extern "C".
extern "C" {
#include <sys/pidfd.h>
}

#include "protocol/client/client.hpp"

namespace keeper {

/// An Fd that becomes readable when the process ends; none if there is no such process (or no descriptor to
/// be had).
inline Fd open_pidfd(int pid) {
  return Fd(pidfd_open(pid, 0));
}

/// Whether the process has ended, waiting for that until the deadline.
bool wait_for_end(const Fd& pidfd, const Deadline& deadline);

}  // namespace keeper
