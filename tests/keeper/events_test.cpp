// What happens, live: one keeper's stream, the whole fleet, and waiting for a condition.
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "tests/keeper/support/follower.hpp"

namespace keeper {
namespace {

using std::string;

TEST(Events, TellOfACrashAndOfWhatFollows) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  Follower follower(box);
  ASSERT_TRUE(follower.comes("api", "now")) << follower.all();
  ASSERT_TRUE(follower.last().status);
  int pid = box.pid("api");
  EXPECT_EQ(pid, follower.last().pid);
  kill(pid, SIGKILL);
  ASSERT_TRUE(follower.comes("api", "exited")) << follower.all();
  EXPECT_EQ(pid, follower.last().pid);
  EXPECT_EQ(ExitInfo::signal(SIGKILL), follower.last().exit);
  EXPECT_EQ("crash", follower.last().cause);
  ASSERT_TRUE(follower.comes("api", "started")) << follower.all();
  ASSERT_TRUE(follower.comes("api", "confirmed")) << follower.all();
  EXPECT_EQ(State::running, follower.last().state);
}

TEST(Events, SayWhenTheNextStartWillBe) {
  Sandbox box;
  Follower follower(box);
  box.detach("api", {"--start-secs", "0", "--backoff", "60s..60s", "sh", "-c", "sleep 0.3; exit 1"});
  ASSERT_TRUE(follower.comes("api", "backoff")) << follower.all();
  ASSERT_TRUE(follower.last().until);
  EXPECT_EQ(State::backoff, follower.last().state);
}

TEST(Events, BeginBeforeThereIsAHomeAndGoOnWhenAKeeperComesBack) {
  Sandbox box;
  ASSERT_FALSE(std::filesystem::exists(box.home()));
  Follower follower(box);
  for (int i = 0; i < 3; ++i) {
    if (i == 0)
      box.detach("api", {"sleep", "1000"});
    else
      ASSERT_EQ(0, box.ctl({"start", "api"}).code);
    ASSERT_TRUE(follower.comes("api", "now")) << follower.all();
    ASSERT_EQ(0, box.ctl({"stop", "api"}).code);
    ASSERT_TRUE(follower.comes("api", "stopping")) << follower.all();
    EXPECT_TRUE(has(follower.last().text.value_or(""), "stop by"));
    ASSERT_TRUE(follower.comes("api", "stopped")) << follower.all();
    ASSERT_TRUE(follower.comes("api", "left")) << follower.all();
    EXPECT_EQ(State::stopped, follower.last().state);
  }
}

TEST(Events, TellOfAKeeperThatWasKilled) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  Follower follower(box);
  ASSERT_TRUE(follower.comes("api", "now"));
  int child = box.pid("api");
  box.kill_keeper("api");
  ASSERT_TRUE(follower.comes("api", "gone")) << follower.all();
  EXPECT_FALSE(follower.fleet().apps().at({"api", 0}).kept);
  EXPECT_TRUE(alive(child));
  ASSERT_EQ(0, box.ctl({"restart", "api"}).code);
  EXPECT_TRUE(follower.comes("api", "now")) << follower.all();
}

TEST(Events, TellOfAKeeperThatCameAndWentUnseen) {
  Sandbox box;
  box.detach("earlier", {"sleep", "1000"});  // the home is there, and is watched, before it comes
  Follower follower(box);
  ASSERT_TRUE(follower.comes("earlier", "now"));
  // All of its life passes while the follower does not look.
  EXPECT_EQ(3, box.keeper({"-n", "job", "--restart", "never", "sh", "-c", "exit 3"}).code);
  ASSERT_TRUE(follower.comes("job", "gone")) << follower.all();
  AppEvent gone = follower.last();
  EXPECT_EQ(State::exited, gone.state);
  EXPECT_EQ(1u, gone.run);
  EXPECT_EQ(ExitInfo::code(3), gone.exit);
  EXPECT_EQ("crash", gone.cause);
  ASSERT_TRUE(gone.pid && gone.status);
  EXPECT_EQ("job", gone.status->name);
  EXPECT_EQ(State::exited, follower.fleet().apps().at({"job", 0}).state);
  // The next one is another.
  EXPECT_EQ(3, box.keeper({"-n", "job", "--restart", "never", "sh", "-c", "exit 3"}).code);
  ASSERT_TRUE(follower.comes("job", "gone")) << follower.all();
  EXPECT_EQ(2u, follower.last().run);
  ASSERT_EQ(0, box.ctl({"stop", "earlier"}).code);
  ASSERT_TRUE(follower.comes("earlier", "left"));
  EXPECT_EQ(2, follower.count("job", "gone")) << "once for each";
  EXPECT_EQ(0, follower.count("earlier", "gone")) << "it said so itself";
}

