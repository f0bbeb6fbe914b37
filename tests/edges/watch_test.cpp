// Signals as facts, and what processes use.
#include <pty.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <asio/io_context.hpp>
#include <cstring>

#include "keeper/watch/removal_watch.hpp"
#include "keeper/watch/sampler.hpp"
#include "keeper/watch/signals.hpp"
#include "tests/edges/support/place.hpp"

namespace keeper {
namespace {

using std::string;

// --- RemovalWatch

struct Watched {
  Place place;
  asio::io_context io;
  std::vector<int> told;
  std::unique_ptr<RemovalWatch> watch =
      std::move(*RemovalWatch::make(io, [this](int which) { told.push_back(which); }));

  std::vector<int> changes() {
    io.poll();
    return std::exchange(told, {});
  }
};

TEST(RemovalWatch, TellsWhichFileIsGone) {
  Watched w;
  write_text(w.place / "a", "");
  write_text(w.place / "b", "");
  const int a = w.watch->add((w.place / "a").string());
  Fd file(open((w.place / "b").c_str(), O_RDWR | O_CLOEXEC));
  const int b = w.watch->add(file.get());
  EXPECT_EQ(a, w.watch->add((w.place / "a").string()));
  EXPECT_EQ(RemovalWatch::kNone, w.watch->add((w.place / "c").string()));
  EXPECT_EQ(1, write(file.get(), "x", 1));
  EXPECT_EQ(0, ftruncate(file.get(), 0));
  EXPECT_EQ(std::vector<int>{}, w.changes()) << "what is done to its content is nothing";
  std::filesystem::rename(w.place / "b", w.place / "moved");
  EXPECT_EQ(std::vector<int>{b}, w.changes());
  std::filesystem::remove(w.place / "moved");
  EXPECT_EQ(std::vector<int>{b}, w.changes()) << "that is open still";
  std::filesystem::remove(w.place / "a");
  for (int which : w.changes())
    EXPECT_EQ(a, which);
}

TEST(RemovalWatch, SaysNothingOfWhatItLeft) {
  Watched w;
  write_text(w.place / "a", "");
  w.watch->remove(w.watch->add((w.place / "a").string()));
  std::filesystem::remove(w.place / "a");
  EXPECT_EQ(std::vector<int>{}, w.changes());
}

TEST(RemovalWatch, GoesOnWithTheInstanceOfAnEarlierProcess) {
  Watched w;
  write_text(w.place / "a", "");
  const int a = w.watch->add((w.place / "a").string());
  Fd instance(dup(w.watch->descriptor()));
  w.watch.reset();
  std::filesystem::rename(w.place / "a", w.place / "b");
  RemovalWatch next(w.io, std::move(instance), [&](int which) { w.told.push_back(which); });
  EXPECT_EQ(std::vector<int>{a}, w.changes());
}

// --- Signals
// ------------------------------------------------------------------------------------------------------------

TEST(Signals, AreReportedWithTheirSender) {
  own_all_signals();
  asio::io_context io;
  std::vector<SignalFact> facts;
  Signals signals(io, [&](const SignalFact& fact) { facts.push_back(fact); });
  pid_t sender = fork();
  if (sender == 0) {
    kill(getppid(), SIGTERM);
    _exit(0);
  }
  ASSERT_TRUE(eventually([&] { return facts.size() == 2; }, [&] { io.poll(); }));
  waitpid(sender, nullptr, 0);
  const SignalFact& term = facts[0].number == SIGTERM ? facts[0] : facts[1];
  EXPECT_EQ(SIGTERM, term.number);
  EXPECT_EQ(sender, term.pid);
  EXPECT_EQ(getuid(), term.uid);
  EXPECT_FALSE(term.from_terminal);
}

TEST(Signals, ThatMeanNothingAreBlockedAndTheOthersReported) {
  own_all_signals();
  asio::io_context io;
  std::vector<int> numbers;
  Signals signals(io, [&](const SignalFact& fact) { numbers.push_back(fact.number); });
  for (int number :
       {SIGUSR2, SIGALRM, SIGPIPE, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGXCPU, SIGXFSZ, SIGRTMIN, SIGRTMAX})
    kill(getpid(), number);
  for (int number : {SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGTERM})
    kill(getpid(), number);
  EXPECT_TRUE(eventually([&] { return numbers.size() >= 5; }, [&] { io.poll(); }));
  std::sort(numbers.begin(), numbers.end());
  EXPECT_EQ((std::vector<int>{SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGTERM}), numbers);
}

TEST(Signals, AreAtTheirDefaultsForWhoeverIsStarted) {
  for (int number : {SIGHUP, SIGPIPE, SIGTSTP, SIGCHLD, SIGRTMIN + 1})
    signal(number, SIG_IGN);
  own_all_signals();
  for (int number : {SIGHUP, SIGPIPE, SIGTSTP, SIGCHLD, SIGRTMIN + 1}) {
    struct sigaction now {};
    sigaction(number, nullptr, &now);
    EXPECT_EQ(SIG_DFL, now.sa_handler) << number;
  }
}

/// In a process with a terminal: says what it hears of the first SIGINT.
[[noreturn]] void tell_interrupt() {
  own_all_signals();
  asio::io_context io;
  Signals signals(io, [&](const SignalFact& fact) {
    const char* text = fact.number != SIGINT ? "other\n" : fact.from_terminal ? "terminal\n" : "process\n";
    if (write(STDOUT_FILENO, text, strlen(text)) < 0) _exit(1);
    _exit(0);
  });
  if (write(STDOUT_FILENO, "ready\n", 6) < 0) _exit(1);
  io.run();
  _exit(1);
}

TEST(Signals, ThatATerminalSendsAreKnownAsSuch) {
  int terminal = -1;
  pid_t pid = forkpty(&terminal, nullptr, nullptr, nullptr);
  if (pid == 0) tell_interrupt();
  ASSERT_GT(pid, 0);
  fcntl(terminal, F_SETFL, O_NONBLOCK);
  string said;
  auto listen = [&] {
    char chunk[256];
    ssize_t got = read(terminal, chunk, sizeof chunk);
    if (got > 0) said.append(chunk, static_cast<std::size_t>(got));
  };
  ASSERT_TRUE(eventually([&] { return said.find("ready") != string::npos; }, listen));
  ASSERT_EQ(1, write(terminal, "\x03", 1));
  EXPECT_TRUE(eventually([&] { return said.find("terminal") != string::npos; }, listen)) << said;
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  close(terminal);
}

// --- Sampler
// ------------------------------------------------------------------------------------------------------------

/// A process that does something and is killed in the end.
class Worker {
 public:
  explicit Worker(const std::function<void()>& work) : pid_(fork()) {
    if (pid_ > 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    work();
    for (;;)
      pause();
  }
  ~Worker() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Worker(const Worker&) = delete;
  int pid() const { return pid_; }

 private:
  int pid_;
};

[[noreturn]] void work_for_ever() {
  for (volatile unsigned i = 0;;)
    i = i + 1;
}

void use_memory(std::size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  std::memset(memory, 1, bytes);
}

long ticks_of(int pid) {
  string stat = read_text("/proc/" + std::to_string(pid) + "/stat");
  long user = 0;
  std::sscanf(stat.c_str() + stat.rfind(')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld", &user);
  return user;
}

TEST(Sampler, MeasuresABusyProcessSinceItsStartAndThenSinceTheLastQuestion) {
  Worker worker(work_for_ever);
  const Millis start{1'000'000};
  const long per_second = sysconf(_SC_CLK_TCK);
  ASSERT_TRUE(eventually([&] { return ticks_of(worker.pid()) >= per_second / 2; }));
  Sampler sampler;
  // Half a second of work and a little more, in what we say were two seconds.
  auto first = sampler.sample(worker.pid(), start, start + Millis(2'000));
  ASSERT_TRUE(first);
  EXPECT_GE(first->cpu_percent, 24);
  EXPECT_LT(first->cpu_percent, 100);
  long before = ticks_of(worker.pid());
  ASSERT_TRUE(eventually([&] { return ticks_of(worker.pid()) >= before + per_second / 2; }));
  auto second = sampler.sample(worker.pid(), start, start + Millis(3'000));
  ASSERT_TRUE(second);
  EXPECT_GE(second->cpu_percent, 49);
  kill(worker.pid(), SIGSTOP);
  auto third = sampler.sample(worker.pid(), start, start + Millis(100'000));
  ASSERT_TRUE(third);
  EXPECT_LT(third->cpu_percent, 20) << "of the time since the second question";
}

TEST(Sampler, AddsUpTheMemoryOfATree) {
  Pipe pipe;
  constexpr std::size_t size = 24 << 20;
  Worker worker([&] {
    if (fork() == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      use_memory(size);
      if (write(pipe.writing.get(), "x", 1) < 0) _exit(1);
      for (;;)
        pause();
    }
    use_memory(size);
  });
  char byte = 0;
  ASSERT_EQ(1, read(pipe.reading.get(), &byte, 1));
  Sampler sampler;
  EXPECT_TRUE(eventually([&] {
    auto usage = sampler.sample(worker.pid(), Millis(0), Millis(1'000));
    return usage && usage->memory_bytes > 2 * size;
  }));
}

TEST(Sampler, GivesNothingForAProcessThatIsGone) {
  int gone = 0;
  Sampler sampler;
  {
    Worker worker([] {});
    gone = worker.pid();
    EXPECT_TRUE(sampler.sample(gone, Millis(0), Millis(1'000)));
  }
  EXPECT_FALSE(sampler.sample(gone, Millis(0), Millis(2'000)));
}

TEST(Sampler, FollowsTheNextRun) {
  Worker one(work_for_ever), two([] {});
  Sampler sampler;
  ASSERT_TRUE(eventually([&] { return ticks_of(one.pid()) > 10; }));
  auto busy = sampler.sample(one.pid(), Millis(0), Millis(1'000));
  auto idle = sampler.sample(two.pid(), Millis(1'000), Millis(3'000));
  ASSERT_TRUE(busy && idle);
  EXPECT_GT(busy->cpu_percent, 9);
  EXPECT_LT(idle->cpu_percent, 5);
}

}  // namespace
}  // namespace keeper
