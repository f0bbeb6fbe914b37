// The ended runs of an app, and its events as they happen. RunRecord is one entry of the flight recorder: the
// reply to `why` and the record status.json hold the last 32. Every member is optional to a reader.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/wire/status.hpp"

namespace keeper {

inline constexpr std::size_t kMostRuns = 32;
inline constexpr std::size_t kMostOutputLines = 20;
inline constexpr std::size_t kMostOutputBytes = 2048;

/// The client or process that asked for the end of a run.
struct Asker {
  std::string by;          ///< "stop", "restart" or "reload" on the wire; "Ctrl-C", "SIGTERM" to the keeper
  std::optional<int> pid;  ///< of the process that asked (SO_PEERCRED, unix(7); si_pid for a signal)
  std::optional<unsigned> uid;  ///< its user
  std::string user;             ///< the user's name; empty if unknown

  static void fields(auto&& v) {
    v("by", &Asker::by, "stop, restart or reload on the wire; Ctrl-C, SIGTERM to the keeper");
    v("pid", &Asker::pid, "the process that asked");
    v("uid", &Asker::uid, "its user");
    v("user", &Asker::user, "the user's name; empty where it is not known");
  }
};

/// The decision that followed the end of a run.
struct Decision {
  std::string action;                    ///< "restart", "backoff", "exited", "fatal", "stopped"
  std::optional<std::int64_t> delay_ms;  ///< until the next start, for the first two
  std::string reason;

  static void fields(auto&& v) {
    v("action", &Decision::action, "restart, backoff, exited, fatal, stopped");
    v("delay_ms", &Decision::delay_ms, "until the next start");
    v("reason", &Decision::reason, "why");
  }
};

/// Lines of output as one text, each but the last followed by '\n'. A list of texts on the wire.
struct OutputLines {
  std::string text;
};

/// One run that has ended, or a start that failed before there was a process.
struct RunRecord {
  std::uint64_t run = 0;
  std::optional<int> pid;  ///< nothing if it could not be spawned
  std::optional<WallTime> started_at;
  std::optional<WallTime> confirmed_at;  ///< nothing: never
  std::optional<WallTime> ended_at;      ///< nothing: it was not observed
  std::optional<ExitInfo> exit;          ///< nothing if it could not be spawned
  std::string cause;                     ///< as in LastExit; also "spawn failed", "out of memory"
  std::optional<Asker> asked_by;
  std::int64_t lived_ms = 0;
  std::optional<std::uint64_t> max_memory_bytes;  ///< the largest resident size of one of its processes
  std::optional<std::int64_t> cpu_ms;
  /// The conditions that a run did not meet in time: "http:80 answered 500, fd:3: no newline has come".
  std::optional<std::string> not_ready;
  /// The reason for KILL: "it did not end within 10s of SIGTERM". Nothing if KILL did not end it.
  std::optional<std::string> kill_reason;
  std::vector<KilledProcess> killed{};  ///< its processes that were sent KILL
  /// The processes that outlived its main process when that ended by itself: "left 3 processes behind (nginx:
  /// worker process), which were ended"; with the question whether it goes into the background if that is
  /// likely.
  std::optional<std::string> left_behind{};
  /// Number of processes of its cgroup that the kernel killed for want of memory while it ran, including
  /// itself if the cause is "out of memory". Nothing: none, or unknown.
  std::optional<std::uint64_t> oom_kills{};
  std::optional<std::int64_t> clearing_ms{};  ///< time until nothing of it was left
  std::optional<std::string> error;           ///< why it could not be spawned
  std::optional<Decision> decision;           ///< nothing while it is undecided
  OutputLines output;

