// Each option of Spec has an effect, or is refused: there is a test that shows the first, and those that
// cannot have one say so at once.
#include <set>

#include "tests/keeper/support/sandbox.hpp"

namespace keeper {
namespace {

using std::string;

struct ShownBy {
  const char* option;
  const char* test;  ///< "SUITE.NAME" of this program, without a parameter
};

constexpr ShownBy kShown[] = {
    {"--name", "Start.DetachedItPrintsNameAndPidsOnceTheRunIsConfirmed"},
    {"--instances", "Cluster.AnswersOverTlsToo"},
    {"--cwd", "Child.RunsInTheDirectoryThatIsGiven"},
    {"--env", "Environment.ComesFromTheOptionsTheFileAndTheCallerInThisOrder"},
    {"--env-file", "Anew.AFileOfVariablesIsReadByEachRun"},
    {"--clear-env", "Environment.ThatIsClearedHasOnlyWhatWasGivenAndWhatKeeperAdds"},
    {"--guard", "Guard.CanBeDoneWithout"},
    {"--stdin", "Option.AnInputThatDoesNotEnd"},
    {"--unbuffered", "Option.PythonWritesAtOnceUnlessItIsToldOtherwise"},
    {"--interpreter", "ProgramIsRun.ByWhatItIs"},
    {"--interpreter-args", "Option.ArgumentsForTheInterpreterOfTheFirstLine"},
    {"--user", "Anew.UserAndGroupsAreLookedUpByEachRun"},
    {"--umask", "Spawned.WithTheMaskPriorityLimitsAndOomScoreThatAreGiven"},
    {"--nice", "Spawned.WithTheMaskPriorityLimitsAndOomScoreThatAreGiven"},
    {"--oom-score-adj", "Spawned.WithTheMaskPriorityLimitsAndOomScoreThatAreGiven"},
    {"--limit", "Spawned.WithTheMaskPriorityLimitsAndOomScoreThatAreGiven"},
    {"--inherit-fds", "Given.AreTheDescriptorsThatWereAskedForBesides"},
    {"--listen", "Listen.APathIsThereUntilTheEndAndGoneThen"},
    {"--lazy", "Lazy.NothingIsStartedThatSleeps"},
    {"--inspect", "Spawned.ForADebuggerEachInstanceOnItsOwnPort"},
    {"--ipc", "Node.WithoutAChannelCannotBeAskedForIt"},
    {"--cluster", "Cluster.ADescriptorIsOneOfThoseThatWereListenedAtForIt"},
    {"--listen-mode", "Cluster.WorkersMayHaveASocketEach"},
    {"--restart", "Policy.DecidesAboutTheNextRun"},
    {"--exit-codes", "Policy.DecidesAboutTheNextRun"},
    {"--start-secs", "Start.DetachedItPrintsNameAndPidsOnceTheRunIsConfirmed"},
    {"--start-retries", "Limits.FailedStartsInARowLeadToFatal"},
    {"--max-restarts", "Limits.RestartsWithinTheWindowLeadToFatal"},
    {"--restart-window", "Limits.RestartsOutsideTheWindowDoNotCount"},
    {"--restart-delay", "Guard.TakesTheStatusOfAProgramThatEndsWhileThereIsNoKeeper"},
    {"--backoff", "Again.AStopDuringBackoffIsTheEnd"},
    {"--ready", "Ready.ALineOfItsOutputConfirmsTheRun"},
    {"--ready-timeout", "FromPm2.ListenTimeoutIsReadyTimeoutAndNoSuccess"},
    {"--watchdog", "Watchdog.EndsARunThatGivesNoSignOfLife"},
    {"--stop-signal", "Orphan.GetsTheSignalsOfTheListAndGoesOnWhenSuspended"},
    {"--stop-message", "Node.IsStoppedByItsMessage"},
    {"--stop-timeout", "FromPm2.KillTimeoutIsStopTimeout"},
    {"--kill-timeout", "Orphan.WhatIsInASessionOfItsOwnAndIgnoresTermIsKilled"},
    {"--kill-mode", "Orphan.OfKillModeProcessLeavesTheRestAndNamesIt"},
    {"--restart-on-change", "Changed.AReplacedProgramIsStartedAnew"},
    {"--log", "Instances.HaveALogOfTheirOwnEach"},
    {"--error-log", "Streams.ApartAtAPathOrNowhere"},
    {"--log-format", "Streams.ApartInOneJsonLogAreToldByTheirLines"},
    {"--log-date-format", "Option.TheDateOfALine"},
    {"--log-join", "Log.JoinsAStackTraceToOneRecord"},
    {"--log-max-size", "LogFeed.GivesEveryLineOnceAcrossRestartsAndRotations"},
    {"--log-backups", "Option.BackupsAreFewerWhereAllTogetherMayTakeLess"},
    {"--log-max-total", "Option.BackupsAreFewerWhereAllTogetherMayTakeLess"},
    {"--log-compress", "Packing.KeepsContentAndOrderOfBackups"},
    {"--log-buffer", "Trouble.DropsAndCountsWhatThereIsNoRoomFor"},
    {"--log-full", "Trouble.MakesTheProgramWaitWhereThatIsWanted"},
    {"--log-syslog", "Syslog.GetsEveryLineBesideTheLog"},
    {"--log-markers", "Given.InTheForegroundIsWhatTheCallerHasAndNoMess"},
    {"--pid-file", "PidFile.IsWhereTheUserWantsIt"},
};

/// "Programs/ProgramIsRun.ByWhatItIs/Executable" to "ProgramIsRun.ByWhatItIs".
string plain_name(const string& suite, const string& test) {
  return suite.substr(suite.rfind('/') == string::npos ? 0 : suite.rfind('/') + 1) + "." +
         test.substr(0, test.find('/'));
}

TEST(Option, EachHasATestThatShowsItsEffect) {
  std::set<string> tests;
  const testing::UnitTest& all = *testing::UnitTest::GetInstance();
  for (int i = 0; i < all.total_test_suite_count(); ++i) {
    const testing::TestSuite& suite = *all.GetTestSuite(i);
    for (int j = 0; j < suite.total_test_count(); ++j)
      tests.insert(plain_name(suite.name(), suite.GetTestInfo(j)->name()));
  }
  std::set<string> shown;
  for (const ShownBy& one : kShown) {
    shown.insert(one.option);
    EXPECT_TRUE(tests.contains(one.test)) << one.option << ": there is no test " << one.test;
  }
  for (const Field& field : spec_fields()) {
    if (field.help.empty()) continue;
    EXPECT_TRUE(shown.contains(flag_of(field))) << flag_of(field) << " has no test";
  }
}

TEST(Option, ThatCouldHaveNoEffectIsRefused) {
  Sandbox box;
  write_text(box.work() / "x.js", "setInterval(() => {}, 1000)\n");
  const std::vector<std::pair<Words, string>> all = {
      {{"--interpreter-args=-x", "sleep", "1"}, "--interpreter-args: it is run as it is"},
      {{"--inspect", "9229", "sleep", "1"}, "--inspect: node does not run this program"},
      {{"--cluster", "sleep", "1"}, "--cluster: only a program that node runs"},
      {{"--stop-message", "x", "sleep", "1"}, "--stop-message: only a program that node runs"},
      {{"--ready", "node", "sleep", "1"}, "--ready: only a program that node runs"},
      {{"--cluster", "--no-ipc", "x.js"}, "--cluster: it goes over the channel"},
      {{"--cluster", "node", "-e", "1"}, "--cluster: node runs no file here"},
      {{"--cluster", "node", "--watch", "x.js"}, "--cluster: node starts its program as a child process"},
      {{"--listen-mode", "reuseport", "sleep", "1"}, "--listen-mode: it is for workers of a cluster"},
      {{"--listen-mode", "reuseport", "x.js"}, "--listen-mode: it is for workers of a cluster"},
      {{"--lazy", "sleep", "1"}, "--lazy: nothing is listened at"},
      {{"--restart-window", "1m", "sleep", "1"}, "--restart-window: it is the time in which --max-restarts"},
      {{"--restart", "never", "--max-restarts", "1", "true"}, "--max-restarts: with --restart never"},
      {{"--restart", "never", "--start-retries", "1", "true"}, "--start-retries: with --restart never"},
      {{"--restart", "never", "--restart-delay", "1", "true"}, "--restart-delay: with --restart never"},
      {{"--restart", "never", "--backoff", "1s..2s", "true"}, "--backoff: with --restart never"},
      {{"--ready-timeout", "9s", "true"}, "--ready-timeout: it is the time for what --ready waits for"},
      {{"--no-ipc", "sleep", "1"}, "--no-ipc: node does not run this program"},
      {{"--no-wait", "true"}, "--no-wait: it is how -d returns"},
      {{"--no-unbuffered", "sleep", "1"}, "--no-unbuffered: python does not run this program"},
      {{"--log-backups", "0", "--log-compress", "true"}, "--log-compress: with --log-backups 0"},
      {{"--log", "none", "--log-format", "time", "true"}, "--log-format: with --log none no file"},
      {{"--log", "none", "--log-date-format", "%H", "true"}, "--log-date-format: with --log none no file"},
      {{"--log", "none", "--log-max-size", "1M", "true"}, "--log-max-size: with --log none no file"},
      {{"--log", "none", "--log-backups", "10", "true"}, "--log-backups: with --log none no file"},
      {{"--log", "none", "--log-max-total", "1G", "true"}, "--log-max-total: with --log none no file"},
      {{"--log", "none", "--log-compress", "true"}, "--log-compress: with --log none no file"},
      {{"--log", "none", "--log-buffer", "1M", "true"}, "--log-buffer: with --log none no file"},
      {{"--log", "-", "--log-full", "block", "true"}, "--log-full: with --log - no file"},
      {{"--log", "none", "--error-log", "-", "--log-full", "drop", "true"}, "--log-full: with --log none"},
      {{"--log", "none", "--log-syslog", "local", "--log-format", "json", "true"},
       "--log-format: with --log"},
      {{"--log-join", "x", "true"}, "--log-join: records are joined by --log-format time and json"},
      {{"--log-format", "json", "--log-date-format", "%H", "true"}, "--log-date-format: it is for"},
  };
  for (const auto& [words, said] : all) {
    Words with_name = {"-n", "app"};
    with_name.insert(with_name.end(), words.begin(), words.end());
    const Outcome out = box.keeper(with_name);
    EXPECT_EQ(2, out.code) << said << "\n" << out.all();
    EXPECT_TRUE(has(out.err, said)) << out.err;
    EXPECT_FALSE(box.status("app")) << "it is kept";
  }
}

TEST(Option, WithAnEffectIsNotRefusedForOneThatHasNone) {
  Sandbox box;
  for (const Words& words : std::vector<Words>{
           {"--log", "none", "--error-log", "apart", "--log-format", "json", "--log-max-size", "1M"},
           {"--log", "none", "--log-syslog", "udp:127.0.0.1:9", "--log-join", "x", "--log-markers", "false"},
           {"--log", "none", "--log-markers", "false"},
           {"--log-max-size", "0", "--log-backups", "2", "--log-compress"}}) {
    Words with_name = {"-n", "app", "--restart", "never"};
    with_name.insert(with_name.end(), words.begin(), words.end());
    with_name.emplace_back("true");
    EXPECT_EQ(0, box.keeper(with_name).code) << words[2];
  }
}

TEST(Option, BesideTheNameOfARecordedAppIsRefused) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  ASSERT_EQ(0, box.ctl({"stop", "api"}).code);
  for (const auto& [words, extra] :
       std::vector<std::pair<Words, string>>{{{"--max-restarts", "3"}, "--max-restarts"},
                                             {{"sleep", "9"}, "sleep"},
                                             {{"--replace"}, "--replace"}}) {
    Words all = {"--start", "api"};
    all.insert(all.end(), words.begin(), words.end());
    const Outcome out = box.keeper(all);
    EXPECT_EQ(2, out.code) << extra;
    EXPECT_TRUE(has(out.err, "--start: api is started as it is recorded; leave " + extra + " out"))
        << out.err;
  }
  EXPECT_EQ("stopped", box.state("api"));
}

/// As an earlier version has recorded it.
TEST(Option, OfARecordIsNotRefusedAgain) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  ASSERT_EQ(0, box.ctl({"stop", "api"}).code);
  const string file = box.open_home().spec_path("api");
  string spec = read_text(file);
  spec.insert(spec.find('{') + 1,
              R"("restart":"never","backoff":"1s..2s","ready_timeout":"9s","unbuffered":false,
    "log":"none","log_format":"json","log_backups":0,"log_compress":true,)");
  write_text(file, spec);
  const Outcome out = box.ctl({"start", "api"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_GT(box.pid("api"), 0);
}

TEST(Option, ArgumentsForTheInterpreterOfTheFirstLine) {
  Sandbox box;
  for (int mode : {0600, 0700}) {
    write_text(box.work() / "tool",
               "#!/usr/bin/env python3\nimport sys; print('flag', sys.flags.dont_write_bytecode)\n", mode);
    const Outcome out = box.keeper({"-n", "app", "--restart", "never", "--interpreter-args=-B", "./tool"});
    EXPECT_TRUE(has(out.out, "flag 1\n")) << out.all();
  }
}

/// A path of --interpreter is the caller's, as that of PROGRAM is.
TEST(Option, ARelativeInterpreterIsOneOfTheCallersDirectory) {
  Sandbox box;
  std::filesystem::create_directory(box.work() / "sub");
  for (const char* place : {".", "sub"})
    write_text(box.work() / place / "run", string("#!/bin/sh\necho the one in ") + place + "\n", 0700);
  write_text(box.work() / "data", "");
  const Outcome out =
      box.keeper({"-n", "app", "--restart", "never", "-C", "sub", "--interpreter", "./run", "./data"});
  EXPECT_EQ("the one in .\n", out.out) << out.all();
}

TEST(Option, AnInputThatDoesNotEnd) {
  Sandbox box;
  const char* reads = "read line; echo read $line; exec sleep 1000";
  box.detach("null", {"sh", "-c", reads});
  EVENTUALLY(box.logged("null", "read\n"));
  box.detach("pipe", {"--stdin", "pipe", "sh", "-c", string("echo reads; ") + reads});
  EVENTUALLY(box.logged("pipe", "reads\n"));
  const int pid = box.pid("pipe");
  box.kill_keeper("pipe");
  EXPECT_EQ(0, box.ctl({"start", "pipe"}).code);
  EXPECT_EQ(pid, box.pid("pipe")) << "it belongs to no keeper";
  write_text("/proc/" + std::to_string(pid) + "/fd/0", "hello\n");
  EVENTUALLY(box.logged("pipe", "read hello\n"));
}

TEST(Option, PythonWritesAtOnceUnlessItIsToldOtherwise) {
  Sandbox box;
  write_text(box.work() / "x.py", "import os; print('is', os.environ.get('PYTHONUNBUFFERED'))\n");
  const auto said = [&](Words options, Words command) {
    Words words = {"env", "-u", "PYTHONUNBUFFERED", program("keeper"), "-n", "app", "--restart", "never"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), command.begin(), command.end());
    return box.run({words}).out;
  };
  EXPECT_EQ("is 1\n", said({}, {"x.py"}));
  EXPECT_EQ("is 1\n", said({}, {"python3", "x.py"}));
  EXPECT_EQ("is None\n", said({"--no-unbuffered"}, {"x.py"}));
  EXPECT_EQ("is \n", said({"-e", "PYTHONUNBUFFERED="}, {"x.py"})) << "who has set it has decided";
  EXPECT_EQ("is\n", said({}, {"sh", "-c", "echo is $PYTHONUNBUFFERED"}));
}

TEST(Option, TheDateOfALine) {
  Sandbox box;
  const Outcome out =
      box.keeper({"-n", "app", "--restart", "never", "--log-date-format", "day %d", "echo", "hello"});
  EXPECT_EQ(0, out.code) << out.all();
  const string log = box.log("app");
  EXPECT_TRUE(has(log, "day ") && has(log, " hello\n")) << log;
}

TEST(Option, BackupsAreFewerWhereAllTogetherMayTakeLess) {
  Sandbox box;
  for (const auto& [name, limit, most] :
       {std::tuple{"few", "--log-backups=2", 2}, {"small", "--log-max-total=200K", 3}}) {
    const Outcome out = box.keeper({"-n", name, "--restart", "never", "--log-max-size", "64K", limit, "sh",
                                    "-c", "seq 100000; sleep 0.1"});
    EXPECT_EQ(0, out.code) << out.err;
    int backups = 0;
    for (int i = 1; i < 20; ++i)
      backups += std::filesystem::exists(box.log_path(name).string() + "." + std::to_string(i)) ? 1 : 0;
    EXPECT_GE(backups, 1) << name;
    EXPECT_LE(backups, most) << name;
  }
}

}  // namespace
}  // namespace keeper
