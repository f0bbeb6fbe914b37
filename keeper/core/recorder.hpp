// Recorder: the flight recorder. Fed with what the machine announces and with what only the system knows of
// an end, it keeps the last 32 runs: when they were started, confirmed and ended, how and why, who asked for
// it, what was decided then, their last lines of output.
//
// A run becomes a record when it ends; its decision is filled in when it falls, which is mostly in the same
// step. Nothing is allocated ahead: while no run has ended there is the tail of the output, and no more.
// (Where two runs of a reload write at the same time, the tail has the lines of both.)
#pragma once
#include <vector>

#include "keeper/core/action.hpp"
#include "keeper/core/output_tail.hpp"
#include "protocol/wire/history.hpp"
#include "protocol/wire/spec.hpp"

namespace keeper {

/// What only the system knows of an end.
struct ExitFacts {
  std::optional<std::uint64_t> max_memory_bytes;
  std::optional<std::int64_t> cpu_ms;
  std::uint64_t oom_kills = 0;           ///< of its cgroup, while it ran: processes killed for want of memory
  std::vector<std::string> leftovers{};  ///< what processes of it that live on are executed as
};

class Recorder {
 public:
  /// `earlier`: runs of earlier keepers of this app. `restart`: the app's policy, for the reason of a
  /// decision.
  Recorder(std::vector<RunRecord> earlier, Restart restart) : runs_(std::move(earlier)), restart_(restart) {}

  void add_output(std::string_view bytes) { tail_.add(bytes); }
  /// All that is known of it: instead of what was added.
  void set_output(std::string_view bytes) {
    tail_.clear();
    tail_.add(bytes);
  }
  /// Who asks for what is announced until this is called again; nothing: nobody.
  void set_asker(std::optional<Asker> asker) { asker_ = std::move(asker); }
  const std::optional<Asker>& asker() const { return asker_; }
  /// Goes on with a run that an earlier keeper began. `why_killed`: why that one sent it KILL, or empty.
  void resume(RunId run, int pid, std::optional<WallTime> started_at, std::optional<WallTime> confirmed_at,
              std::string why_killed = {});
  /// The asker wants it up, or down, from now on.
  void note_wish(Wanted wanted);
  /// Before the announcement of that exit.
  void note(RunId run, const ExitFacts& facts) { live(run).facts = facts; }
  /// Somebody has that run sent this signal, which may end it.
  void note_signal(RunId run, int signal, Asker by);
  /// Its processes that were sent KILL; also after its end.
  void note_killed(RunId run, const std::vector<KilledProcess>& killed);
  /// `wall` and `now`: the two clocks. Announcements in the order in which they are made.
  void note(const action::Announce& a, WallTime wall, Time now);
  /// The app is over: exited, fatal or stopped.
  void note_end(State state, const std::string& reason);

  const std::vector<RunRecord>& runs() const { return runs_; }
  /// The record of a run of this keeper; null while it has none.
  const RunRecord* record_of(RunId run) const;

  static constexpr std::size_t kMostKilled = 16;  ///< that are remembered of a run

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
    int signal = 0;  ///< the last one that somebody had it sent
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
  std::optional<Asker> stopper_;  ///< who asked first for the stop that is wanted
  std::optional<Asker> starter_;  ///< who asked last for a start
  std::size_t own_ = 0;           ///< how many of runs_ are this keeper's, at the end
};

}  // namespace keeper
