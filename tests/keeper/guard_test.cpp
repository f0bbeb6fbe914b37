// Guard and keeper: whichever is killed, the other one goes on, and nobody notices.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <random>

#include "tests/keeper/support/log_texts.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

/// Both halves live, and are not those two. The status then.
std::optional<Status> both_live(Sandbox& box, const string& name, int keeper) {
  std::optional<Status> out;
  eventually([&] {
    out = box.status(name);
    return out && out->keeper_pid && out->guard_pid && *out->keeper_pid != keeper && *out->guard_pid > 1;
  });
  return out;
}

/// Without those of clients that it has not seen leave yet.
std::size_t descriptors_of(int pid) {
  std::size_t out = SIZE_MAX;
  for (int look = 0; look < 20; ++look, usleep(5000)) {
    std::error_code none;
    fs::directory_iterator all("/proc/" + std::to_string(pid) + "/fd", none);
    out = std::min(out, static_cast<std::size_t>(std::distance(all, fs::directory_iterator())));
  }
  return out;
}

std::uint64_t memory_of(int pid, const string& what) {
  const string text = read_text("/proc/" + std::to_string(pid) + "/smaps_rollup");
  const auto at = text.find(what + ":");
  return at == string::npos ? 0 : std::strtoull(text.c_str() + at + what.size() + 1, nullptr, 10);
}

TEST(Guard, IsTheParentOfItsKeeperAndIsNamed) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  const auto status = *box.status("api");
  ASSERT_TRUE(status.guard_pid && status.keeper_pid);
  EXPECT_TRUE(has(describe(*status.guard_pid), "keeper: guard api")) << describe(*status.guard_pid);
  EXPECT_TRUE(has(describe(*status.keeper_pid), "keeper: api")) << describe(*status.keeper_pid);
  EXPECT_TRUE(has(read_text("/proc/" + std::to_string(*status.keeper_pid) + "/status"),
                  "PPid:\t" + std::to_string(*status.guard_pid)));
  EXPECT_EQ("keeper\n", read_text("/proc/" + std::to_string(*status.guard_pid) + "/comm"));
  EXPECT_EQ(0, box.ctl({"stop", std::to_string(*status.guard_pid)}).code) << "its pid means the app too";
  EXPECT_FALSE(alive(*status.guard_pid)) << "a stop returns when it is gone too";
  EXPECT_FALSE(box.status("api")->guard_pid);
}

TEST(Guard, CanBeDoneWithout) {
  Sandbox box;
  box.detach("api", {"--no-guard", "sleep", "1000"});
  EXPECT_FALSE(box.status("api")->guard_pid);
  EXPECT_EQ(2u, box.processes().size());
  box.kill_keeper("api");
  EXPECT_EQ("unreachable", box.state("api")) << "nobody is there to start another";
}

TEST(Guard, KeepsItsMemoryToItself) {
  if (sanitized()) GTEST_SKIP() << "a sanitizer has memory of its own";
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  const int guard = box.guard_pid("api");
  EXPECT_LE(memory_of(guard, "Private_Dirty"), 60u) << "kB";
  EXPECT_FALSE(has(read_text("/proc/" + std::to_string(guard) + "/maps"), "[heap]"))
      << "it allocates nothing";
}

class Halves : public testing::TestWithParam<string> {};

TEST_P(Halves, OneIsKilledAndTheProgramDoesNotNotice) {
  const bool kills_guard = GetParam() == "guard";
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  const Status before = *box.status("api");
  const int victim = kills_guard ? *before.guard_pid : *before.keeper_pid;
  kill(victim, SIGKILL);
  auto after = both_live(box, "api", *before.keeper_pid);
  ASSERT_TRUE(after);
  EXPECT_FALSE(alive(victim));
  EXPECT_EQ(before.pid, after->pid);
  EXPECT_EQ(before.run, after->run);
  EXPECT_EQ(before.started_at, after->started_at);
  EXPECT_EQ(before.confirmed_at, after->confirmed_at);
  EXPECT_EQ(0u, after->restarts);
  EXPECT_EQ(State::running, after->state);
  EXPECT_EQ(kills_guard ? *before.keeper_pid : *before.guard_pid, *after->guard_pid)
      << "the half that lives is the guard now";
  EXPECT_EQ(3u, box.processes().size());
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_TRUE(box.processes().empty());
}

