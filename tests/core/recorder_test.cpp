#include "keeper/core/recorder.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace keeper {
namespace {

using action::What;
using std::string;

/// A recorder with a clock: a step is a second.
struct Flight {
  explicit Flight(std::vector<RunRecord> earlier = {}) : recorder(std::move(earlier), Restart::always) {}
  void note(const action::Announce& a) {
    now += Millis{1000};
    recorder.note(a, WallTime(now), now);
  }
  void start(RunId run) { note({.what = What::started, .run = run, .pid = static_cast<int>(run) + 100}); }
  void confirm(RunId run) { note({.what = What::confirmed, .run = run}); }
  void exit(RunId run, Cause cause = Cause::crash, ExitInfo how = ExitInfo::code(1)) {
    note({.what = What::exited,
          .run = run,
          .pid = static_cast<int>(run) + 100,
          .exit = how,
          .cause = cause,
          .lived = Millis{2000}});
  }
  void stopping(RunId run, Cause cause) { note({.what = What::stopping, .run = run, .cause = cause}); }
  void ask(const string& by, Wanted wanted) {
    recorder.set_asker(Asker{by, {}, {}, {}});
    recorder.note_wish(wanted);
    recorder.set_asker(std::nullopt);
  }
  const RunRecord& last() const { return recorder.runs().back(); }
  string decision() const { return last().decision ? last().decision->action : "open"; }

