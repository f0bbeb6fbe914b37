// The real parts in one process, without a guard and without clients: what a run is equipped with, what a
// successor gets, what a failed reload puts back.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "keeper/app/parts.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/base/proc.hpp"
#include "tests/app/fakes.hpp"

namespace keeper {
namespace {

using std::string;

/// Writes down what parts tell.
class Heard : public Events {
 public:
  void tell(Event event) override { all.push_back(std::move(event)); }
  void tell_for(Asker, Event event) override { tell(std::move(event)); }
  void queue(Event event) override { tell(std::move(event)); }
  void signalled(const SignalFact&) override {}
  void exit_out_of_memory() override {}

  template <class E>
  const E* first() const {
    for (const Event& event : all)
      if (const auto* found = std::get_if<E>(&event)) return found;
    return nullptr;
  }

  std::vector<Event> all;
};

/// A part that refuses to equip a run.
class Refusing : public Part {
 public:
  Done equip(RunId, RunExtras&) override { return Error{Reason::failed, "equip it", "this is a test", 0}; }
  void not_spawned(RunId run) override { not_spawned_run = run; }
  RunId not_spawned_run = 0;
};

/// A keeper's parts with an open log, as after Keeper::open().
struct Opened {
  explicit Opened(TempApp& app, const std::vector<Part*>& more = {}) : parts(*app, heard, more) {
    EXPECT_TRUE(parts.app_log.open(std::nullopt));
    parts.log.use(*app->output);
    parts.waiters.use(*app->output);
    parts.journal.use(StatePage::open(app->home, app->stem()));
  }
  KeptState saved() const {
    KeptState out;
    for (const Part* part : parts.list)
      part->save(out);
    return out;
  }
  void announce(const action::Announce& a) {
    for (Part* part : parts.list)
      part->announced(a);
  }

