// A keeper that is killed takes nothing along: the next one goes on with the same program.
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "tests/keeper/support/log_texts.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

void kill_keeper(Sandbox& box, const string& name) {
  ASSERT_GT(box.kill_keeper(name), 0);
}

void expect_kept_on(Sandbox& box, const string& name, int pid) {
  Outcome out = box.ctl({"start", name});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_TRUE(has(out.out, name + ": kept on, pid " + std::to_string(pid) + ", keeper ")) << out.all();
  EXPECT_EQ(pid, box.pid(name));
  EXPECT_EQ(0u, box.status(name)->restarts);
}

TEST(Takeover, TheProgramNeverNotices) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  const int pid = box.pid("api");
  const auto before = *box.status("api");
  kill_keeper(box, "api");
  EXPECT_EQ("unreachable", box.state("api"));
  expect_kept_on(box, "api", pid);
  const auto after = *box.status("api");
  EXPECT_EQ(State::running, after.state);
  EXPECT_EQ(before.run, after.run);
  EXPECT_EQ(before.started_at, after.started_at);
  EXPECT_EQ(before.confirmed_at, after.confirmed_at);
  EXPECT_EQ(before.pid_start, after.pid_start);
  EXPECT_TRUE(box.logged("api", "which was killed; the program runs on as pid " + std::to_string(pid)));
  EXPECT_EQ(3u, box.processes().size());
}

TEST(Takeover, ItsEndIsSeenAndItIsStartedAgain) {
  Sandbox box;
  box.detach("api", {"--backoff", "1ms..1ms", "sh", "-c",
                     "trap 'exit 7' USR1; echo up; while :; do sleep 0.01; done"});
  EVENTUALLY(box.logged("api", "up\n"));
  const int pid = box.pid("api");
  kill_keeper(box, "api");
  expect_kept_on(box, "api", pid);
  EXPECT_EQ(0, box.ctl({"signal", "USR1", "api"}).code);
  // Its parent is this test now, which has to take it.
  EVENTUALLY(!alive(pid) && box.runs_another("api", pid));
  auto status = box.status("api");
  EXPECT_EQ(1u, status->restarts);
  EXPECT_EQ(pid, status->last_exit->pid);
  EXPECT_TRUE(status->last_exit->exit == ExitInfo::code(7) || status->last_exit->exit == ExitInfo::unknown())
      << exit_text(status->last_exit->exit);
  EXPECT_EQ("crash", status->last_exit->cause);
}

TEST(Takeover, ItsCommandIsShownAsBefore) {
  Sandbox box;
  write_text(box.work() / "api.py", "import time; time.sleep(1000)");
  box.detach("api", {"api.py", "--level", "2"});
  const auto before = box.status("api")->command;
  EXPECT_EQ(4u, before.size()) << "the interpreter, the program, and what it is given";
  kill_keeper(box, "api");
  expect_kept_on(box, "api", box.pid("api"));
  EXPECT_EQ(before, box.status("api")->command);
}

TEST(Takeover, WhatEndedMeanwhileIsCountedOnce) {
  Sandbox box;
  box.detach("api", {"--restart-delay", "1ms", "sleep", "1000"});
  const int pid = box.pid("api");
  const auto run = box.status("api")->run;
  kill_keeper(box, "api");
  kill(pid, SIGKILL);
  EVENTUALLY(!alive(pid));
  EXPECT_EQ(0, box.ctl({"start", "api"}).code);
  EVENTUALLY(box.runs_another("api", pid));
  EXPECT_EQ(run + 1, box.status("api")->run);
  EXPECT_TRUE(has(box.ctl({"why", "api"}).out, std::to_string(pid)));
}

class TakeoverOfATree : public testing::TestWithParam<Words> {};

TEST_P(TakeoverOfATree, AStopStillEndsAllOfIt) {
  Sandbox box;
  Words words = {"--kill-timeout", "300ms", child("forks")};
  words.insert(words.end(), GetParam().begin(), GetParam().end());
  box.detach("job", words);
  const int other = box.logged_pid("job", GetParam().front());
  ASSERT_GT(other, 0);
  const int pid = box.pid("job");
  kill_keeper(box, "job");
  expect_kept_on(box, "job", pid);
  EXPECT_EQ(0, box.ctl({"stop", "job"}).code);
  EXPECT_FALSE(alive(other));
  EVENTUALLY(box.processes().empty());
}

INSTANTIATE_TEST_SUITE_P(Trees, TakeoverOfATree,
                         testing::Values(Words{"group"}, Words{"double"}, Words{"tree", "6"}),
                         [](const auto& one) { return one.param.front(); });

