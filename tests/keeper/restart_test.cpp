// What follows the end of a run that nobody asked for: when the next one begins, when there is none, what is
// said of it, and what becomes of what the run left behind.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "tests/keeper/support/sandbox.hpp"

namespace keeper {
namespace {

using std::string;

struct Counted {
  int pid;
  Millis at;
};

/// The runs that children/counts wrote down.
std::vector<Counted> runs_in(const std::filesystem::path& file) {
  std::vector<Counted> out;
  for (const string& line : lines_of(read_text(file))) {
    long long ns = std::atoll(line.c_str() + line.find(' ') + 1);
    out.push_back({std::atoi(line.c_str()), Millis(ns / 1'000'000)});
  }
  return out;
}

/// Ends the newest run by KILL, and waits for the next. How long it took until that one ran its first lines.
Millis killed_and_back(const std::filesystem::path& file) {
  auto before = runs_in(file);
  Millis killed = now();
  kill(before.back().pid, SIGKILL);
  EXPECT_TRUE(eventually([&] { return runs_in(file).size() > before.size(); }));
  return runs_in(file).back().at - killed;
}

TEST(Restart, AKilledProgramRunsAgainWithin100Ms) {
  Sandbox box;
  auto file = box.work() / "runs";
  box.detach("api", {child("counts"), file.string()});
  EVENTUALLY(runs_in(file).size() == 1);
  // A busy machine may be slow once; it is the keeper's own time that is promised.
  Millis best{100'000};
  int restarts = 0;
  do {
    Millis began = runs_in(file).back().at;
    EVENTUALLY(now() - began > Millis(1'050));  // a shorter run is an early end, which is followed by a pause
    best = std::min(best, killed_and_back(file));
    ++restarts;
  } while (best > Millis(100) && restarts < 5);
  EXPECT_LE(best, Millis(100));
  EVENTUALLY(box.pid("api") == runs_in(file).back().pid);
  auto status = box.status("api");
  EXPECT_EQ(static_cast<std::uint64_t>(restarts), status->restarts);
  ASSERT_TRUE(status->last_exit);
  EXPECT_EQ(ExitInfo::signal(SIGKILL), status->last_exit->exit);
  EXPECT_EQ("crash", status->last_exit->cause);
  EXPECT_TRUE(has(box.ctl({"list"}).out, " " + std::to_string(restarts) + " "));
}

/// The lines of a log, with times and pids as words.
std::vector<string> story(const Sandbox& box, const string& stem) {
  std::vector<string> out;
  for (string line : lines_of(box.log(stem))) {
    if (line.starts_with("[keeper] ")) line = line.substr(line.find(' ', 9) + 1);
    if (auto at = line.find(" pid "); at != string::npos) line.resize(at);
    if (line.starts_with("pid ")) line = line.substr(line.find(' ', 4) + 1);
    if (auto at = line.find(" after "); at != string::npos) line.resize(at);
    out.push_back(line);
  }
  return out;
}

TEST(Restart, TheLogHasLastWordsThenTheEndThenTheNextStart) {
  Sandbox box;
  box.keeper({"-d", "-n", "job", "--start-secs", "0", "--backoff", "none", "--max-restarts", "1", "sh", "-c",
              "echo first words; echo last words >&2; kill -9 $$"});
  EVENTUALLY(box.ended("job"));
  std::vector<string> once = {"started", "first words", "last words", "was ended by SIGKILL"}, twice = once;
  twice.insert(twice.end(), once.begin(), once.end());
  EXPECT_EQ(twice, story(box, "job"));
}

// --- early ends
// ---------------------------------------------------------------------------------------------------------

/// When each run began, by the log's markers.
std::vector<WallTime> starts_of(const Sandbox& box, const string& stem) {
  std::vector<WallTime> out;
  for (const string& line : lines_of(box.log(stem)))
    if (has(line, " started pid ")) out.push_back(*parse_time(line.substr(9, line.find(' ', 9) - 9)));
  return out;
}

TEST(Backoff, ACrashLoopWaitsLongerEachTime) {
  Sandbox box;
  EXPECT_EQ(1, box.keeper({"-d", "-n", "loop", "--backoff", "150ms..600ms", "false"}).code);
  EVENTUALLY(starts_of(box, "loop").size() >= 5);
  auto starts = starts_of(box, "loop");
  // The jitter takes off at most a tenth; nothing but load makes it longer.
  const Millis least[] = {Millis(135), Millis(270), Millis(540), Millis(540)};
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_GE(starts[i + 1] - starts[i], least[i]) << i;
}

TEST(Backoff, TheNextStartIsShown) {
  Sandbox box;
  EXPECT_EQ(1, box.keeper({"-d", "-n", "loop", "--backoff", "20s..20s", "false"}).code);
  auto status = box.status("loop");
  ASSERT_TRUE(status && status->next && status->next->at);
  EXPECT_EQ(State::backoff, status->state);
  EXPECT_EQ("start", status->next->action);
  auto left = *status->next->at - std::chrono::floor<Millis>(std::chrono::system_clock::now());
  EXPECT_GT(left, Millis(5'000));
  EXPECT_LE(left, Millis(20'000));
  EXPECT_FALSE(status->pid);
}

long ticks_of(int pid) {
  string stat = read_text("/proc/" + std::to_string(pid) + "/stat");
  long user = 0, system = 0;
  std::sscanf(stat.c_str() + stat.rfind(')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user,
              &system);
  return user + system;
}

string wakes_of(int pid) {
  string status = read_text("/proc/" + std::to_string(pid) + "/status");
  return status.substr(status.find("voluntary_ctxt_switches"));
}

TEST(Backoff, UsesNoCpu) {
  Sandbox box;
  EXPECT_EQ(1, box.keeper({"-d", "-n", "loop", "--backoff", "20s..20s", "false"}).code);
  int keeper = box.keeper_pid("loop");
  // What it still writes down is done within the second in which records are put together.
  string wakes;
  Millis quiet_since = now();
  EVENTUALLY([&] {
    if (string current = wakes_of(keeper); current != wakes) {
      wakes = current;
      quiet_since = now();
    }
    return now() - quiet_since > Millis(1'500);
  }());
  EXPECT_LT(ticks_of(keeper), sanitized() ? 100 : 20);
}

// --- whether there is another run
// ---------------------------------------------------------------------------------------

struct Decision {
  const char* name;
  Words words;
  bool again;
};
void PrintTo(const Decision& one, std::ostream* out) {
  *out << one.name;
}

class Policy : public testing::TestWithParam<Decision> {};

TEST_P(Policy, DecidesAboutTheNextRun) {
  Sandbox box;
  Words words = {"-d", "-n", "job", "--start-secs", "0"};
  if (GetParam().words.at(1) != "never") words.insert(words.end(), {"--backoff", "20s..20s"});
  words.insert(words.end(), GetParam().words.begin(), GetParam().words.end());
  box.keeper(words);
  string expected = GetParam().again ? "backoff" : "exited";
  EVENTUALLY(box.state("job") == expected);
  EXPECT_EQ(GetParam().again, !box.ended("job"));
}

INSTANTIATE_TEST_SUITE_P(
    Restart, Policy,
    testing::Values(
        Decision{"NeverAfterAFailure", {"--restart", "never", child("exits"), "3"}, false},
        Decision{"NeverAfterASignal", {"--restart", "never", child("exits"), "sig", "KILL"}, false},
        Decision{"AlwaysAfterASuccess", {child("exits"), "0"}, true},
        Decision{"OnFailureAfterASuccess", {"--restart", "on-failure", child("exits"), "0"}, false},
        Decision{"OnFailureAfterAFailure", {"--restart", "on-failure", child("exits"), "3"}, true},
        Decision{"OnFailureAfterASignal", {"--restart", "on-failure", child("exits"), "sig", "KILL"}, true},
        Decision{"OnFailureAfterAnExpectedCode",
                 {"--restart", "on-failure", "--exit-codes", "0,3", child("exits"), "3"},
                 false},
        Decision{"OnFailureAfterAnExpectedSignal",
                 {"--restart", "on-failure", "--exit-codes", "SIGUSR1", child("exits"), "sig", "USR1"},
                 false}),
    [](const auto& one) { return string(one.param.name); });

TEST(Limits, RestartsWithinTheWindowLeadToFatal) {
  Sandbox box;
  auto file = box.work() / "runs";
  string script = "echo x >> '" + file.string() + "'";
  Outcome out = box.keeper({"-n", "job", "--start-secs", "0", "--backoff", "none", "--max-restarts", "2",
                            "--restart-window", "1m", "sh", "-c", script});
  EXPECT_EQ(1, out.code) << "a program that was given up has failed, whatever its last exit code was";
  EXPECT_TRUE(has(out.err, "given up: the limit of 2 restarts within 1m is reached")) << out.err;
  EXPECT_EQ("x\nx\nx\n", read_text(file));
  auto status = box.status("job");
  ASSERT_TRUE(status);
  EXPECT_EQ(State::fatal, status->state);
  EXPECT_EQ("the limit of 2 restarts within 1m is reached", status->reason);
  EXPECT_EQ(2u, status->restarts);
}

TEST(Limits, RestartsOutsideTheWindowDoNotCount) {
  Sandbox box;
  auto file = box.work() / "runs";
  box.detach("job", {"--start-secs", "0", "--backoff", "none", "--max-restarts", "1", "--restart-window",
                     "100ms", child("counts"), file.string()});
  for (std::size_t runs = 1; runs <= 4; ++runs) {
    EVENTUALLY(runs_in(file).size() == runs);
    Millis began = now();
    EVENTUALLY(now() - began > Millis(120));
    kill(runs_in(file).back().pid, SIGKILL);
  }
  EVENTUALLY(runs_in(file).size() == 5);
}

TEST(Limits, FailedStartsInARowLeadToFatal) {
  Sandbox box;
  Outcome out = box.keeper({"-n", "job", "--start-secs", "5", "--backoff", "10ms..10ms", "--start-retries",
                            "2", child("exits"), "4"});
  EXPECT_EQ(4, out.code);
  auto status = box.status("job");
  ASSERT_TRUE(status && status->reason);
  EXPECT_EQ(State::fatal, status->state);
  EXPECT_TRUE(has(*status->reason, "3 starts in a row ended too early")) << *status->reason;
  EXPECT_EQ(3u, starts_of(box, "job").size());
}

TEST(Restart, ThePauseBeforeItIsKept) {
  Sandbox box;
  auto file = box.work() / "runs";
  box.detach("job", {"--start-secs", "0", "--backoff", "none", "--restart-delay", "400ms", child("counts"),
                     file.string()});
  EVENTUALLY(runs_in(file).size() == 1);
  EXPECT_GE(killed_and_back(file), Millis(400));
}

// --- what is said of an end
// ---------------------------------------------------------------------------------------------

LastExit last_exit_of(Sandbox& box, Words words) {
  Words all = {"-d", "-n", "job", "--restart", "never", "--start-secs", "0"};
  all.insert(all.end(), words.begin(), words.end());
  box.keeper(all);
  EXPECT_TRUE(eventually([&] { return box.state("job") == "exited"; }));
  auto status = box.status("job");
  return status && status->last_exit ? *status->last_exit : LastExit{};
}

TEST(LastExit, IsACodeWithACauseTimeAndPid) {
  Sandbox box;
  LastExit failed = last_exit_of(box, {child("exits"), "7", "200"});
  EXPECT_EQ(ExitInfo::code(7), failed.exit);
  EXPECT_EQ("crash", failed.cause);
  EXPECT_GE(failed.after_ms, 100);
  EXPECT_TRUE(failed.at);
  EXPECT_TRUE(box.logged("job", "pid " + std::to_string(failed.pid.value_or(0)) + " ended with code 7"));
  EXPECT_EQ("exit", last_exit_of(box, {child("exits"), "0"}).cause);
}

TEST(LastExit, IsASignalAndWhetherItDumpedCore) {
  if (sanitized())
    GTEST_SKIP() << "a sanitizer forbids its process core dumps, and the program inherits that";
  Sandbox box;
  rlimit all{RLIM_INFINITY, RLIM_INFINITY};
  getrlimit(RLIMIT_CORE, &all);
  all.rlim_cur = all.rlim_max;
  setrlimit(RLIMIT_CORE, &all);
  // Whether there are core dumps here is the machine's business: sh says so of the same program.
  string direct = "cd '" + box.work().string() + "'; " + child("exits") + " sig SEGV; exit 0";
  bool dumps = has(box.run({{"sh", "-c", direct}}).err, "core dumped");
  LastExit crashed = last_exit_of(box, {child("exits"), "sig", "SEGV"});
  EXPECT_EQ(ExitInfo::signal(SIGSEGV, dumps), crashed.exit);
  EXPECT_EQ("crash", crashed.cause);
}

// --- what it leaves behind
// ----------------------------------------------------------------------------------------------

class Leftovers : public testing::TestWithParam<Words> {};

TEST_P(Leftovers, OfACrashAreEndedBeforeTheNextRun) {
  Sandbox box;
  Words words = {"-d",    "-n",          "job", "--start-secs", "0", "--backoff", "none", "--kill-timeout",
                 "500ms", child("forks")};
  words.insert(words.end(), GetParam().begin(), GetParam().end());
  box.keeper(words);
  string word = GetParam().front();
  int left = box.logged_pid("job", word);
  ASSERT_GT(left, 0);
  EVENTUALLY(starts_of(box, "job").size() > 1);
  string log = box.log("job");
  int first = std::atoi(log.c_str() + log.find(word + " ") + word.size() + 1);
  EXPECT_FALSE(alive(first)) << describe(first);
}

INSTANTIATE_TEST_SUITE_P(Restart, Leftovers,
                         testing::Values(Words{"double", "exit", "100"}, Words{"group", "exit", "100"},
                                         Words{"tree", "4", "exit", "100"}),
                         [](const auto& one) { return one.param.front(); });

TEST(Restart, AKeeperThatTheAppStartedIsNotTouched) {
  Sandbox box;
  string script = program("keeper") + " -d -n inner --start-secs 0 sleep 1000; sleep 0.2; exit 3";
  box.keeper({"-d", "-n", "outer", "--start-secs", "0", "--backoff", "none", "sh", "-c", script});
  EVENTUALLY(box.state("inner") == "running");
  int pid = box.pid("inner"), keeper = box.keeper_pid("inner");
  EVENTUALLY(starts_of(box, "outer").size() >= 3);
  EXPECT_EQ(pid, box.pid("inner"));
  EXPECT_EQ(0, box.ctl({"stop", "outer"}).code);
  EXPECT_TRUE(box.ended("outer"));
  EXPECT_EQ(pid, box.pid("inner"));
  EXPECT_TRUE(alive(pid));
  EXPECT_EQ(keeper, box.keeper_pid("inner"));
}

}  // namespace
}  // namespace keeper
