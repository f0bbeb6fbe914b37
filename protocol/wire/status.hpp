// Status: the current state of one app. A row of `ctl list --json`, the reply to `status`, and the record
// status.json are this same object. Fields may be added, never renamed; every one is optional to a reader.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/units.hpp"
#include "protocol/base/words.hpp"
#include "protocol/wire/exit.hpp"

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
/// Returns whether this state has a keeper (all except stopped, exited and fatal, which cost nothing).
constexpr bool has_keeper(State s) {
  return s != State::stopped && s != State::exited && s != State::fatal;
}

enum class Wanted { up, down };
template <>
inline constexpr std::array<WordOf<Wanted>, 2> kWordsOf<Wanted>{{{Wanted::up, "up"}, {Wanted::down, "down"}}};

/// A process to which its keeper sent KILL because it had not ended in time.
struct KilledProcess {
  int pid = 0;
  std::string command;  ///< "python3 serve.py": its words, made harmless and cut
  std::string reason;   ///< "it did not end within 20s of SIGTERM"
  bool operator==(const KilledProcess&) const = default;

  static void fields(auto&& v) {
    v("pid", &KilledProcess::pid, "the process");
    v("command", &KilledProcess::command, "what it was executed as");
    v("reason", &KilledProcess::reason, "which stop signals it did not heed, and for how long");
  }
};

/// The end of the last run.
struct LastExit {
  ExitInfo exit;
  std::optional<WallTime> at;
  std::int64_t after_ms = 0;  ///< how long it lived
  std::string cause;          ///< "crash", "exit", "stop", "restart", "keeper lost", "reboot"
  std::optional<int> pid;     ///< the run's pid
  /// Why its keeper sent the KILL that ended it; nothing if it did not.
  std::optional<std::string> kill_reason{};
  std::vector<KilledProcess> killed{};  ///< processes of that run that were sent KILL
  /// The processes that outlived it when it had ended by itself: RunRecord::left_behind.
  std::optional<std::string> left_behind{};
};

/// The next action of the keeper's own accord, and its time.
struct Next {
  std::string action;  ///< "start"
  std::optional<WallTime> at;

  static void fields(auto&& v) {
    v("action", &Next::action, "what will be done");
    v("at", &Next::at, "when");
  }
};

struct LogFile {
  std::string stream;  ///< "all", "out", "err"
  std::string path;
  std::uint64_t bytes = 0;
  std::optional<std::string> trouble{};  ///< why it cannot be written or rotated; nothing if it can
  std::uint64_t dropped = 0;             ///< bytes that were dropped for want of room, since the keeper began
  std::uint64_t waiting = 0;             ///< bytes in memory that the log has not taken yet

  static void fields(auto&& v) {
    v("stream", &LogFile::stream, "all, out or err");
    v("path", &LogFile::path, "absolute path");
    v("bytes", &LogFile::bytes, "size now");
    v("trouble", &LogFile::trouble, "why it cannot be written or rotated just now");
    v("dropped", &LogFile::dropped, "bytes that there was no room for");
    v("waiting", &LogFile::waiting, "bytes in memory that it could not take so far");
  }
};

/// The destination of log_syslog.
struct SyslogState {
  std::string target;                  ///< "local", "udp:HOST:PORT"
  std::uint64_t dropped = 0;           ///< messages that could not be sent, since the keeper began
  std::optional<std::string> trouble;  ///< why nothing can be sent; nothing if it can

  static void fields(auto&& v) {
    v("target", &SyslogState::target, "local, or udp:HOST:PORT");
    v("dropped", &SyslogState::dropped, "messages that could not be sent");
    v("trouble", &SyslogState::trouble, "why it cannot be sent just now");
  }
};