  Heard heard;
  Parts parts;
};

/// A child that sleeps until it is killed.
class Sleeper {
 public:
  Sleeper() : pid(fork()) {
    if (pid == 0) {
      pause();
      _exit(0);
    }
  }
  ~Sleeper() {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  const pid_t pid;
};

KeptRun run_of(RunId id, const Sleeper& process) {
  KeptRun out{.id = id, .pid = process.pid, .start = process_start(process.pid).value_or(0)};
  out.session = process.pid;
  out.keeper = getpid();
  out.started_at = wall_now();
  out.confirmed_at = wall_now();
  out.began = steady_now();
  out.said_status = "3 jobs";
  out.said_doing = "reloading";
  return out;
}

TEST(Composition, APartThatRefusesIsAFailedStart) {
  TempApp app;
  Refusing refusing;
  Opened opened(app, {&refusing});
  opened.parts.spawner.spawn(1);
  const auto* failed = opened.heard.first<event::SpawnFailed>();
  ASSERT_NE(nullptr, failed);
  EXPECT_EQ(1u, failed->run);
  EXPECT_NE(string::npos, failed->text.find("this is a test")) << failed->text;
  EXPECT_EQ(1u, refusing.not_spawned_run) << "every part is told, also the one that refused";
  EXPECT_TRUE(opened.parts.runs.all().empty());
}

TEST(Composition, ASpawnedRunIsKnownBeforeTheMachineHearsOfIt) {
  TempApp app;
  Opened opened(app);
  opened.parts.spawner.spawn(1);
  const auto* succeeded = opened.heard.first<event::SpawnSucceeded>();
  ASSERT_NE(nullptr, succeeded) << (opened.heard.first<event::SpawnFailed>()
                                        ? opened.heard.first<event::SpawnFailed>()->text
                                        : "nothing was told");
  const keeper::Run* run = opened.parts.runs.find(1);
  ASSERT_NE(nullptr, run);
  EXPECT_EQ(succeeded->pid, run->pid);
  EXPECT_EQ(getpid(), run->keeper);
  kill(run->pid, SIGKILL);
  waitpid(run->pid, nullptr, 0);
}

/// The app is made once more from what was saved, as often as there are moments at which a keeper may be
/// killed.
TEST(Composition, ASuccessorSaysAndSavesTheSameAtEachStep) {
  Sleeper first, second;
  TempApp app;
  app->machine.step(event::Start{}, steady_now());
  app->machine.step(event::SpawnSucceeded{1, first.pid}, steady_now());
  Opened opened(app);
  const std::vector<std::function<void()>> steps = {
      [&] { opened.parts.runs.adopt(run_of(1, first)); },
      [&] {
        opened.announce({action::What::started, 1, first.pid});
      },
      [&] {
        opened.announce({action::What::confirmed, 1, first.pid});
      },
      [&] {
        action::Announce killing{action::What::killing, 1, first.pid};
        killing.text = "TERM did not end it";
        opened.announce(killing);
      },
      [&] {
        action::Announce late{action::What::stopping, 1, first.pid};
        late.cause = Cause::ready_timeout;
        late.text = "http:80 refused the connection";
        opened.announce(late);
      },
      [&] {
        opened.parts.signaller.note({action::Signal{1, SIGTERM, Scope::group}});
        EXPECT_EQ(1u, opened.saved().signals.size()) << "recorded before it is sent";
      },
      [&] {
        opened.parts.runs.note_survivors({first.pid, second.pid});
      },
      [&] {
        opened.announce({action::What::exited, 1, first.pid});
      },
  };
  for (std::size_t i = 0; i < steps.size(); ++i) {
    SCOPED_TRACE(i);
    steps[i]();
    KeptState state = opened.saved();
    state.machine = app->machine.snapshot();
    const KeptState read = kept_state_from(to_bytes(state));
    TempApp next(app->machine.snapshot());
    Opened successor(next);
    for (Part* part : successor.parts.list)
      part->restore(read);
    KeptState again = successor.saved();
    again.machine = next->machine.snapshot();
    again.pipes = state.pipes;      // of another log
    again.signals = state.signals;  // Keeper::resume() sends them again
    EXPECT_EQ(to_bytes(state), to_bytes(again));
    const Status before = opened.parts.status.status(), after = successor.parts.status.status();
    EXPECT_EQ(before.started_at, after.started_at);
    EXPECT_EQ(before.confirmed_at, after.confirmed_at);
    EXPECT_EQ(before.stopped_at, after.stopped_at);
    EXPECT_EQ(before.status_text, after.status_text);
    EXPECT_EQ(before.doing, after.doing);
    EXPECT_EQ(before.not_ready, after.not_ready);
    EXPECT_EQ(before.pid_start, after.pid_start);
    EXPECT_EQ(before.state, after.state);
  }
}

TEST(Composition, AReloadThatFailsPutsTheSpecBack) {
  TempApp app;
  Opened opened(app);
  auto file = app->home.open_spec(app->stem());
  ASSERT_TRUE(file);
  opened.parts.configuration.use(std::move(*file), {});
  const Spec before = opened.parts.configuration.whole();
  Spec wanted = before;
  wanted.stop_timeout = Millis(4321);
  wanted.listen = {*ListenAddress::parse("unix:" + app->home.path() + "/listen.sock")};
  ASSERT_TRUE(opened.parts.configuration.change(wanted, Configuration::Change::for_reload));
  EXPECT_EQ(Millis(4321), app->spec.stop_timeout);
  EXPECT_EQ(1u, opened.parts.listen.sockets().size());
  opened.announce({action::What::reload_failed, 2, 0});
  EXPECT_EQ(before.stop_timeout, app->spec.stop_timeout);
  EXPECT_TRUE(opened.parts.listen.sockets().empty());
  auto written = app->home.read_spec(app->stem());
  ASSERT_TRUE(written);
  EXPECT_EQ(before.stop_timeout, written->stop_timeout);
}

TEST(Composition, AReloadThatWorksKeepsTheSpec) {
  TempApp app;
  Opened opened(app);
  auto file = app->home.open_spec(app->stem());
  ASSERT_TRUE(file);
  opened.parts.configuration.use(std::move(*file), {});
  Spec wanted = opened.parts.configuration.whole();
  wanted.stop_timeout = Millis(4321);
  ASSERT_TRUE(opened.parts.configuration.change(wanted, Configuration::Change::for_reload));
  opened.announce({action::What::reloaded, 2, 0});
  opened.announce({action::What::reload_failed, 3, 0});  // of a later one, which changed nothing
  EXPECT_EQ(Millis(4321), app->spec.stop_timeout);
  auto written = app->home.read_spec(app->stem());
  ASSERT_TRUE(written);
  EXPECT_EQ(Millis(4321), written->stop_timeout);
}

}  // namespace
}  // namespace keeper
