// What is known of runs that have ended, and news of an app as it happens. RunRecord is one entry of the
// flight recorder: the reply to `why` and the record status.json hold the last 32. Every member is optional
// to a reader.
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

/// Who asked for the end of a run.
struct Asker {
  std::string by;          ///< "stop", "restart" or "reload" on the wire; "Ctrl-C", "SIGTERM" to the keeper
  std::optional<int> pid;  ///< of the process that asked (SO_PEERCRED, unix(7); si_pid for a signal)
  std::optional<unsigned> uid;  ///< its user
  std::string user;             ///< the user's name; empty where it is not known
};

/// What was decided about a run's end.
struct Decision {
  std::string action;                    ///< "restart", "backoff", "exited", "fatal", "stopped"
  std::optional<std::int64_t> delay_ms;  ///< until the next start, of the first two
  std::string reason;
};

/// Lines of output as one text, each but the last followed by '\n'. On the wire: a list of texts.
struct OutputLines {
  std::string text;
};

/// One run that has ended, or a start that failed before there was a process.
struct RunRecord {
  std::uint64_t run = 0;
  std::optional<int> pid;  ///< nothing where it could not be spawned
  std::optional<WallTime> started_at;
  std::optional<WallTime> confirmed_at;  ///< nothing: never
  std::optional<WallTime> ended_at;      ///< nothing: nobody saw it
  std::optional<ExitInfo> exit;          ///< nothing where it could not be spawned
  std::string cause;                     ///< as in LastExit; "spawn failed", "out of memory" too
  std::optional<Asker> asked_by;
  std::int64_t lived_ms = 0;
  std::optional<std::uint64_t> max_memory_bytes;  ///< the largest resident size of one of its processes
  std::optional<std::int64_t> cpu_ms;
  /// Of one that was not ready in time: what it had not shown, "http:80 answered 500, fd:3: no newline has
  /// come".
  std::optional<std::string> not_ready;
  /// Why its keeper sent KILL: "it did not end within 10s of SIGTERM". Nothing where that did not end it.
  std::optional<std::string> kill_reason;
  std::vector<KilledProcess> killed{};  ///< of all its processes those that were sent KILL
  /// The processes that lived on when its main process had ended by itself: "left 3 processes behind (nginx:
  /// worker process), which were ended"; with the question whether it goes into the background, where that
  /// makes sense.
  std::optional<std::string> left_behind{};
  /// How many processes of its cgroup the kernel killed for want of memory while it ran; itself too, where
  /// the cause is "out of memory". Nothing: none, or nobody can tell.
  std::optional<std::uint64_t> oom_kills{};
  std::optional<std::int64_t> clearing_ms{};  ///< how long it took until nothing of it was left
  std::optional<std::string> error;           ///< why it could not be spawned
  std::optional<Decision> decision;           ///< nothing while it is open
  OutputLines output;
};

struct RunHistory {
  std::vector<RunRecord> runs;               ///< newest last
  std::optional<std::uint64_t> oom_kills{};  ///< of the current run so far: RunRecord::oom_kills
};

/// One notification of an `events` stream.
struct AppEvent {
  std::uint64_t stream = 0;
  std::string event;  ///< "now" first, "left" last, "dropped"; else what action::What calls it
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
  std::optional<std::string> text;       ///< what went wrong, or who asked; the JSON of "message"
  std::optional<std::uint64_t> dropped;  ///< of "dropped": events that this subscriber was too slow for
  std::optional<Status> status;          ///< of "now" and "left"
};

/// The run that a record says was alive, whose end nobody saw: its keeper was killed, or the machine went
/// down. `cause` is "keeper lost" or "reboot".
RunRecord lost_run(const Status& record, std::string_view cause);

/// Appends a run; the oldest goes where there are more than kMostRuns.
void add_run(std::vector<RunRecord>& runs, RunRecord run);

/// "ctl stop by web (uid 1000, pid 123)", "Ctrl-C".
std::string asker_text(const Asker& asker);

}  // namespace keeper
