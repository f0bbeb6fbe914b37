// Recorder: the flight recorder. From the machine's announcements and the system's facts about an end it
// keeps the last 32 runs: when they were started, confirmed and ended, how and why, at whose request, the
// decision that followed, and their last lines of output.
//
// A run becomes a record when it ends; its decision is filled in when it is made, usually in the same step.
// Nothing is allocated in advance: while no run has ended there is only the tail of the output. (If two runs
// of a reload write at the same time, the tail has the lines of both.)
#pragma once
#include <vector>

#include "keeper/core/action.hpp"
#include "keeper/core/output_tail.hpp"
#include "protocol/wire/history.hpp"
#include "protocol/wire/spec.hpp"

namespace keeper {

/// The facts about an end that only the system has.
struct ExitFacts {
  std::optional<std::uint64_t> max_memory_bytes;
  std::optional<std::int64_t> cpu_ms;
  std::uint64_t oom_kills = 0;           ///< of its cgroup, while it ran: processes killed for want of memory
  std::vector<std::string> leftovers{};  ///< command lines of its processes that outlive it
};

class Recorder {
 public:
  /// `earlier`: runs of earlier keepers of this app. `restart`: the app's policy, for the reason of a
  /// decision.
  Recorder(std::vector<RunRecord> earlier, Restart restart) : runs_(std::move(earlier)), restart_(restart) {}

  void add_output(std::string_view bytes) { tail_.add(bytes); }
  /// Replaces the output that was added with all that is known.
  void set_output(std::string_view bytes) {
    tail_.clear();
    tail_.add(bytes);
  }
  /// Sets the requester of the following announcements until the next call; nothing: no request.
  void set_asker(std::optional<Asker> asker) { asker_ = std::move(asker); }
  const std::optional<Asker>& asker() const { return asker_; }
  /// Continues with a run that an earlier keeper began. `why_killed`: why that one sent it KILL, or empty.
  void resume(RunId run, int pid, std::optional<WallTime> started_at, std::optional<WallTime> confirmed_at,
              std::string why_killed = {});
  /// The asker wants it up or down from now on.
  void note_wish(Wanted wanted);
  /// To be called before the announcement of that exit.
  void note(RunId run, const ExitFacts& facts) { live(run).facts = facts; }
  /// A client has requested this signal for that run, which may end it.
  void note_signal(RunId run, int signal, Asker by);
  /// Processes of it that were sent KILL; also after its end.
  void note_killed(RunId run, const std::vector<KilledProcess>& killed);
  /// `wall` and `now`: the two clocks. Takes announcements in their order.
  void note(const action::Announce& a, WallTime wall, Time now);
  /// The app is over: exited, fatal or stopped.
  void note_end(State state, const std::string& reason);

  const std::vector<RunRecord>& runs() const { return runs_; }
  /// Returns the record of a run of this keeper; null while there is none.
  const RunRecord* record_of(RunId run) const;

  static constexpr std::size_t kMostKilled = 16;  ///< remembered of one run

 private:
  struct Live {
    RunId run = 0;
    int pid = 0;
    std::optional<WallTime> started_at;
    std::optional<WallTime> confirmed_at;
    std::optional<Asker> asker;
    std::string unshown;   ///< of a run that was not ready in time
    std::string unheeded;  ///< why it was sent KILL first
    std::vector<KilledProcess> killed;
    int signal = 0;  ///< the last requested one
    std::optional<Asker> signaller;
    ExitFacts facts;
  };

  RunRecord* find(RunId run);
  Live& live(RunId run);
  Live take(RunId run);
  void add_exit(const action::Announce& a, WallTime wall);
  void add_failed_spawn(const action::Announce& a, WallTime wall);
  std::optional<Asker> asker_of(Live& was, const action::Announce& exited) const;
  std::optional<Decision> decided_already(RunId run, Cause cause) const;
  void decide(RunId run, Decision decision);
  void decide_open(const action::Announce& next, WallTime wall);
  Decision overtaken(const RunRecord& run, Cause by, WallTime wall) const;
  void note_stopped();

  std::vector<RunRecord> runs_;
  std::vector<Live> live_;
  Restart restart_;
  OutputTail tail_;
  std::optional<Asker> asker_;
  std::optional<Asker> stopper_;  ///< who first requested the wanted stop
  std::optional<Asker> starter_;  ///< who last requested a start
  std::size_t own_ = 0;           ///< number of this keeper's runs, the last of runs_
};

}  // namespace keeper