TEST_P(Halves, OneIsKilledAndTheEndOfTheProgramIsSeenAllTheSame) {
  Sandbox box;
  box.detach("api", {"--restart-delay", "1ms", "sh", "-c",
                     "trap 'exit 7' USR1; echo up; while :; do sleep 0.01; done"});
  EVENTUALLY(box.logged("api", "up\n"));
  const Status before = *box.status("api");
  kill(GetParam() == "guard" ? *before.guard_pid : *before.keeper_pid, SIGKILL);
  ASSERT_TRUE(both_live(box, "api", *before.keeper_pid));
  kill(*before.pid, SIGUSR1);
  EVENTUALLY(box.runs_another("api", *before.pid));
  const Status after = *box.status("api");
  EXPECT_EQ(1u, after.restarts);
  EXPECT_EQ(ExitInfo::code(7), after.last_exit->exit) << exit_text(after.last_exit->exit);
  EXPECT_EQ(*before.pid, after.last_exit->pid);
}

INSTANTIATE_TEST_SUITE_P(Each, Halves, testing::Values("guard", "keeper"),
                         [](const auto& one) { return one.param; });

/// It ends while no keeper is there, and its guard is held back from starting one.
TEST(Guard, TakesTheStatusOfAProgramThatEndsWhileThereIsNoKeeper) {
  Sandbox box;
  box.detach("api", {"--restart-delay", "1ms", "--start-secs", "0", "sh", "-c",
                     "trap 'exit 9' USR1; echo up; while :; do sleep 0.01; done"});
  EVENTUALLY(box.logged("api", "up\n"));
  const Status before = *box.status("api");
  kill(*before.guard_pid, SIGSTOP);
  kill(*before.keeper_pid, SIGKILL);
  kill(*before.pid, SIGUSR1);
  EVENTUALLY(!alive(*before.pid) && !alive(*before.keeper_pid));
  kill(*before.guard_pid, SIGCONT);
  ASSERT_TRUE(both_live(box, "api", *before.keeper_pid));
  EVENTUALLY(box.runs_another("api", *before.pid));
  const Status after = *box.status("api");
  EXPECT_EQ(*before.guard_pid, *after.guard_pid);
  EXPECT_EQ(ExitInfo::code(9), after.last_exit->exit) << exit_text(after.last_exit->exit);
  EXPECT_EQ(1u, after.restarts);
}

TEST(Guard, PassesOnWhatWasAskedOfItWhileThereIsNoKeeper) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  const Status before = *box.status("api");
  kill(*before.guard_pid, SIGSTOP);
  kill(*before.keeper_pid, SIGKILL);
  EVENTUALLY(!alive(*before.keeper_pid));
  kill(*before.guard_pid, SIGTERM);
  kill(*before.guard_pid, SIGCONT);
  EVENTUALLY(box.state("api") == "stopped" && box.processes().empty());
}

TEST(Guard, GoesOnWithAPauseBeforeTheNextStart) {
  Sandbox box;
  Outcome out = box.keeper({"-d", "-n", "api", "--backoff", "2s..2s", "false"});
  EXPECT_EQ(1, out.code);
  const Status before = *box.status("api");
  ASSERT_EQ(State::backoff, before.state);
  kill(*before.keeper_pid, SIGKILL);
  auto after = both_live(box, "api", *before.keeper_pid);
  ASSERT_TRUE(after);
  EXPECT_EQ(State::backoff, after->state);
  EXPECT_EQ(before.run, after->run);
  const auto moved = *after->next->at - *before.next->at;
  EXPECT_LT(std::abs(std::chrono::duration_cast<Millis>(moved).count()), 100)
      << "the pause is not begun anew";
  EVENTUALLY(box.status("api")->run > before.run);
}

TEST(Guard, CarriesOutAStopThatWasUnderWay) {
  Sandbox box;
  box.detach("job", {"--stop-timeout", "700ms", child("ignores_term")});
  EVENTUALLY(box.logged("job", "ready\n"));
  const Status before = *box.status("job");
  Background stop = box.start({{program("ctl"), "stop", "job"}});
  EVENTUALLY(box.state("job") == "stopping");
  kill(*before.keeper_pid, SIGKILL);
  EXPECT_EQ(0, stop.wait()) << "it asks the next keeper: " << stop.err();
  EXPECT_TRUE(box.processes().empty());
  EXPECT_EQ("stopped", box.state("job"));
}

