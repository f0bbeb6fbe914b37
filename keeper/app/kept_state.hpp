// What a keeper has in its state page: all that the next one needs to go on with the same program. The
// composition's own: it knows the machine and the edges.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "keeper/core/action.hpp"
#include "keeper/core/snapshot.hpp"
#include "keeper/survive/state_page.hpp"
#include "keeper/watch/oom.hpp"
#include "protocol/wire/messages.hpp"

namespace keeper {

/// One run as the system knows it.
struct KeptRun {
  RunId id = 0;
  int pid = 0;              ///< of its main process
  std::uint64_t start = 0;  ///< when that began (/proc/PID/stat): a number may be used again
  int session = 0;
  int keeper = 0;  ///< whose KEEPER_PID its processes carry: the one that started it
  bool main_ended = false;
  bool kill_all = false;
  bool sent_kill = false;
  std::uint32_t since = 0;         ///< the inbox's last entry when it was spawned: older ones mean others
  std::optional<ExitInfo> exit{};  ///< its main process has ended so, and the machine does not know it yet
  bool skips = false;              ///< a message on its channel is being thrown away
  int twin = -1;                   ///< its own number for the keeper's end of its channel; -1: it has none
  std::optional<WallTime> started_at{}, confirmed_at{};
  std::optional<WallTime> ended_at{};  ///< of the current run: written as KeptState::stopped_at
  Time began{0};
  std::string said_status{}, said_doing{};
  std::optional<unsigned> user{};  ///< that it runs as, where that is not the keeper's
  bool half_sent = false;          ///< it has the beginning of a message, and its end is lost with the keeper
  std::string why_killed{};        ///< why it was, or is to be, sent KILL
  std::optional<OomMark> oom{};  ///< at its start; nothing where there is no counter, or no room for its path
  bool operator==(const KeptRun&) const = default;
};

/// A process that belongs to no run any more.
struct KeptProcess {
  int pid = 0;
  std::uint64_t start = 0;  ///< when it began (process_start()): a number may be used again
  bool operator==(const KeptProcess&) const = default;
};
bool lives(const KeptProcess& process);

/// A signal that the machine has asked for, and that may not have been sent yet.
struct KeptSignal {
  RunId run = 0;
  int signal = 0;
  Scope scope = Scope::process;
  bool operator==(const KeptSignal&) const = default;
};

/// A listening socket of a cluster.
struct KeptSocket {
  std::string key{};  ///< by which workers ask for it
  std::string data{};
  std::string path{};  ///< in the file system; else empty
  int number = 0;      ///< by which the guard holds it
  std::uint64_t inode = 0;
  std::uint64_t path_inode = 0;
  RunId run = 0;     ///< that asked for it last
  RunId before = 0;  ///< that had it when this one asked
  bool operator==(const KeptSocket&) const = default;
};

/// A socket that is held for the program.
struct KeptListener {
  std::string place{};       ///< ListenAddress::place()
  std::uint64_t inode = 0;   ///< of the socket
  std::uint64_t device = 0;  ///< and file: of the path that it made
  std::uint64_t file = 0;
  bool operator==(const KeptListener&) const = default;
};

/// An upgrade that was asked for.
struct KeptUpgrade {
  std::string id{};  ///< by which its outcome is asked for; empty: nobody asks
  UpgradeState state = UpgradeState::under_way;
  std::string why{};  ///< failed: RoleTable::failed, or "lost"
  int keeper = 0;     ///< done: the keeper that came of it
  bool operator==(const KeptUpgrade&) const = default;
};

/// What is deleted at the end of an app, as long as the stop that asked for it is wanted. The numbers are for
/// good: they are written.
enum class Forget { nothing = 0, record = 1, all = 2 };

struct KeptState {
  std::string
      boot;  ///< the kernel's boot id: pids and the monotonic clock mean something under this one only
  int keeper = 0;
  Snapshot machine;
  std::vector<KeptRun> runs;
  std::optional<WallTime> started_at, confirmed_at, stopped_at, last_exit_at;
  Time started{0};
  std::vector<std::uint64_t> pipes;  ///< inodes: of stdout, or of stdout and stderr
  std::string notify;                ///< the name in NOTIFY_SOCKET, as in the environment
  std::string said_status, said_doing;
  std::vector<std::string> missed;
  std::string missed_text;
  std::vector<int> survivors;
  std::uint32_t inbox = 0;  ///< the last entry that was acted on
  std::vector<KeptSignal> signals;
  std::vector<KeptSocket> sockets;
  int twin = -1;  ///< KeptRun::twin of the run that is spawned last
  std::vector<KeptListener> listeners;
  std::vector<KeptUpgrade> upgrades;  ///< the last ones
  std::vector<KeptProcess> left;      ///< by runs, with kill_mode process
  Forget forget = Forget::nothing;
};

std::string to_bytes(const KeptState& state);
KeptState kept_state_from(std::string_view bytes);

/// What is in a page, of this boot; nothing where there is none. Under the app's lock.
std::optional<KeptState> kept_state_in(const StatePage& page);

/// The state that a keeper left which has ended, if a process of its current run lives on; under the app's
/// lock. A run whose keeper was killed between its spawn and the record of it is found by its claim; what
/// nobody has claimed will not be: it is given up.
struct LeftBehind {
  KeptState state;
  int pid = 0;            ///< of the current run's main process; 0: it lives no more, or is not spawned
  RunId claimed_run = 0;  ///< a run that has claimed its spawn, which the state does not know yet; 0: none
  int claimed_pid = 0;    ///< of that one; it may have ended
  bool ends = false;      ///< it was to stop: that is asked for again
};
/// `user`: that its runs are to run as, where that is not the keeper's.
std::optional<LeftBehind> left_behind(StatePage& page, const std::string& stem, std::optional<unsigned> user);
std::optional<LeftBehind> left_behind(const Home& home, const std::string& stem);
/// For the keeper that takes another's place at once: also where no process of it lives.
std::optional<LeftBehind> all_left_behind(StatePage& page);

}  // namespace keeper
