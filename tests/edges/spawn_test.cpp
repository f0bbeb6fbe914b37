// From a plan to a process, and to its exit status.
#include <sys/resource.h>
#include <sys/utsname.h>

#include "tests/edges/support/run.hpp"

namespace keeper {
namespace {

using std::string;

const char* const kNone[] = {nullptr};

SpawnError failure_of(std::vector<string> command, const string& directory = "/") {
  SpawnPlan plan(std::move(command), kNone, {}, directory);
  Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  Pipe pipe;
  auto result = spawn(plan, {null.get(), pipe.writing.get(), pipe.writing.get()});
  if (auto* failed = std::get_if<SpawnError>(&result)) return *failed;
  ADD_FAILURE() << "it was spawned";
  waitpid(std::get<Spawned>(result).pid, nullptr, 0);
  return {};
}

TEST(Spawn, RunsAProgramThatWritesIntoThePipe) {
  TestRun run({"/bin/echo", "hello"});
  EXPECT_EQ(ExitInfo::code(0), run.end());
  EXPECT_EQ("hello\n", run.said());
}

TEST(Spawn, AMissingProgramIsAFailureOfTheExec) {
  SpawnError error = failure_of({"/no/such"});
  EXPECT_EQ(Stage::exec, error.stage);
  EXPECT_EQ(ENOENT, error.errnum);
  EXPECT_EQ("exec /no/such: No such file or directory", error.text);
  EXPECT_TRUE(error.permanent);
}

TEST(Spawn, AProgramThatIsNotExecutableIsAFailureOfTheExec) {
  Place place;
  write_text(place / "plain", "text\n");
  SpawnError error = failure_of({(place / "plain").string()});
  EXPECT_EQ(Stage::exec, error.stage);
  EXPECT_EQ(EACCES, error.errnum);
  EXPECT_TRUE(error.permanent);
}

TEST(Spawn, AFileThatIsNoProgramIsAFailureOfTheExec) {
  Place place;
  write_text(place / "garbage",
             "\x7f"
             "ELF?",
             0700);
  SpawnError error = failure_of({(place / "garbage").string()});
  EXPECT_EQ(ENOEXEC, error.errnum);
  EXPECT_EQ("exec " + (place / "garbage").string() + ": Exec format error", error.text);
  EXPECT_TRUE(error.permanent);
}

TEST(Spawn, AProgramThatIsBeingWrittenMayRunLater) {
  Place place;
  std::filesystem::copy_file("/bin/true", place / "new");
  Fd writer(open((place / "new").c_str(), O_WRONLY | O_CLOEXEC));
  SpawnError error = failure_of({(place / "new").string()});
  EXPECT_EQ(ETXTBSY, error.errnum);
  EXPECT_FALSE(error.permanent);
}

TEST(Spawn, ADirectoryThatIsMissingIsNamed) {
  SpawnError error = failure_of({"/bin/true"}, "/no/such");
  EXPECT_EQ(Stage::directory, error.stage);
  EXPECT_EQ("chdir /no/such: No such file or directory", error.text);
  EXPECT_TRUE(error.permanent);
}

TEST(Spawn, WithoutDescriptorsItFailsForTheMoment) {
  SpawnPlan plan({"/bin/true"}, kNone, {}, "/");
  Pipe pipe;
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none{0, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  auto result = spawn(plan, {pipe.reading.get(), pipe.writing.get(), pipe.writing.get()});
  setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_TRUE(std::holds_alternative<SpawnError>(result));
  const SpawnError& error = std::get<SpawnError>(result);
  EXPECT_EQ(Stage::output, error.stage);
  EXPECT_EQ(EMFILE, error.errnum);
  EXPECT_FALSE(error.permanent);
}

TEST(Spawn, TwoHundredFailuresLeaveNoZombieAndNoDescriptor) {
  auto before = open_descriptors();
  for (int i = 0; i < 100; ++i) {
    failure_of({"/no/such"});
    failure_of({"/bin/true"}, "/no/such");
  }
  EXPECT_EQ(before, open_descriptors());
  EXPECT_EQ(-1, waitpid(-1, nullptr, WNOHANG));
  EXPECT_EQ(ECHILD, errno);
}

TEST(Spawn, TheCallersBlockedAndIgnoredSignalsAreNotPassedOn) {
  sigset_t set, before;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, &before);
  TestRun run({"/bin/sleep", "1000"});
  sigprocmask(SIG_SETMASK, &before, nullptr);
  kill(run.pid(), SIGTERM);
  EXPECT_EQ(ExitInfo::signal(SIGTERM), run.end());
}

TEST(Collect, GivesNothingWhileItRuns) {
  TestRun run({"/bin/sleep", "1000"});
  EXPECT_FALSE(collect(run.pid(), run.pidfd()));
  kill(run.pid(), SIGKILL);
  EXPECT_EQ(ExitInfo::signal(SIGKILL), run.end());
}

TEST(Collect, GivesTheCode) {
  TestRun run({CHILDREN_DIR "/exits", "255"});
  EXPECT_EQ(ExitInfo::code(255), run.end());
}

/// PIDFD_GET_INFO tells of ends from Linux 6.15 on.
bool kernel_tells_of_ends() {
  utsname name{};
  uname(&name);
  int major = 0, minor = 0;
  return std::sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
         (major > 6 || (major == 6 && minor >= 15));
}

TEST(Collect, AsksTheKernelAboutAProcessThatSomebodyElseTook) {
  TestRun run({"/bin/sh", "-c", "exit 3"}), killed({"/bin/sh", "-c", "kill -TERM $$"});
  for (TestRun* one : {&run, &killed})
    ASSERT_EQ(one->pid(), waitpid(one->pid(), nullptr, 0));
  const bool known = kernel_tells_of_ends();
  EXPECT_EQ(known ? ExitInfo::code(3) : ExitInfo::unknown(), collect(run.pid(), run.pidfd()));
  EXPECT_EQ(known ? ExitInfo::signal(SIGTERM) : ExitInfo::unknown(), collect(killed.pid(), killed.pidfd()));
  EXPECT_EQ(ExitInfo::unknown(), collect(run.pid(), -1));
}

TEST(StopOrContinue, TellsEachChangeOnce) {
  TestRun run({"/bin/sleep", "1000"});
  EXPECT_EQ(StopChange::none, stop_or_continue(run.pidfd()));
  kill(run.pid(), SIGSTOP);
  EXPECT_TRUE(eventually([&] { return stop_or_continue(run.pidfd()) == StopChange::stopped; }));
  EXPECT_EQ(StopChange::none, stop_or_continue(run.pidfd()));
  kill(run.pid(), SIGCONT);
  EXPECT_TRUE(eventually([&] { return stop_or_continue(run.pidfd()) == StopChange::continued; }));
}

TEST(ReapStrangers, TakesAwayWhatIsNobodysRunAndLeavesTheRuns) {
  pid_t stranger = fork();
  if (stranger == 0) _exit(3);
  EXPECT_TRUE(eventually([&] { return reap_strangers([](int) { return false; }); }));
  EXPECT_EQ(-1, waitpid(stranger, nullptr, WNOHANG));

  TestRun run({"/bin/true"});
  pollfd p{run.pidfd(), POLLIN, 0};
  ASSERT_EQ(1, poll(&p, 1, static_cast<int>(kLimit.count())));
  EXPECT_FALSE(reap_strangers([&](int pid) { return pid == run.pid(); }));
  EXPECT_EQ(ExitInfo::code(0), collect(run.pid(), run.pidfd()));
}

}  // namespace
}  // namespace keeper
