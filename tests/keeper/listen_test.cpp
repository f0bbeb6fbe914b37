// Sockets that a keeper holds for its program: given to every run, and open until the last one has ended.
#include <sys/un.h>

#include "tests/keeper/support/serving.hpp"

namespace keeper {
namespace {

using std::string;

bool connects(const string& path) {
  Fd client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  path.copy(to.sun_path, sizeof to.sun_path - 1);
  return connect(client.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
}

TEST(Listen, EveryRunIsGivenTheSocketsWithNamesAndItsOwnPid) {
  Sandbox box;
  const string web = "web=tcp:127.0.0.1:" + std::to_string(free_port());
  box.detach("api", {"--listen", web, "--listen", "unix:api.sock", child("says"), "wait"});
  for (int again = 0; again < 2; ++again) {
    const string pid = std::to_string(box.pid("api"));
    EVENTUALLY(box.logged("api", "env LISTEN_PID=" + pid + "\n") && box.logged("api", "\nsaid all"));
    const string log = box.log("api");
    EXPECT_EQ(again + 1, count_of(log, "env LISTEN_FDS=2\n")) << log;
    EXPECT_EQ(again + 1, count_of(log, "env LISTEN_FDNAMES=web:api\n")) << log;
    EXPECT_EQ(again + 1, count_of(log, "fd 3 socket:[")) << log;
    EXPECT_EQ(again + 1, count_of(log, "fd 4 socket:[")) << log;
    EXPECT_EQ(0, count_of(log, "fd 5 ")) << log;
    EXPECT_EQ(0, box.ctl({"restart", "api"}).code);
    EVENTUALLY(box.pid("api") != 0 && std::to_string(box.pid("api")) != pid);
  }
}

TEST(Listen, AnAddressThatCannotBeHadIsAnErrorOfTheStart) {
  Sandbox box;
  const string address = "tcp:127.0.0.1:" + std::to_string(free_port());
  box.detach("first", {"--listen", address, "sleep", "1000"});
  Outcome out = box.keeper({"-d", "-n", "second", "--listen", address, "sleep", "1000"});
  EXPECT_EQ(1, out.code);
  EXPECT_TRUE(
      has(out.err, "cannot listen at " + address + ": another process has it: Address already in use"))
      << out.err;
  EXPECT_FALSE(box.status("second").has_value());
  out = box.keeper({"-n", "second", "--listen", address, "sleep", "1000"});
  EXPECT_EQ(1, out.code);
  EXPECT_TRUE(has(out.err, "cannot listen at " + address)) << out.err;
  EXPECT_FALSE(box.status("second").has_value());
}

TEST(Listen, ARestartRefusesNoConnection) {
  Sandbox box;
  Serving api(box);
  Clients clients(box, api.port());
  for (int again = 0; again < 3; ++again) {
    const int pid = box.pid("api");
    Outcome out = box.ctl({"restart", "api", "--wait"});
    EXPECT_EQ(0, out.code) << out.all();
    EXPECT_NE(pid, box.pid("api"));
  }
  clients.expect_all_answered();
}

TEST(Listen, WhoConnectsWhileItIsDownWaitsForTheNextRun) {
  Sandbox box;
  Serving api(box, {"--backoff", "1s..1s"});
  api.set_version("2 slow 0.5");
  const int pid = box.pid("api");
  ASSERT_EQ(0, kill(pid, SIGKILL));
  EVENTUALLY(!alive(pid));
  EXPECT_EQ("2", api.version());
}

TEST(Listen, AKilledHalfLosesNoConnection) {
  Sandbox box;
  Serving api(box);
  const int pid = box.pid("api");
  Clients clients(box, api.port());
  for (int again = 0; again < repeats(6); ++again) {
    const int victim = again % 2 == 0 ? box.keeper_pid("api") : box.guard_pid("api");
    ASSERT_GT(victim, 0);
    kill(victim, SIGKILL);
    EVENTUALLY(box.keeper_pid("api") > 0 && box.guard_pid("api") > 0 && box.keeper_pid("api") != victim &&
               box.guard_pid("api") != victim);
  }
  EXPECT_EQ(pid, box.pid("api"));
  EXPECT_EQ(0, box.ctl({"restart", "api", "--wait"}).code);
  clients.expect_all_answered();
}

TEST(Listen, WithBothHalvesKilledItIsTakenFromTheProgram) {
  if (getuid() != 0 && read_text("/proc/sys/kernel/yama/ptrace_scope").starts_with("1"))
    GTEST_SKIP() << "may not be looked into";
  Sandbox box;
  Serving api(box);
  const int pid = box.pid("api");
  Clients clients(box, api.port());
  ASSERT_GT(box.kill_keeper("api"), 0);
  EXPECT_EQ(0, box.ctl({"start", "api"}).code);
  EXPECT_EQ(pid, box.pid("api"));
  EXPECT_EQ(0, box.ctl({"restart", "api", "--wait"}).code);
  EXPECT_NE(pid, box.pid("api"));
  clients.expect_all_answered();
}

TEST(Listen, AnUpgradeKeepsThem) {
  Sandbox box;
  Serving api(box);
  Clients clients(box, api.port());
  Outcome out = box.ctl({"upgrade", "api"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_EQ(0, box.ctl({"restart", "api", "--wait"}).code);
  clients.expect_all_answered();
}

TEST(Listen, APathIsThereUntilTheEndAndGoneThen) {
  Sandbox box;
  const string path = box.work() / "api.sock";
  box.detach("api", {"--listen", "unix:api.sock,mode=0600", "sleep", "1000"});
  EXPECT_TRUE(connects(path));
  EXPECT_EQ(0, box.ctl({"restart", "api"}).code);
  kill(box.keeper_pid("api"), SIGKILL);
  EVENTUALLY(box.state("api") == "running");
  EXPECT_TRUE(connects(path));
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Listen, APathThatBelongsToAnotherByNowIsNotRemoved) {
  Sandbox box;
  const string path = box.work() / "api.sock";
  box.detach("api", {"--listen", "unix:api.sock", "sleep", "1000"});
  std::filesystem::rename(path, path + ".old");
  Fd other(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  path.copy(to.sun_path, sizeof to.sun_path - 1);
  ASSERT_EQ(0, bind(other.get(), reinterpret_cast<sockaddr*>(&to), sizeof to));
  ASSERT_EQ(0, listen(other.get(), 8));
  EXPECT_EQ(Words{path}, box.status("api")->cut_off);
  EXPECT_TRUE(has(box.ctl({"doctor", "api"}).out, "nobody can connect to " + path));
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_TRUE(connects(path));
}

TEST(Listen, APathThatWasRemovedIsMadeAgain) {
  Sandbox box;
  const string path = box.work() / "api.sock";
  const string server =
      "import socket\ns = socket.socket(fileno=3)\nwhile True: s.accept()[0].sendall(b'up')\n";
  box.detach("api", {"--listen", "unix:api.sock", "python3", "-c", server});
  auto answered = [&] {
    Fd client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    path.copy(to.sun_path, sizeof to.sun_path - 1);
    return connect(client.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0 &&
           rest_of(client.get()) == "up";
  };
  ASSERT_TRUE(answered());
  const int pid = box.pid("api");
  std::filesystem::remove(path);
  EVENTUALLY(answered());
  EXPECT_EQ(pid, box.pid("api")) << "the same run";
  EXPECT_TRUE(box.logged("api", "the file of unix:" + path + " was removed, and is there again"));
  for (const char* gone : {"api.sock", ".api.sock.keeper"})
    std::filesystem::remove(box.work() / gone);
  ASSERT_EQ(0, box.ctl({"restart", "api"}).code);
  EVENTUALLY(answered());
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_TRUE(std::filesystem::is_empty(box.work()));
}

TEST(Lazy, TheProgramIsStartedAtTheFirstConnection) {
  Sandbox box;
  Serving api(box, {"--lazy"});
  EXPECT_EQ("starting", box.state("api"));
  EXPECT_EQ(0, box.pid("api"));
  EXPECT_EQ(Words{"connection"}, box.status("api")->waiting_for);
  EXPECT_EQ("no connection has come to " + api.address(), box.status("api")->not_ready);
  EXPECT_EQ("1", api.version());
  EVENTUALLY(box.state("api") == "running");
  EXPECT_EQ(0u, box.status("api")->restarts);
}

TEST(Lazy, AKilledKeeperIsNoReasonToStartIt) {
  Sandbox box;
  Serving api(box, {"--lazy"});
  for (int again = 0; again < 4; ++again) {
    const int keeper = box.keeper_pid("api"), guard = box.guard_pid("api");
    kill(again % 2 == 0 ? keeper : guard, SIGKILL);
    EVENTUALLY(box.guard_pid("api") > 0 &&
               (box.keeper_pid("api") != keeper || box.guard_pid("api") != guard) &&
               alive(box.keeper_pid("api")) && alive(box.guard_pid("api")));
  }
  EXPECT_EQ("starting", box.state("api"));
  EXPECT_EQ(0, box.pid("api"));
  EXPECT_EQ("1", api.version());
}

TEST(Lazy, ItIsStoppedBeforeItWasNeededAndARestartDoesNotWait) {
  Sandbox box;
  Serving api(box, {"--lazy"});
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_EQ("stopped", box.state("api"));
  EXPECT_EQ("", api.ask());
  Outcome out = box.ctl({"start", "api"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_TRUE(has(out.out, "api: waits for its first connection, keeper ")) << out.all();
  EXPECT_EQ(0, box.ctl({"restart", "api", "--wait"}).code);
  EXPECT_EQ("running", box.state("api"));
}

TEST(Lazy, NothingIsStartedThatSleeps) {
  Sandbox box;
  Serving api(box, {"--lazy"});
  const int keeper = box.keeper_pid("api");
  auto switches = [&] {
    const string status = read_text("/proc/" + std::to_string(keeper) + "/status");
    const auto at = status.find("voluntary_ctxt_switches:");
    return status.substr(at, status.find('\n', at) - at);
  };
  // What the start left to be done is done.
  string before;
  EVENTUALLY(std::exchange(before, switches()) == before && (usleep(100'000), switches() == before));
  usleep(500'000);
  EXPECT_EQ(before, switches());
}

}  // namespace
}  // namespace keeper