TEST(Events, TellOfAKeeperThatCameAndWentBeforeTheHomeWasSeen) {
  Sandbox box;
  Follower follower(box);
  EXPECT_EQ(3, box.keeper({"-n", "job", "--restart", "never", "sh", "-c", "exit 3"}).code);
  ASSERT_TRUE(follower.comes("job", "gone")) << follower.all();
  EXPECT_EQ(ExitInfo::code(3), follower.last().exit);
  Follower later(box);
  box.detach("api", {"sleep", "1000"});
  ASSERT_TRUE(later.comes("api", "now"));
  EXPECT_EQ(0, later.count("job", "gone")) << "that was before its time";
}

/// A keeper of its own kind in this process's child: it says `keeper_pid` of itself, and ends.
void speak_and_end(const Home& home, const string& stem, int keeper_pid) {
  auto lock = home.lock(stem, kLimit);
  auto listening = home.bind_socket(stem);
  pollfd p{listening ? listening->get() : -1, POLLIN, 0};
  if (!lock || !listening || poll(&p, 1, 15'000) != 1) _exit(1);
  Fd client(accept(listening->get(), nullptr, nullptr));
  AppEvent now;
  now.event = "now";
  now.name = stem;
  now.status = Status{};
  now.status->name = stem;
  now.status->keeper_pid = keeper_pid;
  string line = event_line(now);
  bool said = write(client.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size());
  home.unlink_socket(stem);
  _exit(said ? 0 : 1);
}

TEST(Events, AKeeperIsTheProcessAtTheOtherEndWhateverItSays) {
  Sandbox box;
  Home home = box.open_home();
  Follower follower(box);
  Background stranger = box.start({{"sleep", "1000"}});
  pid_t child = fork();
  if (child == 0) speak_and_end(home, "odd", stranger.pid());
  ASSERT_TRUE(follower.comes("odd", "now")) << follower.all();
  EXPECT_TRUE(follower.comes("odd", "gone")) << follower.all();
  EXPECT_EQ(1, follower.count("odd", "gone"));
  EXPECT_TRUE(stranger.running());
  stranger.signal(SIGKILL);
}

TEST(Events, TheProcessAtTheOtherEndIsTheKeeper) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  auto socket = box.open_home().connect_socket("api");
  ASSERT_TRUE(socket);
  ucred peer{};
  socklen_t size = sizeof peer;
  ASSERT_EQ(0, getsockopt(socket->get(), SOL_SOCKET, SO_PEERCRED, &peer, &size));
  EXPECT_EQ(box.keeper_pid("api"), peer.pid) << "and not the command that began to listen";
}

TEST(Events, SayHowAnAppEndedAltogether) {
  Sandbox box;
  Follower follower(box);
  box.detach("job", {"--restart", "never", "sh", "-c", "until [ -e go ]; do sleep 0.02; done"});
  ASSERT_TRUE(follower.comes("job", "now")) << follower.all();
  write_text(box.work() / "go", "");
  ASSERT_TRUE(follower.comes("job", "left")) << follower.all();
  EXPECT_EQ(State::exited, follower.last().state);
}

TEST(Events, OfManyAppsAreTold) {
  Sandbox box;
  Follower follower(box);
  box.detach("api", {"-i", "8", "--start-secs", "0", "sleep", "1000"});
  for (int i = 0; i < 8; ++i) {
    Follower other(box);
    ASSERT_TRUE(other.comes(AppId{"api", i}.stem(), "now")) << other.all();
  }
  ASSERT_EQ(0, box.ctl({"stop", "all"}).code);
  Follower after(box);
  EXPECT_EQ(8u, after.fleet().apps().size()) << "from their records";
}

TEST(CtlEvents, AreShownUntilCtrlC) {
  Sandbox box;
  Background events = box.start({{program("ctl"), "events", "--json"}});
  box.detach("api", {"sleep", "1000"});
  EVENTUALLY(has(events.out(), "\"event\":\"confirmed\"") || has(events.out(), "\"state\":\"running\""));
  for (const string& line : lines_of(events.out()))
    EXPECT_TRUE(read_as<AppEvent>(line)) << line;
  events.signal(SIGINT);
  EXPECT_EQ(0, events.wait());
  EXPECT_EQ("", events.err());
}

TEST(CtlEvents, EndWhenNobodyReadsThem) {
  Sandbox box;
  Fd reading, writing;
  int ends[2];
  ASSERT_EQ(0, pipe(ends));
  reading = Fd(ends[0]);
  writing = Fd(ends[1]);
  Start how{{program("ctl"), "events"}};
  how.out = writing.get();
  // It must not hold the reading end itself.
  int held = reading.get();
  how.before = [held] { close(held); };
  Background events = box.start(how);
  writing.reset();
  EXPECT_TRUE(events.running());
  reading.reset();
  EXPECT_EQ(0, events.wait());
}

TEST(CtlWait, WaitsForAnAppThatIsNotThereYet) {
  Sandbox box;
  Background wait = box.start({{program("ctl"), "wait", "api:ready", "db:ready"}});
  box.detach("api", {"sleep", "1000"});
  EXPECT_TRUE(wait.running());
  box.detach("db", {"sleep", "1000"});
  EXPECT_EQ(0, wait.wait());
}

TEST(CtlWait, WaitsForAStop) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  Background stopped = box.start({{program("ctl"), "wait", "api:stopped"}});
  Background gone = box.start({{program("ctl"), "wait", "api:gone"}});
  EXPECT_TRUE(stopped.running());
  ASSERT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_EQ(0, stopped.wait());
  EXPECT_EQ(0, gone.wait());
  EXPECT_EQ(0, box.ctl({"wait", "api:stopped", "api:gone"}).code) << "it is so already";
}