TEST(Guard, InTheForegroundEndsWithTheCodeOfTheProgramAlsoAfterATakeover) {
  Sandbox box;
  Background keeper =
      box.foreground("api", {"--restart", "never", "sh", "-c",
                             "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.01; done"});
  EVENTUALLY(box.logged("api", "up\n"));
  const Status before = *box.status("api");
  EXPECT_EQ(keeper.pid(), *before.guard_pid) << "who is waited for is the guard";
  kill(*before.keeper_pid, SIGKILL);
  ASSERT_TRUE(both_live(box, "api", *before.keeper_pid));
  keeper.signal(SIGTERM);
  EXPECT_EQ(7, keeper.wait());
  EXPECT_TRUE(has(keeper.out(), "bye\n")) << "its output is echoed by the next keeper too: " << keeper.err();
}

/// A signal to the whole group reaches both halves, and is one.
TEST(Guard, CountsASignalToBothHalvesOnce) {
  Sandbox box;
  Start how;
  how.terminal = true;
  Background keeper = box.foreground("job", {"--stop-timeout", "60s", child("slow_term"), "300"}, how);
  EVENTUALLY(box.logged("job", "ready\n"));
  keeper.type("\x03");
  EXPECT_EQ(0, keeper.wait()) << keeper.out();
  EXPECT_TRUE(box.logged("job", "bye\n")) << "a second Ctrl-C would have killed it";

  Background other = box.foreground("job", {"--stop-timeout", "60s", child("slow_term"), "300"});
  EVENTUALLY(count_of(box.log("job"), "ready\n") == 2);
  const Status status = *box.status("job");
  kill(*status.keeper_pid, SIGINT);
  kill(*status.guard_pid, SIGINT);
  EXPECT_EQ(0, other.wait()) << other.err();
}

TEST(Guard, KeepsWhatTheProgramSaysOfItself) {
  Sandbox box;
  box.detach("api", {"--ready", "notify", "--start-secs", "0", child("notifies"), "STATUS=fine\nREADY=1"});
  EVENTUALLY(box.status("api")->ready);
  const Status before = *box.status("api");
  EXPECT_EQ("fine", before.status_text);
  kill(*before.keeper_pid, SIGKILL);
  auto after = both_live(box, "api", *before.keeper_pid);
  ASSERT_TRUE(after);
  EXPECT_TRUE(after->ready);
  EXPECT_EQ("fine", after->status_text);
}

/// s6's way: a newline into a descriptor. The reading end outlives the keeper that made it.
TEST(Guard, HearsAProgramThatSaysItIsReadyAfterATakeover) {
  Sandbox box;
  const fs::path go = box.work() / "go";
  Outcome out =
      box.keeper({"-d", "--no-wait", "-n", "api", "--ready", "fd:3", "sh", "-c",
                  "until [ -e '" + go.string() + "' ]; do sleep 0.01; done; echo >&3; exec sleep 1000"});
  ASSERT_EQ(0, out.code) << out.all();
  for (bool guard : {false, true}) {
    const Status before = *both_live(box, "api", 0);
    kill(guard ? *before.guard_pid : *before.keeper_pid, SIGKILL);
    ASSERT_TRUE(both_live(box, "api", *before.keeper_pid));
  }
  EXPECT_EQ("starting", box.state("api"));
  const int pid = box.pid("api");
  write_text(go, "");
  EVENTUALLY(box.status("api")->ready);
  EXPECT_EQ(pid, box.pid("api"));
}

TEST(Guard, IsLastToBeEndedWhenMemoryIsShortAndItsProgramIsNot) {
  Sandbox box;
  auto score_of = [](int pid) {
    return std::atoi(read_text("/proc/" + std::to_string(pid) + "/oom_score_adj").c_str());
  };
  const int ours = score_of(getpid());
  const bool permitted = box.run({{"sh", "-c", "echo -900 >/proc/self/oom_score_adj"}}).code == 0;
  const int expected = permitted ? -900 : ours;
  box.detach("api", {"sleep", "1000"});
  box.detach("own", {"--oom-score-adj", "500", "sleep", "1000"});
  for (int look = 0; look < 2; ++look) {
    const Status status = *both_live(box, "api", 0);
    EXPECT_EQ(expected, score_of(*status.keeper_pid));
    EXPECT_EQ(expected, score_of(*status.guard_pid));
    EXPECT_EQ(ours, score_of(*status.pid));
    EXPECT_EQ(500, score_of(box.pid("own")));
    if (look > 0) break;
    kill(*status.keeper_pid, SIGKILL);  // and after a takeover
    ASSERT_TRUE(both_live(box, "api", *status.keeper_pid));
    EXPECT_EQ(0, box.ctl({"restart", "api"}).code);
  }
}

