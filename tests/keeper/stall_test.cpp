// Nothing that another process sends, or fails to do, holds a keeper's loop: it answers meanwhile.
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>

#include "protocol/base/pass_fd.hpp"
#include "tests/edges/support/lingering.hpp"
#include "tests/keeper/support/sandbox.hpp"
#include "tests/support/nobody.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

/// Each of these stalls would hold the loop for 100 ms at least, and mostly for longer.
Millis patience() {
  return sanitized() ? Millis(90) : Millis(50);
}

/// The longest time that an answer takes within `time` after `stall`. The best of five: other tests keep the
/// machine busy, but not each time.
Millis longest_answer(Millis time, const std::function<void()>& stall, const std::function<bool()>& ask) {
  Millis best{60'000};
  for (int attempt = 0; attempt < 5 && best > patience(); ++attempt) {
    stall();
    Millis longest{0};
    for (const Millis until = now() + time; now() < until;) {
      const Millis asked = now();
      EXPECT_TRUE(ask());
      longest = std::max(longest, now() - asked);
    }
    best = std::min(best, longest);
  }
  return best;
}

/// The name behind the NUL.
string notify_socket_of(Sandbox& box, const string& stem) {
  const string all = read_text("/proc/" + std::to_string(box.pid(stem)) + "/environ");
  const auto at = all.find("NOTIFY_SOCKET=@");
  return at == string::npos ? "" : string(all.c_str() + at + 15);
}

/// By another user, where this one is root. Nobody but the queue of that socket has the descriptor
/// afterwards; its peer lives as long as what this returns.
Lingering send_lingering(const string& name) {
  Lingering lingering;
  int status = -1;
  const int child = fork();
  if (child == 0) {
    become_nobody();
    const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::copy(name.begin(), name.end(), to.sun_path + 1);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    const bool sent = connect(socket.get(), reinterpret_cast<sockaddr*>(&to), size) == 0 &&
                      send_beside(socket.get(), "BARRIER=1", lingering.socket.get()) == 9;
    _exit(sent ? 0 : 1);
  }
  waitpid(child, &status, 0);
  EXPECT_EQ(0, status);
  lingering.socket = Fd();
  return lingering;
}

TEST(Stall, ADescriptorThatLingersInANotification) {
  Sandbox box;
  box.detach("api", {"--ready", "notify", child("notifies"), "READY=1"});
  const string name = notify_socket_of(box, "api");
  ASSERT_FALSE(name.empty());
  const int keeper = box.keeper_pid("api");
  std::vector<Lingering> peers;
  auto stall = [&] {
    // While the keeper stands still all copies but the one in its queue go.
    kill(keeper, SIGSTOP);
    for (int i = 0; i < 3; ++i)
      peers.push_back(send_lingering(name));
    kill(keeper, SIGCONT);
  };
  EXPECT_LE(longest_answer(Millis(150), stall, [&] { return box.status("api").has_value(); }), patience());
  EXPECT_EQ(keeper, box.keeper_pid("api"));
}

TEST(Stall, ASiblingThatDoesNotAnswer) {
  Sandbox box;
  write_text(box.work() / "api.js",
             "process.on('message', (path) => require('net').createServer().listen(path));\n"
             "process.send('ready');\n");
  box.detach("api", {"-i", "2", "--ready", "node", "api.js"});
  const int keeper = box.keeper_pid("api"), guard = box.guard_pid("api");
  int number = 0;
  kill(guard, SIGSTOP);
  kill(keeper, SIGSTOP);
  auto stall = [&] {
    const string path = (box.work() / ("s" + std::to_string(++number))).string();
    EXPECT_EQ(0, box.ctl({"send", "api:1", '"' + path + '"'}).code);
  };
  EXPECT_LE(longest_answer(Millis(700), stall, [&] { return box.status("api:1").has_value(); }), patience());
  // It is opened all the same, once the sibling's time is over.
  EVENTUALLY(fs::exists(box.work() / "s1"));
  kill(keeper, SIGCONT);
  kill(guard, SIGCONT);
}

TEST(Stall, AProgramThatReadsHalfAMessage) {
  Sandbox box;
  // What is called node has a channel.
  write_text(box.work() / "node",
             "#!/usr/bin/python3\n"
             "import os, socket, time\n"
             "own = socket.socket(fileno=os.dup(int(os.environ['NODE_CHANNEL_FD']) + 1))\n"
             "own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4608)\n"
             "print('small', flush=True)\n"
             "time.sleep(1000)\n",
             0755);
  auto start = [&] {
    box.ctl({"delete", "api"});
    write_text(box.work() / "x.js", "");
    box.detach("api", {"--interpreter", (box.work() / "node").string(), "x.js"});
    EXPECT_TRUE(eventually([&] { return box.logged("api", "small\n"); }));
    EXPECT_EQ(0, box.ctl({"send", "api", '"' + string(50'000, 'x') + '"'}).code);
  };
  EXPECT_LE(longest_answer(Millis(300), start, [&] { return box.status("api").has_value(); }), patience());
}

/// A command that waits for a start, and was stopped.
TEST(Stall, ACommandThatDoesNotReadItsReport) {
  Sandbox box;
  write_text(box.work() / "go", "");
  const string go = (box.work() / "go").string();
  auto start = [&] {
    box.ctl({"delete", "api"});
    Words words = {program("keeper"), "-d",     "-n",        "api",    "--ready", "notify",
                   child("notifies"), "say:up", "sleep:300", "READY=1"};
    words.push_back("say:" + string(70'000, 'x'));
    Background waits = box.start({words});
    EXPECT_TRUE(eventually([&] { return box.logged("api", "up\n"); }));
    waits.signal(SIGSTOP);
    EXPECT_TRUE(eventually([&] { return box.logged("api", "xxx"); }));
  };
  // The answer is too large for a datagram: the question is asked again over a connection, after 50 ms.
  const Millis longest = longest_answer(Millis(100), start, [&] { return box.status("api").has_value(); });
  EXPECT_LE(longest, patience() + Millis(50));
  for (int pid : box.processes())
    kill(pid, SIGCONT);
}

/// As a user whose program has become root: nobody but its parent hears how it has ended.
TEST(Stall, AGuardThatDoesNotReapTheProgram) {
  NEEDS_ROOT();
  if (sanitized()) GTEST_SKIP() << "the start of ctl takes longer than the stall";
  if (access("/usr/bin/setpriv", X_OK) != 0) GTEST_SKIP() << "no setpriv here";
  NEEDS_REACH(program("keeper"));
  Sandbox box;
  box.give_to_nobody();
  const fs::path up = box.root() / "up";
  fs::copy_file("/usr/bin/setpriv", up);
  ASSERT_EQ(0, chown(up.c_str(), 0, kNobody));
  ASSERT_EQ(0, chmod(up.c_str(), 04750));
  auto run = [&](Words words) { return box.run(as_nobody(std::move(words))); };
  int guard = 0;
  auto stall = [&] {
    if (guard > 0) kill(guard, SIGCONT);
    run({program("ctl"), "delete", "api"});
    EXPECT_EQ(0, run({program("keeper"), "-d", "-n", "api", "--restart", "never", up.string(), "--reuid=0",
                      "--regid=0", "--clear-groups", "sleep", "1000"})
                     .code);
    const string row = run({program("ctl"), "list", "--json"}).out;
    auto number = [&](const string& json, const string& key) {
      const auto at = json.find("\"" + key + "\":");
      return at == string::npos ? 0 : std::atoi(json.c_str() + at + key.size() + 3);
    };
    guard = number(row, "guard_pid");
    const int keeper = number(row, "keeper_pid");
    kill(keeper, SIGKILL);
    EXPECT_TRUE(eventually([&] {
      const int next = number(run({program("ctl"), "list", "--json"}).out, "keeper_pid");
      return next > 0 && next != keeper;
    }));
    kill(guard, SIGSTOP);
    kill(number(row, "pid"), SIGKILL);
  };
  auto ask = [&] { return run({program("ctl"), "list"}).code == 0; };
  const Millis longest = longest_answer(Millis(90), stall, ask);
  kill(guard, SIGCONT);
  EXPECT_LE(longest, patience());
  EXPECT_TRUE(eventually([&] { return has(run({program("ctl"), "list"}).out, "exited"); }));
}

}  // namespace
}  // namespace keeper
