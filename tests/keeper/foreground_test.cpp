// keeper in the foreground: what its terminal, its shell or its service manager see of it.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "tests/keeper/support/sandbox.hpp"

namespace keeper {
namespace {

using std::string;

struct Pipe {
  Pipe() {
    int ends[2];
    EXPECT_EQ(0, pipe2(ends, O_CLOEXEC));
    reading = Fd(ends[0]);
    writing = Fd(ends[1]);
  }
  Fd reading, writing;
};

TEST(Foreground, ShowsTheOutputAsItIs) {
  Sandbox box;
  Outcome out =
      box.keeper({"--restart", "never", "sh", "-c", "printf 'one\\ntwo \\001\\377'; echo three >&2"});
  EXPECT_EQ(0, out.code);
  EXPECT_EQ("one\ntwo \001\377three\n", out.out);
  EXPECT_TRUE(has(out.err, "started pid ")) << out.err;
}

struct Ends {
  const char* name;
  Words words;
  int code;
};
void PrintTo(const Ends& one, std::ostream* out) {
  *out << one.name;
}

class ExitCode : public testing::TestWithParam<Ends> {};

TEST_P(ExitCode, IsTheProgramsOwn) {
  Sandbox box;
  Words words = {"--restart", "never"};
  words.insert(words.end(), GetParam().words.begin(), GetParam().words.end());
  EXPECT_EQ(GetParam().code, box.keeper(words).code);
}

INSTANTIATE_TEST_SUITE_P(Foreground, ExitCode,
                         testing::Values(Ends{"Success", {child("exits"), "0"}, 0},
                                         Ends{"Failure", {child("exits"), "3"}, 3},
                                         Ends{"Highest", {child("exits"), "255"}, 255},
                                         Ends{"Killed", {child("exits"), "sig", "KILL"}, 128 + SIGKILL},
                                         Ends{"Terminated", {child("exits"), "sig", "TERM"}, 128 + SIGTERM},
                                         Ends{"NotFound", {"./nowhere"}, 127}),
                         [](const auto& one) { return string(one.param.name); });

// --- signals
// ------------------------------------------------------------------------------------------------------------

TEST(Terminal, OneCtrlCStopsASlowProgramProperly) {
  Sandbox box;
  Background keeper = box.foreground("job", {child("slow_term"), "1000"}, {.words = {}, .terminal = true});
  EVENTUALLY(has(keeper.out(), "ready"));
  keeper.type("\x03");
  EXPECT_EQ(0, keeper.wait());
  EXPECT_TRUE(has(keeper.out(), "bye")) << keeper.out();
  EXPECT_TRUE(has(keeper.out(), "stopping job")) << keeper.out();
  EXPECT_EQ("stopped", box.state("job"));
}

TEST(Terminal, ASecondCtrlCEndsItAtOnce) {
  Sandbox box;
  Background keeper = box.foreground("job", {"--stop-timeout", "60s", child("slow_term"), "60000"},
                                     {.words = {}, .terminal = true});
  EVENTUALLY(has(keeper.out(), "ready"));
  keeper.type("\x03");
  EVENTUALLY(has(keeper.out(), "stopping job"));
  keeper.type("\x03");
  EXPECT_EQ(128 + SIGKILL, keeper.wait());
  EXPECT_FALSE(has(keeper.out(), "bye"));
  EXPECT_EQ("stopped", box.state("job"));
}

TEST(Terminal, TheFirstCtrlCOfALaterRunAsksItThoughAnEarlierRunHadOne) {
  Sandbox box;
  // The first run ends once it is told to by a file, the later ones at once.
  string script =
      "trap 'until [ -e go ]; do sleep 0.05; done; echo bye; exit 0' INT TERM; echo ready; "
      "while :; do sleep 0.05; done";
  Background keeper =
      box.foreground("job", {"--stop-timeout", "60s", "sh", "-c", script}, {.words = {}, .terminal = true});
  EVENTUALLY(count_of(keeper.out(), "ready") == 1);
  keeper.type("\x03");
  EVENTUALLY(has(keeper.out(), "stopping job"));
  Background restart = box.start({{program("ctl"), "restart", "job"}});
  EVENTUALLY(box.status("job")->wanted == Wanted::up);
  write_text(box.work() / "go", "");
  EXPECT_EQ(0, restart.wait());
  EVENTUALLY(count_of(keeper.out(), "ready") == 2);
  keeper.type("\x03");
  EXPECT_EQ(0, keeper.wait()) << keeper.out();
  EXPECT_EQ(2, count_of(keeper.out(), "bye")) << keeper.out();
}

TEST(Terminal, CtrlBackslashActsLikeCtrlC) {
  Sandbox box;
  Background keeper = box.foreground("job", {child("slow_term"), "100"}, {.words = {}, .terminal = true});
  EVENTUALLY(has(keeper.out(), "ready"));
  keeper.type("\x1c");
  EXPECT_EQ(0, keeper.wait());
  EXPECT_TRUE(has(keeper.out(), "bye")) << keeper.out();
}

TEST(Terminal, OneThatVanishesTakesNothingAlong) {
  Sandbox box;
  auto file = box.work() / "count";
  string script =
      "i=0; while :; do i=$((i+1)); echo line $i; echo $i > '" + file.string() + "'; sleep 0.02; done";
  Background keeper = box.foreground("job", {"sh", "-c", script}, {.words = {}, .terminal = true});
  EVENTUALLY(has(keeper.out(), "line 1"));
  int pid = box.pid("job");
  keeper.hang_up();
  int before = std::atoi(read_text(file).c_str());
  EVENTUALLY(std::atoi(read_text(file).c_str()) > before + 10);
  EXPECT_TRUE(keeper.running());
  EXPECT_EQ(pid, box.pid("job"));
  EVENTUALLY(box.state("job") == "running");
  EVENTUALLY(box.logged("job", "line " + std::to_string(before + 10) + "\n"));
}

TEST(Signals, TermTwiceNeverEscalates) {
  Sandbox box;
  Background keeper = box.foreground("job", {child("slow_term"), "700"});
  EVENTUALLY(has(keeper.out(), "ready"));
  keeper.signal(SIGTERM);
  EVENTUALLY(box.state("job") == "stopping");
  keeper.signal(SIGTERM);
  keeper.signal(SIGTERM);
  EXPECT_EQ(0, keeper.wait());
  EXPECT_TRUE(has(keeper.out(), "bye"));
}

class SignalThatMeansNothing : public testing::TestWithParam<int> {};

TEST_P(SignalThatMeansNothing, DoesNotEndTheKeeper) {
  Sandbox box;
  Background keeper = box.foreground("job", {"sleep", "1000"});
  int pid = box.pid("job");
  keeper.signal(GetParam());
  // It has been seen: the keeper has answered since, and no signal waits that is not blocked.
  EVENTUALLY(box.state("job") == "running");
  EXPECT_TRUE(keeper.running());
  EXPECT_EQ(pid, box.pid("job"));
  EXPECT_EQ(0, box.ctl({"stop", "job"}).code);
  EXPECT_EQ(128 + SIGTERM, keeper.wait());
}

INSTANTIATE_TEST_SUITE_P(Foreground, SignalThatMeansNothing,
                         testing::Values(SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGPIPE, SIGVTALRM, SIGPROF,
                                         SIGIO, SIGPWR, SIGWINCH, SIGXCPU, SIGXFSZ, SIGURG, SIGSTKFLT,
                                         SIGTTIN, SIGTTOU, SIGRTMIN, SIGRTMAX),
                         [](const auto& one) { return "Signal" + std::to_string(one.param); });

// --- what stdout is
// ------------------------------------------------------------------------------------------------------

TEST(Stdout, ThatNobodyReadsNeverHoldsTheProgramUp) {
  Sandbox box;
  Pipe pipe;
  Start how;
  how.out = pipe.writing.get();
  Background keeper = box.foreground("job", {child("floods"), "200000", "wait"}, how);
  EVENTUALLY(box.logged("job", "line 200000\n"));
  // Our own end is the same open file description as the keeper's: it was not made non-blocking.
  EXPECT_EQ(0, fcntl(pipe.writing.get(), F_GETFL) & O_NONBLOCK);
  EVENTUALLY(has(keeper.err(), "bytes were not shown here"));
  keeper.signal(SIGTERM);
  EXPECT_EQ(128 + SIGTERM, keeper.wait());
}

TEST(Stdout, WhoseReaderIsGoneIsDoneWithout) {
  Sandbox box;
  Pipe pipe;
  Start how;
  how.out = pipe.writing.get();
  pipe.reading.reset();
  Background keeper = box.foreground("job", {child("floods"), "50000", "wait"}, how);
  EVENTUALLY(box.logged("job", "line 50000\n"));
  EXPECT_TRUE(keeper.running());
  EVENTUALLY(box.state("job") == "running");
  keeper.signal(SIGTERM);
  EXPECT_EQ(128 + SIGTERM, keeper.wait());
}

TEST(Stdout, ThatIsClosedIsDoneWithout) {
  Sandbox box;
  Start how;
  how.before = [] { close(STDOUT_FILENO); };
  Background keeper = box.foreground("job", {child("floods"), "50000", "wait"}, how);
  EVENTUALLY(box.logged("job", "line 50000\n"));
  EVENTUALLY(box.state("job") == "running");
}

TEST(Stdout, ThatIsAFileIsAppendedToInOrder) {
  Sandbox box;
  auto file = box.root() / "shown";
  write_text(file, "what was there\n");
  Fd shown(open(file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  Start how{{program("keeper"), "--restart", "never", child("floods"), "100000"}};
  how.out = shown.get();
  EXPECT_EQ(0, box.run(how).code);
  string expected = "what was there\n";
  for (int i = 1; i <= 100'000; ++i)
    expected += "line " + std::to_string(i) + "\n";
  EXPECT_TRUE(expected == read_text(file))
      << "the file has " << read_text(file).size() << " bytes, not " << expected.size();
}

}  // namespace
}  // namespace keeper
