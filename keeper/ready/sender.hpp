// Who sent a message: what the kernel said with it, and what /proc said at the moment when it was read.
//
// Whether a sender belongs to a run is for others to judge, and it may end while they do; so what they need
// is taken down first. Three cases:
//
//   alive    everything is known
//   zombie   all is known too: its parent (the keeper, where its own parent has ended), group and session
//            stay until it is reaped
//   gone     reaped before its message was read: pid and uid, and what a pidfd can tell (the kernel says the
//            exit of one that is reaped from Linux 6.15 on, its parents never); no session, no parents
//
// To find fewer gone ones, read what has come (NotifySocket::drain) before reaping strangers. A child of the
// run that its parent reaped may be gone nevertheless, which is why sd_notify_barrier(3) exists.
#pragma once
#include <vector>

#include "protocol/home/home.hpp"

namespace keeper {

struct Sender {
  int pid = 0;       ///< 0: it is outside of our pid namespace. root can say another's (systemd-notify does)
  unsigned uid = 0;  ///< the real one, or another that it may take (unix(7), SCM_CREDENTIALS)
  Fd pidfd;          ///< from Linux 6.5 on (SO_PASSPIDFD); may be missing there too
  bool gone = true;  ///< nothing was found under its pid; what follows is empty
  int group = 0;     ///< process group
  int session = 0;
  std::vector<int> parents;  ///< nearest first, up to this process or pid 1; 64 at most
};

/// Fills in group, session and parents by `pid`. With a pidfd they are that process's for certain, and not
/// those of another that got its number since.
void look_up(Sender& sender);

}  // namespace keeper