  Recorder recorder;
  Millis now{0};
};

TEST(Recorder, HoldsNothingWhileNoRunHasEnded) {
  Flight flight;
  flight.start(1);
  flight.confirm(1);
  EXPECT_TRUE(flight.recorder.runs().empty());
  EXPECT_EQ(0u, flight.recorder.runs().capacity());
}

TEST(Recorder, RemembersWhenAndHowARunEnded) {
  Flight flight;
  flight.start(1);
  flight.confirm(1);
  flight.recorder.note(1, ExitFacts{4096, 7, false});
  flight.exit(1, Cause::crash, ExitInfo::signal(SIGSEGV, true));
  const RunRecord& run = flight.last();
  EXPECT_EQ(1u, run.run);
  EXPECT_EQ(101, run.pid);
  EXPECT_EQ(WallTime(Millis{1000}), run.started_at);
  EXPECT_EQ(WallTime(Millis{2000}), run.confirmed_at);
  EXPECT_EQ(WallTime(Millis{3000}), run.ended_at);
  EXPECT_EQ(ExitInfo::signal(SIGSEGV, true), run.exit);
  EXPECT_EQ("crash", run.cause);
  EXPECT_EQ(2000, run.lived_ms);
  EXPECT_EQ(4096u, run.max_memory_bytes);
  EXPECT_EQ(7, run.cpu_ms);
  EXPECT_FALSE(run.asked_by);
}

TEST(Recorder, KnowsWhyItWasKilledIfThatIsWhatEndedIt) {
  Flight flight;
  const string reason = "it did not end within 10s of SIGTERM";
  for (ExitInfo how : {ExitInfo::signal(SIGKILL), ExitInfo::code(0)}) {
    flight.start(1);
    flight.stopping(1, Cause::stop);
    flight.note({.what = What::killing, .run = 1, .text = reason});
    flight.exit(1, Cause::stop, how);
    EXPECT_EQ(how == ExitInfo::signal(SIGKILL) ? std::optional<string>(reason) : std::nullopt,
              flight.last().kill_reason);
  }
  flight.start(2);
  flight.exit(2, Cause::crash, ExitInfo::signal(SIGKILL));
  EXPECT_EQ(std::nullopt, flight.last().kill_reason) << "by somebody else";
}

TEST(Recorder, OfSeveralKillsTheFirstOneHasTheReason) {
  Flight flight;
  flight.start(1);
  flight.stopping(1, Cause::stop);
  for (const char* why : {"it did not end within 10s of SIGTERM", "an earlier KILL did not end it"})
    flight.note({.what = What::killing, .run = 1, .text = why});
  flight.exit(1, Cause::stop, ExitInfo::signal(SIGKILL));
  EXPECT_EQ("it did not end within 10s of SIGTERM", flight.last().kill_reason);
}

TEST(Recorder, KnowsWhyAnEarlierKeeperKilledARun) {
  Flight flight;
  flight.recorder.resume(1, 100, std::nullopt, std::nullopt, "it was late");
  flight.exit(1, Cause::stop, ExitInfo::signal(SIGKILL));
  EXPECT_EQ("it was late", flight.last().kill_reason);
}

TEST(Recorder, KnowsWhomKillWasSentTo) {
  Flight flight;
  flight.start(1);
  flight.stopping(1, Cause::stop);
  flight.recorder.note_killed(1, {{100, "./api", "it was late"}});
  flight.exit(1, Cause::stop, ExitInfo::signal(SIGKILL));
  flight.start(2);
  flight.recorder.note_killed(1, {{101, "sh", "so was it"}});
  const std::vector<KilledProcess> both = {{100, "./api", "it was late"}, {101, "sh", "so was it"}};
  ASSERT_NE(nullptr, flight.recorder.record_of(1));
  EXPECT_EQ(both, flight.recorder.record_of(1)->killed) << "also after its end";
  for (int pid = 200; pid < 250; ++pid)
    flight.recorder.note_killed(1, {{pid, "sh", "more"}});
  EXPECT_EQ(Recorder::kMostKilled, flight.recorder.record_of(1)->killed.size());
}

TEST(Recorder, RemembersWhatARunLeftBehindThatEndedByItself) {
  Flight flight;
  ExitFacts facts;
  facts.leftovers = {"nginx: master process"};
  for (Cause cause : {Cause::exit, Cause::crash, Cause::out_of_memory, Cause::stop, Cause::restart}) {
    const bool by_itself = cause != Cause::stop && cause != Cause::restart;
    flight.start(1);
    flight.recorder.note(1, facts);
    flight.exit(1, cause, ExitInfo::code(0));
    EXPECT_EQ(by_itself, flight.last().left_behind.has_value()) << word_for(cause);
    EXPECT_FALSE(flight.last().clearing_ms);
  }
  flight.start(2);
  flight.recorder.note(2, facts);
  flight.exit(2);
  flight.note({.what = What::cleared, .run = 2, .lived = Millis{1500}});
  EXPECT_EQ(1500, flight.last().clearing_ms);
  EXPECT_EQ("left 1 process behind (nginx: master process), which was ended", flight.last().left_behind);
}

TEST(Recorder, SaysThatTheNextRunBeganAtOnce) {
  Flight flight;
  flight.start(1);
  flight.exit(1);
  EXPECT_EQ("open", flight.decision());
  flight.start(2);
  EXPECT_EQ("restart", flight.decision());
  EXPECT_EQ(0, flight.last().decision->delay_ms);
  EXPECT_EQ("restart is always", flight.last().decision->reason);
}

TEST(Recorder, SaysHowLongThePauseIs) {
  Flight flight;
  flight.start(1);
  flight.exit(1);
  flight.note({.what = What::backoff,
               .run = 1,
               .until = flight.now + Millis{1300},
               .text = "it ended before it was confirmed"});
  EXPECT_EQ("backoff", flight.decision());
  EXPECT_EQ(300, flight.last().decision->delay_ms) << "the clock has gone on by 1000 ms";
  EXPECT_EQ("it ended before it was confirmed", flight.last().decision->reason);
  flight.start(2);
  EXPECT_EQ("backoff", flight.decision()) << "what was decided stays";
}

TEST(Recorder, SaysWhyItWasGivenUp) {
  Flight flight;
  flight.start(1);
  flight.exit(1);
  flight.note({.what = What::fatal, .run = 1, .text = "the limit of 3 restarts is reached"});
  EXPECT_EQ("fatal", flight.decision());
  EXPECT_EQ("the limit of 3 restarts is reached", flight.last().decision->reason);
}

TEST(Recorder, SaysWhyItIsNotStartedAgain) {
  Flight flight;
  flight.start(1);
  flight.exit(1, Cause::exit, ExitInfo::code(0));
  flight.recorder.note_end(State::exited, "code 0 is expected");
  EXPECT_EQ("exited", flight.decision());
  EXPECT_EQ("code 0 is expected", flight.last().decision->reason);
}

TEST(Recorder, SaysWhoAskedForAnEnd) {
  Flight flight;
  flight.start(1);
  flight.recorder.set_asker(Asker{"stop", 33, 1000, "web"});
  flight.recorder.note_wish(Wanted::down);
  flight.stopping(1, Cause::stop);
  flight.recorder.set_asker(std::nullopt);
  flight.exit(1, Cause::stop);
  ASSERT_TRUE(flight.last().asked_by);
  EXPECT_EQ("stop by web (uid 1000, pid 33)", asker_text(*flight.last().asked_by));
  EXPECT_EQ("stopped", flight.decision());
}

TEST(Recorder, DoesNotBlameWhoAskedEarlierForALaterEnd) {
  Flight flight;
  flight.start(1);
  flight.recorder.set_asker(Asker{"restart", 33, 1000, "web"});
  flight.stopping(1, Cause::restart);
  flight.recorder.set_asker(std::nullopt);
  flight.exit(1, Cause::restart);
  flight.start(2);
  flight.exit(2);
  EXPECT_FALSE(flight.last().asked_by);
}

TEST(Recorder, AStopWhileItWaitsIsTheDecisionOnTheLastRun) {
  Flight flight;
  flight.start(1);
  flight.exit(1);
  flight.note({.what = What::backoff, .run = 1, .until = flight.now + Millis{9000}});
  flight.ask("Ctrl-C", Wanted::down);
  flight.ask("stop", Wanted::down);  // too late: it is stopped already
  flight.note({.what = What::stopped, .run = 1});
  EXPECT_EQ("stopped", flight.decision());
  EXPECT_EQ("stopped while it waited for its next start, Ctrl-C", flight.last().decision->reason);
}

TEST(Recorder, AStopThatOvertakesARestartIsTheDecision) {
  for (bool ended_first : {false, true}) {
    Flight flight;
    flight.start(1);
    flight.ask("restart", Wanted::up);
    flight.stopping(1, Cause::restart);
    if (ended_first) flight.exit(1, Cause::restart);
    flight.ask("stop", Wanted::down);
    if (!ended_first) flight.exit(1, Cause::restart);
    flight.note({.what = What::stopped, .run = 1});
    EXPECT_EQ("stopped before it was started again, stop", flight.last().decision->reason);
    EXPECT_EQ("restart", flight.last().cause);
  }
}

TEST(Recorder, AStopThatWasTakenBackIsNobodysDecision) {
  for (bool ended_first : {false, true}) {
    Flight flight;
    flight.start(1);
    flight.ask("stop", Wanted::down);
    flight.stopping(1, Cause::stop);
    if (ended_first) flight.exit(1, Cause::stop);
    flight.ask("restart", Wanted::up);
    if (!ended_first) flight.exit(1, Cause::stop);
    flight.start(2);
    EXPECT_EQ("restart", flight.decision());
    EXPECT_EQ("asked for", flight.last().decision->reason);
  }
  Flight flight;
  flight.start(1);
  flight.ask("stop", Wanted::down);
  flight.ask("restart", Wanted::up);
  flight.start(2);
  flight.exit(2, Cause::crash);
  flight.note({.what = What::backoff, .run = 2, .until = flight.now + Millis{9000}});
  flight.ask("Ctrl-C", Wanted::down);
  flight.note({.what = What::stopped, .run = 2});
  EXPECT_EQ("stopped while it waited for its next start, Ctrl-C", flight.last().decision->reason);
}

TEST(Recorder, WhoRestartsItWhileItWaitsHasOvertakenItsPause) {
  Flight flight;
  flight.start(1);
  flight.exit(1);
  flight.note({.what = What::backoff, .run = 1, .until = flight.now + Millis{9000}, .text = "too early"});
  flight.ask("restart", Wanted::up);
  flight.note({.what = What::started, .run = 2, .pid = 102, .cause = Cause::restart});
  EXPECT_EQ("restart", flight.decision());
  EXPECT_EQ("restart", flight.last().decision->reason);
  EXPECT_EQ(2000, flight.last().decision->delay_ms);
}

TEST(Recorder, AChangedProgramOvertakesAPauseToo) {
  Flight flight;
  flight.start(1);
  flight.exit(1);
  flight.note({.what = What::backoff, .run = 1, .until = flight.now + Millis{9000}, .text = "too early"});
  flight.note({.what = What::started, .run = 2, .pid = 102, .cause = Cause::changed});
  EXPECT_EQ("its program changed", flight.last().decision->reason);
  EXPECT_EQ(2000, flight.last().decision->delay_ms);
}

TEST(Recorder, ARestartWhileWhatIsLeftIsEndedIsAskedFor) {
  Flight flight;
  flight.start(1);
  flight.exit(1);
  flight.ask("restart", Wanted::up);
  flight.note({.what = What::started, .run = 2, .pid = 102, .cause = Cause::restart});
  EXPECT_EQ("restart", flight.last().decision->reason);
}

TEST(Recorder, ARunIsDecidedAlsoWhereTheNextOneCannotBeStarted) {
  Flight flight;
  flight.start(1);
  flight.exit(1);
  flight.note({.what = What::spawn_failed, .run = 2, .text = "exec /x: No such file or directory"});
  ASSERT_EQ(2u, flight.recorder.runs().size());
  ASSERT_TRUE(flight.recorder.runs()[0].decision);
  EXPECT_EQ("restart is always", flight.recorder.runs()[0].decision->reason);
}

TEST(Recorder, ASignalThatSomebodyHadSentIsNotNobodys) {
  for (int sent : {SIGTERM, SIGUSR1}) {
    Flight flight;
    flight.start(1);
    flight.recorder.note_signal(1, sent, Asker{"signal SIGTERM", 33, 1000, "web"});
    flight.exit(1, Cause::crash, ExitInfo::signal(SIGTERM));
    EXPECT_EQ(sent == SIGTERM, flight.last().asked_by.has_value()) << sent;
  }
}

TEST(Recorder, AFailedSpawnIsARunToo) {
  Flight flight;
  flight.note({.what = What::spawn_failed, .run = 1, .text = "exec /x: No such file or directory"});
  flight.note({.what = What::fatal, .run = 1, .text = "hopeless"});
  EXPECT_EQ("spawn failed", flight.last().cause);
  EXPECT_EQ("exec /x: No such file or directory", flight.last().error);
  EXPECT_FALSE(flight.last().pid);
  EXPECT_FALSE(flight.last().exit);
  EXPECT_EQ("fatal", flight.decision());
}

TEST(Recorder, AKillForWantOfMemoryIsItsOwnCause) {
  Flight flight;
  flight.start(1);
  flight.recorder.note(1, ExitFacts{std::nullopt, std::nullopt, 1});
  flight.exit(1, Cause::out_of_memory, ExitInfo::signal(SIGKILL));
  EXPECT_EQ("out of memory", flight.last().cause);
  EXPECT_EQ(1u, flight.recorder.record_of(1)->oom_kills);
}

TEST(Recorder, KillsForWantOfMemoryThatItsMainProcessOutlivedAreCounted) {
  Flight flight;
  flight.start(1);
  flight.recorder.note(1, ExitFacts{std::nullopt, std::nullopt, 2});
  flight.exit(1, Cause::exit);
  EXPECT_EQ("exit", flight.last().cause);
  EXPECT_EQ(2u, flight.last().oom_kills);
  flight.start(2);
  flight.exit(2, Cause::exit);
  EXPECT_FALSE(flight.last().oom_kills);
}

TEST(Recorder, ARunBesideItsSuccessorIsDecidedWithIt) {
  Flight flight;
  flight.start(1);
  flight.start(2);
  flight.exit(1);
  EXPECT_EQ("restart", flight.decision());
}

TEST(Recorder, KeepsTheLastThirtyTwoRuns) {
  Flight flight;
  for (RunId run = 1; run <= 100; ++run) {
    flight.start(run);
    flight.exit(run);
  }
  ASSERT_EQ(32u, flight.recorder.runs().size());
  EXPECT_EQ(69u, flight.recorder.runs().front().run);
  EXPECT_EQ(100u, flight.last().run);
}

TEST(Recorder, LeavesTheRunsOfEarlierKeepersAsTheyAre) {
  RunRecord earlier;
  earlier.run = 1;
  Flight flight({earlier});
  flight.note({.what = What::stopped, .run = 1});
  flight.recorder.note_end(State::exited, "x");
  flight.start(2);
  EXPECT_FALSE(flight.last().decision);
}

TEST(Recorder, TakesTheLastLinesOfEachRun) {
  Flight flight;
  flight.start(1);
  for (int i = 0; i < 30; ++i)
    flight.recorder.add_output("line " + std::to_string(i) + "\n");
  flight.exit(1);
  EXPECT_TRUE(flight.last().output.text.starts_with("line 10\n")) << flight.last().output.text;
  EXPECT_TRUE(flight.last().output.text.ends_with("\nline 29"));
  flight.start(2);
  flight.exit(2);
  EXPECT_EQ("", flight.last().output.text) << "not those of an earlier one";
}

TEST(OutputTail, IsAsBigAsWhatWasWritten) {
  OutputTail tail;
  EXPECT_EQ("", tail.last(20, 2048));
  tail.add("one\ntwo");
  EXPECT_EQ(7u, tail.size());
  EXPECT_EQ("one\ntwo", tail.last(20, 2048));
  EXPECT_EQ("two", tail.last(1, 2048));
}

TEST(OutputTail, HoldsTheEndOfWhateverIsWrittenInWhateverPieces) {
  for (std::size_t piece : {1u, 7u, 100u, 4095u, 4096u, 4097u, 9000u}) {
    OutputTail tail;
    string all;
    while (all.size() < 20'000) {
      string bytes;
      for (std::size_t i = 0; i < piece; ++i)
        bytes += (all.size() + i) % 50 == 49 ? '\n' : static_cast<char>('a' + (all.size() + i) % 26);
      tail.add(bytes);
      all += bytes;
    }
    EXPECT_EQ(OutputTail::kMost, tail.size());
    string last = tail.last(20, 2048);
    string end = all.ends_with('\n') ? all.substr(0, all.size() - 1) : all;
    EXPECT_TRUE(end.ends_with("\n" + last)) << "whole lines, in pieces of " << piece;
    EXPECT_EQ(19, std::count(last.begin(), last.end(), '\n'));
  }
}

TEST(OutputTail, OfOneLongLineIsItsEndFromAWholeCharacterOn) {
  OutputTail tail;
  for (int i = 0; i < 3000; ++i)
    tail.add("\xC3\xA9");
  tail.add("x");
  string last = tail.last(20, 2048);
  EXPECT_LE(last.size(), 2048u);
  EXPECT_GE(last.size(), 2046u);
  EXPECT_TRUE(last.starts_with("\xC3\xA9"));
}

TEST(OutputTail, ALineThatBeganEarlierIsLeftOut) {
  OutputTail tail;
  tail.add(string(3000, 'x') + "\nlast\n");
  EXPECT_EQ("last", tail.last(20, 2048));
}

}  // namespace
}  // namespace keeper