TEST(CtlWait, DoesNotWakeUpWhileNothingHappens) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  Background wait = box.start({{program("ctl"), "wait", "api:gone"}});
  auto switches = [&] {
    string status = read_text("/proc/" + std::to_string(wait.pid()) + "/status");
    auto at = status.find("\nvoluntary_ctxt_switches:");
    return at == string::npos ? -1 : std::atoi(status.c_str() + at + 25);
  };
  auto is_quiet = [&] {
    int before = switches();
    usleep(1'500'000);  // time that passes is what is tested
    return before >= 0 && before == switches();
  };
  EVENTUALLY(is_quiet());  // at first it may still be beginning
  ASSERT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_EQ(0, wait.wait());
}

/// Subscribes without reading; waits until the keeper has begun to answer, so that all it has to say to this
/// one now has been said or is waiting to be.
Fd deaf_reader(const Home& home, const string& stem) {
  auto reader = home.connect_socket(stem);
  EXPECT_TRUE(reader);
  if (!reader) return {};
  const std::string_view ask = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"events\"}\n";
  EXPECT_EQ(static_cast<ssize_t>(ask.size()), write(reader->get(), ask.data(), ask.size()));
  pollfd p{reader->get(), POLLIN, 0};
  EXPECT_EQ(1, poll(&p, 1, static_cast<int>(kLimit.count())));
  return std::move(*reader);
}

TEST(Events, ReadersThatDoNotReadKeepNobodyFromStopping) {
  Sandbox box;
  // The first event of a stream tells the whole command: 40 readers have 20 MB to read, of which their
  // sockets take less than half. All that may wait at the keeper does then, and no restart is needed for it.
  Words words = {"sh", "-c", "exec sleep 1000"};
  words.insert(words.end(), 5, string(100'000, 'x'));
  box.detach("api", words);
  Home home = box.open_home();
  std::vector<Fd> readers;
  for (int i = 0; i < 40; ++i)
    readers.push_back(deaf_reader(home, "api"));
  EXPECT_EQ("running", box.state("api"));
  Outcome out = box.ctl({"stop", "api"});
  EXPECT_EQ(0, out.code) << out.all().substr(0, 1'000);
}

}  // namespace
}  // namespace keeper
