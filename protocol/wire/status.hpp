// Status: what is true of one app now. One row of `ctl list --json`, the reply to `status`, and the record
// status.json are this same object. Fields may be added, never renamed; every one is optional to a reader.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/wire/units.hpp"
#include "protocol/wire/words.hpp"

namespace keeper {

enum class State { starting, running, backoff, stopping, suspended, stopped, exited, fatal, unreachable };
template <>
inline constexpr std::array<WordOf<State>, 9> kWordsOf<State>{{{State::starting, "starting"},
                                                               {State::running, "running"},
                                                               {State::backoff, "backoff"},
                                                               {State::stopping, "stopping"},
                                                               {State::suspended, "suspended"},
                                                               {State::stopped, "stopped"},
                                                               {State::exited, "exited"},
                                                               {State::fatal, "fatal"},
                                                               {State::unreachable, "unreachable"}}};
/// Whether a keeper stands behind this state (all but stopped, exited and fatal, which cost nothing).
constexpr bool has_keeper(State s) {
  return s != State::stopped && s != State::exited && s != State::fatal;
}

enum class Wanted { up, down };
template <>
inline constexpr std::array<WordOf<Wanted>, 2> kWordsOf<Wanted>{{{Wanted::up, "up"}, {Wanted::down, "down"}}};

/// A process that its keeper has sent KILL, because it had not ended in time.
struct KilledProcess {
  int pid = 0;
  std::string command;  ///< "python3 serve.py": its words, made harmless and cut
  std::string reason;   ///< "it did not end within 20s of SIGTERM"
  bool operator==(const KilledProcess&) const = default;
};

/// How the last run ended.
struct LastExit {
  ExitInfo exit;
  std::optional<WallTime> at;
  std::int64_t after_ms = 0;  ///< how long it lived
  std::string cause;          ///< "crash", "exit", "stop", "restart", "keeper lost", "reboot"
  std::optional<int> pid;     ///< the run's pid
  /// Why its keeper sent the KILL that ended it; nothing where it did not.
  std::optional<std::string> kill_reason{};
  std::vector<KilledProcess> killed{};  ///< processes of that run that were sent KILL
  /// The processes that lived on when it had ended by itself: RunRecord::left_behind.
  std::optional<std::string> left_behind{};
};

/// What will happen by itself, and when.
struct Next {
  std::string action;  ///< "start"
  std::optional<WallTime> at;
};

struct LogFile {
  std::string stream;  ///< "all", "out", "err"
  std::string path;
  std::uint64_t bytes = 0;
  std::optional<std::string> trouble{};  ///< why it cannot be written or rotated just now
  std::uint64_t dropped = 0;             ///< bytes that there was no room for, since the keeper began
  std::uint64_t waiting = 0;             ///< bytes in memory that it could not take so far
};

/// Where log_syslog sends.
struct SyslogState {
  std::string target;                  ///< "local", "udp:HOST:PORT"
  std::uint64_t dropped = 0;           ///< messages that could not be sent, since the keeper began
  std::optional<std::string> trouble;  ///< why it cannot be sent just now
};

struct Status {
  std::string name;             ///< never carries the instance
  std::optional<int> instance;  ///< null while there is only one
  State state = State::stopped;
  bool ready = false;
  Wanted wanted = Wanted::down;
  std::optional<int> pid;
  std::optional<int> keeper_pid;
  std::optional<int> guard_pid;
  std::uint64_t run = 0;  ///< id of the current or last run; what stop, restart and signal can name
  std::vector<std::string> command;
  std::string cwd;
  std::string user;
  std::optional<WallTime> started_at;
  std::optional<WallTime> confirmed_at;  ///< of the run that began then; nothing while it is not
  std::optional<WallTime> stopped_at;
  std::optional<std::int64_t> uptime_ms;
  std::uint64_t restarts = 0;  ///< starts after the first one that nobody asked for
  std::optional<LastExit> last_exit;
  std::optional<Next> next;
  std::optional<std::string> spawn_error;  ///< "exec /srv/api: No such file or directory"
  std::optional<std::string> status_text;  ///< what the program says of itself (sd_notify(3), STATUS=)
  std::optional<std::string> doing;        ///< "reloading" or "stopping", as it says (sd_notify(3))
  /// Conditions of readiness that have not been shown yet; after a run that was not ready in time, those that
  /// it missed.
  std::vector<std::string> waiting_for;
  /// The same for people, with what came of asking last: "http:80 answered 500, notify: no READY=1 has come".
  std::optional<std::string> not_ready;
  /// Why it is fatal, exited or unreachable, why its run cannot be ended, or what may be wrong with its
  /// start.
  std::optional<std::string> reason;
  /// Processes of a run that could not be ended: KILL did not, or they may not be sent it.
  std::vector<int> survivors;
  /// Why nobody could go on where its keeper is, should that be killed now.
  std::optional<std::string> at_risk;
  /// Paths of UNIX sockets that its run listens at, where nobody can connect: the file is gone, or another's.
  std::vector<std::string> cut_off;
  std::vector<int> left;  ///< what ended runs left running, by kill_mode process
  std::vector<LogFile> logs;
  std::optional<SyslogState> syslog;          ///< where its lines go too, if anywhere
  std::optional<std::uint64_t> memory_bytes;  ///< resident memory of the tree
  std::optional<double> cpu_percent;          ///< of one core, since the last question
  std::string version;
  int protocol = 1;
  std::string boot_id;  ///< of the kernel that this was true under
  std::optional<std::uint64_t>
      pid_start;  ///< start time of `pid` in clock ticks since boot (proc(5), stat field 22)
};

/// The beginning of Status::reason if no keeper of the app can begin, and its guard tries that again.
inline constexpr std::string_view kCannotBegin = "its keeper cannot begin: ";

/// "api", or "api:2".
std::string label(const Status& status);

/// "killed pid 4711 (python3 serve.py), pid 4712 (sh): it did not end within 20s of SIGTERM"; the first few
/// where there are many. `said`: a reason that is not to be said again.
std::string killed_text(const std::vector<KilledProcess>& killed, const std::string& said = {});

/// Why its last start failed, for people: "it ended with code 1 after 0.100 s", "it was not ready in time:
/// tcp:8080 refused the connection".
std::string failed_start_text(const Status& status);

}  // namespace keeper
