// The sender of a message: the kernel's data of the message, and those of /proc at the moment of its reading.
//
// The caller judges whether a sender belongs to a run, and the sender may end meanwhile; so the necessary
// facts are recorded first. Three cases:
//
//   alive    everything is known
//   zombie   everything is known too: its parent (the keeper, if its own parent has ended), group and session
//            stay until it is reaped
//   gone     reaped before its message was read: pid and uid, and the data of a pidfd (the kernel keeps the
//            exit of a reaped one from Linux 6.15 on, its parents never); no session, no parents
//
// Reading messages (NotifySocket::drain) before reaping strangers makes gone ones rarer. A child of the run
// that its parent reaped may be gone nevertheless, which is why sd_notify_barrier(3) exists.
#pragma once
#include <vector>

#include "protocol/base/fd.hpp"

namespace keeper {

struct Sender {
  int pid = 0;       ///< 0: outside of our pid namespace. root can claim another pid (systemd-notify does)
  unsigned uid = 0;  ///< the real one, or another permitted one (unix(7), SCM_CREDENTIALS)
  Fd pidfd;          ///< from Linux 6.5 on (SO_PASSPIDFD); may be missing there too
  bool gone = true;  ///< nothing was found under its pid; the rest is empty
  int group = 0;     ///< process group
  int session = 0;
  std::vector<int> parents;  ///< nearest first, up to this process or pid 1; 64 at most
};

/// Fills in group, session and parents by `pid`. A pidfd guarantees that they belong to that process, and not
/// to a later one with the same number.
void look_up(Sender& sender);

}  // namespace keeper