  static void fields(auto&& v) {
    v("run", &RunRecord::run, "its number");
    v("pid", &RunRecord::pid, "its process; null where it could not be spawned");
    v("started_at", &RunRecord::started_at, "its start");
    v("confirmed_at", &RunRecord::confirmed_at, "since when it was known to work; null: never");
    v("ended_at", &RunRecord::ended_at, "its end");
    v("exit", &RunRecord::exit, "code or signal; null where it could not be spawned");
    v("cause", &RunRecord::cause, "why it ended");
    v("asked_by", &RunRecord::asked_by, "who asked for its end; null: nobody");
    v("lived_ms", &RunRecord::lived_ms, "how long it lived");
    v("max_memory_bytes", &RunRecord::max_memory_bytes, "the largest resident size of one of its processes");
    v("cpu_ms", &RunRecord::cpu_ms, "processor time");
    v("not_ready", &RunRecord::not_ready,
      "what it had not shown in time; null where that is not why it ended");
    v("kill_reason", &RunRecord::kill_reason, "why its keeper sent the KILL that ended it; null: it did not");
    v("killed", &RunRecord::killed, "its processes that were sent KILL, because they had not ended in time");
    v("left_behind", &RunRecord::left_behind,
      "what lived on when its main process had ended by itself; null: nothing");
    v("oom_kills", &RunRecord::oom_kills,
      "how many processes of its cgroup the kernel killed for want of memory while it ran; null: none");
    v("clearing_ms", &RunRecord::clearing_ms,
      "how long it took until nothing of it was left; null: nothing was");
    v("error", &RunRecord::error, "why it could not be spawned");
    v("decision", &RunRecord::decision, "what was decided then; null while that is open");
    v("output", &RunRecord::output, "its last lines; {\"base64\": ...} for a line that is not UTF-8");
  }
};

struct RunHistory {
  std::vector<RunRecord> runs;               ///< newest last
  std::optional<std::uint64_t> oom_kills{};  ///< of the current run so far: RunRecord::oom_kills

  static void fields(auto&& v) {
    v("runs", &RunHistory::runs, "newest last");
    v("oom_kills", &RunHistory::oom_kills, "of the current run: as in one that has ended");
  }
};

/// One notification of an `events` stream.
struct AppEvent {
  std::uint64_t stream = 0;
  std::string event;  ///< "now" first, "left" last, "dropped"; else a name of action::What
  std::optional<WallTime> at;
  std::string name;
  std::optional<int> instance;
  State state = State::stopped;
  bool ready = false;
  std::uint64_t run = 0;
  std::optional<int> pid;
  std::optional<ExitInfo> exit;  ///< of "exited"
  std::optional<std::string> cause;
  std::optional<WallTime> until;         ///< of "backoff": the next start
  std::optional<std::string> text;       ///< the fault, or the asker; the JSON of "message"
  std::optional<std::uint64_t> dropped;  ///< of "dropped": events that were skipped for this slow subscriber
  std::optional<Status> status;          ///< of "now" and "left"

  static void fields(auto&& v) {
    v("stream", &AppEvent::stream, "of the reply to events");
    v("event", &AppEvent::event, "what has happened");
    v("at", &AppEvent::at, "when");
    v("name", &AppEvent::name, "the app");
    v("instance", &AppEvent::instance, "null while there is only one");
    v("state", &AppEvent::state, "what it is now");
    v("ready", &AppEvent::ready, "the current run has confirmed that it works");
    v("run", &AppEvent::run, "the run that this is about");
    v("pid", &AppEvent::pid, "its process");
    v("exit", &AppEvent::exit, "code or signal, of exited");
    v("cause", &AppEvent::cause, "why it ended, of exited and stopping");
    v("until", &AppEvent::until, "the next start, of backoff");
    v("text", &AppEvent::text, "what went wrong, or who asked");
    v("dropped", &AppEvent::dropped, "events that were not sent: too many were unread");
    v("status", &AppEvent::status, "all of it, of now and left");
  }
};

/// Returns the run that a record says was alive and whose end was not observed: its keeper was killed, or the
/// machine went down. `cause` is "keeper lost" or "reboot".
RunRecord lost_run(const Status& record, std::string_view cause);

/// Appends a run; removes the oldest if there are more than kMostRuns.
void add_run(std::vector<RunRecord>& runs, RunRecord run);

/// "ctl stop by web (uid 1000, pid 123)", "Ctrl-C".
std::string asker_text(const Asker& asker);

}  // namespace keeper