TEST(Guard, RemembersAnEndThatWasInNoRecordYet) {
  Sandbox box;
  box.detach("api", {"--backoff", "none", "--start-secs", "0", "sh", "-c", "echo up; exec sleep 1000"});
  for (int i = 0; i < 3; ++i) {
    const Status before = *both_live(box, "api", 0);
    kill(*before.pid, SIGUSR1);
    EVENTUALLY(box.runs_another("api", *before.pid));
    kill(*box.status("api")->keeper_pid, SIGKILL);  // a moment later: the record is not written yet
  }
  ASSERT_TRUE(both_live(box, "api", 0));
  const string why = box.ctl({"why", "api"}).out;
  EXPECT_EQ(3u, count_of(why, "(SIGUSR1)")) << why;
  EXPECT_EQ(3u, box.status("api")->restarts);
}

TEST(Guard, WaitsLongerForAKeeperThatDiesAtOnceAndNeverGivesUp) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  const Status before = *box.status("api");
  // A keeper that it starts has its limits: one cannot begin with these.
  const rlimit little{1 << 20, RLIM_INFINITY}, all{RLIM_INFINITY, RLIM_INFINITY};
  ASSERT_EQ(0, prlimit(*before.guard_pid, RLIMIT_AS, &little, nullptr));
  kill(*before.keeper_pid, SIGKILL);
  const auto began = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - began < Millis(300))
    usleep(20'000);
  EXPECT_TRUE(alive(*before.guard_pid));
  EXPECT_TRUE(alive(*before.pid)) << "the program is left alone";
  EXPECT_EQ("unreachable", box.state("api"));
  ASSERT_EQ(0, prlimit(*before.guard_pid, RLIMIT_AS, &all, nullptr));
  ASSERT_TRUE(both_live(box, "api", *before.keeper_pid));
  EXPECT_EQ(*before.pid, box.pid("api"));
}

/// The mask of a signalfd is the file's, which a test may have too.
TEST(Guard, SeesTheEndOfItsKeeperAlsoIfNoSignalTellsItSo) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  const Status before = *box.status("api");
  Fd guard(static_cast<int>(syscall(SYS_pidfd_open, *before.guard_pid, 0)));
  bool deaf = false;
  for (int fd = 3; fd < 64 && !deaf; ++fd) {
    Fd copy(static_cast<int>(syscall(SYS_pidfd_getfd, guard.get(), fd, 0)));
    if (!copy && errno == EPERM) GTEST_SKIP() << "no process may look into another";
    sigset_t none;
    sigemptyset(&none);
    deaf = copy && signalfd(copy.get(), &none, 0) == copy.get();
  }
  ASSERT_TRUE(deaf);
  for (int i = 0; i < 5; ++i) {
    const int keeper = box.keeper_pid("api");
    kill(keeper, SIGKILL);
    ASSERT_TRUE(both_live(box, "api", keeper)) << i;
  }
  EXPECT_EQ(before.guard_pid, box.status("api")->guard_pid);
  EXPECT_EQ(before.pid, box.pid("api"));
}

TEST(Guard, AThousandTakeoversLeaveNothingBehind) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  std::mt19937 random(7);
  auto kill_one = [&](bool guard) {
    const Status now = *box.status("api");
    if (!now.guard_pid || !now.keeper_pid) return;
    kill(guard ? *now.guard_pid : *now.keeper_pid, SIGKILL);
    ASSERT_TRUE(both_live(box, "api", *now.keeper_pid));
  };
  kill_one(true);
  kill_one(false);
  const Status before = *box.status("api");
  const auto descriptors = descriptors_of(*before.keeper_pid), guards = descriptors_of(*before.guard_pid);
  const auto memory = memory_of(*before.keeper_pid, "Private_Dirty"),
             guard_memory = memory_of(*before.guard_pid, "Private_Dirty");
  for (int i = 0; i < repeats(sanitized() ? 12 : 1000) && !HasFailure(); ++i)
    kill_one(random() % 2 == 0);
  const Status after = *box.status("api");
  EXPECT_EQ(before.pid, after.pid);
  EXPECT_EQ(0u, after.restarts);
  EXPECT_EQ(descriptors, descriptors_of(*after.keeper_pid));
  EXPECT_EQ(guards, descriptors_of(*after.guard_pid));
  // Of what has come to rest; a stack begins anywhere in a page.
  EVENTUALLY(memory_of(*after.keeper_pid, "Private_Dirty") <= memory + memory / 10 + 8);
  EVENTUALLY(memory_of(*after.guard_pid, "Private_Dirty") <= guard_memory + guard_memory / 10 + 8);
}

}  // namespace
}  // namespace keeper