TEST(Takeover, AStopThatWasUnderWayIsCarriedOutAndTheProgramStartedAgain) {
  Sandbox box;
  box.detach("job", {"--stop-timeout", "2s", child("ignores_term")});
  EVENTUALLY(box.logged("job", "ready\n"));
  kill(box.keeper_pid("job"), SIGTERM);
  EVENTUALLY(box.state("job") == "stopping");
  const int pid = box.pid("job");
  kill_keeper(box, "job");
  EXPECT_EQ(0, box.ctl({"start", "job"}).code);
  EVENTUALLY(box.runs_another("job", pid));
  EXPECT_FALSE(alive(pid));
}

TEST(Takeover, AProgramThatIsNotReadyYetIsWaitedForOn) {
  Sandbox box;
  const fs::path go = box.work() / "go";
  Outcome out =
      box.keeper({"-d", "--no-wait", "-n", "api", "--ready", "notify", "sh", "-c",
                  "until [ -e '" + go.string() + "' ]; do sleep 0.01; done; systemd-notify --ready || " +
                      child("notifies") + " READY=1; exec sleep 1000"});
  ASSERT_EQ(0, out.code) << out.all();
  const int pid = box.pid("api");
  kill_keeper(box, "api");
  Background start = box.start({{program("ctl"), "start", "api", "--wait"}});
  EVENTUALLY(box.keeper_pid("api") > 0 && box.state("api") == "starting");
  EXPECT_EQ(pid, box.pid("api"));
  write_text(go, "");
  EXPECT_EQ(0, start.wait()) << start.err();
  EXPECT_TRUE(box.status("api")->ready);
  EXPECT_EQ(pid, box.pid("api"));
}

// --- its output

struct Way {
  const char* name;
  Words options;
};
void PrintTo(const Way& one, std::ostream* out) {
  *out << one.name;
}

class TakeoverOfALog : public testing::TestWithParam<Way> {};

