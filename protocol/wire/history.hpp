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
};

/// The decision that followed the end of a run.
struct Decision {
  std::string action;                    ///< "restart", "backoff", "exited", "fatal", "stopped"
  std::optional<std::int64_t> delay_ms;  ///< until the next start, for the first two
  std::string reason;
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
};

struct RunHistory {
  std::vector<RunRecord> runs;               ///< newest last
  std::optional<std::uint64_t> oom_kills{};  ///< of the current run so far: RunRecord::oom_kills
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
};

/// Returns the run that a record says was alive and whose end was not observed: its keeper was killed, or the
/// machine went down. `cause` is "keeper lost" or "reboot".
RunRecord lost_run(const Status& record, std::string_view cause);

/// Appends a run; removes the oldest if there are more than kMostRuns.
void add_run(std::vector<RunRecord>& runs, RunRecord run);

/// "ctl stop by web (uid 1000, pid 123)", "Ctrl-C".
std::string asker_text(const Asker& asker);

}  // namespace keeper