struct Status {
  std::string name;             ///< without the instance
  std::optional<int> instance;  ///< null if there is only one
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
  std::optional<WallTime> confirmed_at;  ///< of the run that began then; nothing until then
  std::optional<WallTime> stopped_at;
  std::optional<std::int64_t> uptime_ms;
  std::uint64_t restarts = 0;  ///< starts after the first one that no user asked for
  std::optional<LastExit> last_exit;
  std::optional<Next> next;
  std::optional<std::string> spawn_error;  ///< "exec /srv/api: No such file or directory"
  std::optional<std::string> status_text;  ///< the program's own text (sd_notify(3), STATUS=)
  std::optional<std::string> doing;        ///< "reloading" or "stopping", from the program (sd_notify(3))
  /// Conditions of readiness that have not been met yet; after a run that was not ready in time, those that
  /// it missed.
  std::vector<std::string> waiting_for;
  /// The same for people, with the last answers: "http:80 answered 500, notify: no READY=1 has come".
  std::optional<std::string> not_ready;
  /// Why it is fatal, exited or unreachable, why its run cannot be ended, or a possible fault of its start.
  std::optional<std::string> reason;
  /// Processes of a run that could not be ended: KILL did not end them, or was not permitted.
  std::vector<int> survivors;
  /// Why no successor could take over if its keeper were killed now.
  std::optional<std::string> at_risk;
  /// Paths of UNIX sockets on which its run listens out of reach: the file is gone, or another's.
  std::vector<std::string> cut_off;
  std::vector<int> left;  ///< processes that ended runs left, by kill_mode process
  std::vector<LogFile> logs;
  std::optional<SyslogState> syslog;          ///< the second destination of its lines, if any
  std::optional<std::uint64_t> memory_bytes;  ///< resident memory of the tree
  std::optional<double> cpu_percent;          ///< of one core, since the last request
  std::string version;
  int protocol = 1;
  std::string boot_id;  ///< of the boot under which this was true
  std::optional<std::uint64_t>
      pid_start;  ///< start time of `pid` in clock ticks since boot (proc(5), stat field 22)

  static void fields(auto&& v) {
    v("name", &Status::name, "the app; never carries the instance");
    v("instance", &Status::instance, "null while there is only one, else 0, 1, ...");
    v("state", &Status::state,
      "starting, running, backoff, stopping, suspended, stopped, exited, fatal, unreachable");
    v("ready", &Status::ready, "the run has confirmed that it works");
    v("wanted", &Status::wanted, "up or down");
    v("pid", &Status::pid, "the program's process, null when there is none");
    v("keeper_pid", &Status::keeper_pid, "the keeper's process");
    v("guard_pid", &Status::guard_pid, "the guard's process, null without one");
    v("run", &Status::run, "id of the current or last run");
    v("command", &Status::command, "what is executed");
    v("cwd", &Status::cwd, "directory it runs in");
    v("user", &Status::user, "user it runs as");
    v("started_at", &Status::started_at, "start of the current or last run");
    v("confirmed_at", &Status::confirmed_at, "when that run was known to work; null if it is not");
    v("stopped_at", &Status::stopped_at, "end of the last run, null while one lives");
    v("uptime_ms", &Status::uptime_ms, "how long the current run has lived");
    v("restarts", &Status::restarts, "starts after the first one that nobody asked for");
    v("last_exit", &Status::last_exit, "how the last run ended");
    v("next", &Status::next, "what happens by itself, and when");
    v("spawn_error", &Status::spawn_error, "why the last start failed before the program ran");
    v("status_text", &Status::status_text, "what the program says of itself (sd_notify)");
    v("doing", &Status::doing, "reloading or stopping, as the program says (sd_notify)");
    v("waiting_for", &Status::waiting_for,
      "conditions of readiness not shown yet, or missed by the last run");
    v("not_ready", &Status::not_ready, "the same in words, with the last answers");
    v("reason", &Status::reason, "why it is fatal, exited or unreachable, or why its run cannot be ended");
    v("survivors", &Status::survivors, "processes of a run that could not be ended");
    v("left", &Status::left, "processes that ended runs left running (kill_mode process)");
    v("at_risk", &Status::at_risk,
      "why a killed keeper would not be followed just now, and what to do about it; null: it would");
    v("cut_off", &Status::cut_off, "paths that it listens at, whose file is gone or another's");
    v("logs", &Status::logs, "where its output is");
    v("syslog", &Status::syslog, "where its lines are sent too; null: nowhere");
    v("memory_bytes", &Status::memory_bytes, "resident memory of its processes");
    v("cpu_percent", &Status::cpu_percent, "of one core, since the last question");
    v("version", &Status::version, "of the keeper");
    v("protocol", &Status::protocol, "of the wire");
    v("boot_id", &Status::boot_id, "the kernel's boot that this was true under");
    v("pid_start", &Status::pid_start, "start time of pid, in clock ticks since boot");
  }
};

/// The beginning of Status::reason if no keeper of the app can begin, and its guard retries that.
inline constexpr std::string_view kCannotBegin = "its keeper cannot begin: ";

/// Returns "api", or "api:2".
std::string label(const Status& status);

/// Returns "killed pid 4711 (python3 serve.py), pid 4712 (sh): it did not end within 20s of SIGTERM"; the
/// first few of many. `said`: a reason that is not repeated.
std::string killed_text(const std::vector<KilledProcess>& killed, const std::string& said = {});

/// Says why its last start failed, for people: "it ended with code 1 after 0.100 s", "it was not ready in
/// time: tcp:8080 refused the connection".
std::string failed_start_text(const Status& status);

}  // namespace keeper