/// Keepers are killed at moments that nobody chose, while the program writes as fast as it can.
TEST_P(TakeoverOfALog, HasEveryLineOnceAndInOrder) {
  Sandbox box;
  const bool raw = GetParam().options.empty();
  const int lines = sanitized() ? 100'000
                    : raw       ? 2'000'000
                                : 500'000;  // more than goes by before the last kill
  auto texts = raw ? output_in : texts_in;
  Words words = {"--log-max-size", "2M", "--log-backups", "1000", "--restart", "never"};
  words.insert(words.end(), GetParam().options.begin(), GetParam().options.end());
  words.insert(words.end(), {child("floods"), std::to_string(lines), "wait"});
  box.detach("job", words);
  const int pid = box.pid("job");
  const string last = "line " + std::to_string(lines) + "\n";
  int kills = 0;
  auto all_written = [&] {
    string end;
    for (const fs::path& file : files_of(box.log_path("job")))
      if (string text = texts(read_text(file)); !text.empty()) end = std::move(text);
    return end.ends_with(last);
  };
  for (; kills < repeats(15); ++kills) {
    kill_keeper(box, "job");
    expect_kept_on(box, "job", pid);
    if (HasFailure()) return;
  }
  ASSERT_TRUE(eventually(all_written, Millis(60'000)));
  string expected;
  for (int i = 1; i <= lines; ++i)
    expected += "line " + std::to_string(i) + "\n";
  expect_same(expected, texts(all_of(box.log_path("job"))));
}

INSTANTIATE_TEST_SUITE_P(Formats, TakeoverOfALog,
                         testing::Values(Way{"raw", {}}, Way{"time", {"--log-format", "time"}},
                                         Way{"json", {"--log-format", "json"}}),
                         [](const auto& one) { return string(one.param.name); });

TEST(Takeover, WhatIsWrittenWhileNobodyReadsWaitsInThePipe) {
  Sandbox box;
  const fs::path go = box.work() / "go";
  box.detach(
      "job",
      {"sh", "-c",
       "echo before; until [ -e '" + go.string() +
           "' ]; do sleep 0.01; done; for i in 1 2 3; do echo line $i; done; : >done; exec sleep 1000"});
  EVENTUALLY(box.logged("job", "before\n"));
  const int pid = box.pid("job");
  kill_keeper(box, "job");
  write_text(go, "");
  EVENTUALLY(fs::exists(box.work() / "done"));
  EXPECT_FALSE(box.logged("job", "line"));
  expect_kept_on(box, "job", pid);
  EVENTUALLY(output_in(box.log("job")) == "before\nline 1\nline 2\nline 3\n");
}

// --- never two

/// Killed at any moment of a crash loop, also between the spawn and the record of it: there is never a second
/// program.
TEST(Takeover, ThereIsNeverASecondProgram) {
  Sandbox box;
  box.detach("api", {"--start-secs", "0", "--backoff", "none", "--restart-delay", "0", "sleep", "0.013"});
  auto programs = [&] {
    int count = 0;
    for (int pid : box.processes())
      count += has(describe(pid), "(sleep") ? 1 : 0;
    return count;
  };
  for (int i = 0; i < repeats(40); ++i) {
    box.kill_keeper("api");
    Outcome out = box.ctl({"start", "api", "--timeout", "20s"});
    EXPECT_TRUE(out.code == 0 || has(out.err, "api is tried again")) << out.all();
    EXPECT_LE(programs(), 1) << i;
    if (HasFailure()) return;
  }
}

TEST(Takeover, TheNextKeeperKnowsWhatRunsHaveLeft) {
  Sandbox box;
  box.may_leave();
  box.detach("job", {"--kill-mode", "process", child("forks"), "group"});
  const int first = box.logged_pid("job", "group");
  ASSERT_EQ(0, box.ctl({"restart", "job"}).code);
  EXPECT_EQ(std::vector<int>{first}, box.status("job")->left);
  const int keeper = box.keeper_pid("job");
  kill(keeper, SIGKILL);
  EVENTUALLY(box.keeper_pid("job") > 0 && box.keeper_pid("job") != keeper);
  EXPECT_EQ(std::vector<int>{first}, box.status("job")->left);
  const Outcome stop = box.ctl({"stop", "job"});
  EXPECT_TRUE(has(stop.out, "left running: pid " + std::to_string(first))) << stop.all();
  EXPECT_EQ(2u, box.status("job")->left.size());
}

/// A directory in which nothing can be made or removed (ioctl_iflags(2)), until this is gone.
class Frozen {
 public:
  explicit Frozen(const fs::path& directory) : directory_(open(directory.c_str(), O_RDONLY | O_CLOEXEC)) {
    works_ = set(FS_IMMUTABLE_FL);
  }
  ~Frozen() { thaw(); }
  bool works() const { return works_; }
  void thaw() { set(0); }

 private:
  bool set(int flag) const {
    int flags = 0;
    if (ioctl(directory_.get(), FS_IOC_GETFLAGS, &flags) < 0) return false;
    flags = (flags & ~FS_IMMUTABLE_FL) | flag;
    return ioctl(directory_.get(), FS_IOC_SETFLAGS, &flags) == 0;
  }
  Fd directory_;
  bool works_ = false;
};

TEST(Takeover, AKeeperWithoutAPageKeepsItsProgramAndSaysSo) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  fs::remove(box.home() / "apps/api/state");
  Frozen frozen(box.home() / "apps/api");
  if (!frozen.works()) GTEST_SKIP() << "no directory can be made immutable here";
  Background events = box.start({{program("ctl"), "events", "api"}});
  EXPECT_EQ(0, box.ctl({"start", "api"}).code);
  EVENTUALLY(box.state("api") == "running");
  EVENTUALLY(box.logged("api", "nobody can go on where it was"));
  EXPECT_EQ(1, count_of(box.log("api"), "nobody can go on where it was"));
  // A look shows it, and nothing is done that relies on it.
  EXPECT_TRUE(box.status("api")->at_risk);
  EXPECT_TRUE(has(box.ctl({"list"}).out, "at risk"));
  EXPECT_TRUE(has(box.ctl({"show", "api"}).out, "at risk"));
  EXPECT_TRUE(has(box.ctl({"doctor"}).out, "api: "));
  Outcome upgrade = box.ctl({"upgrade", "api"});
  EXPECT_EQ(1, upgrade.code) << upgrade.all();
  EXPECT_TRUE(has(upgrade.err, *box.status("api")->at_risk)) << upgrade.err;
  // It is tried again until it works.
  frozen.thaw();
  EVENTUALLY(!box.status("api")->at_risk);
  EVENTUALLY(has(events.out(), "at_risk_no_more"));
  const int pid = box.pid("api");
  EXPECT_EQ(0, box.ctl({"upgrade", "api"}).code);
  EXPECT_EQ(pid, box.pid("api"));
  events.signal(SIGINT);
  events.wait();
}

}  // namespace
}  // namespace keeper
