// The socket of NOTIFY_SOCKET: real messages from real processes.
#include "keeper/ready/notify_socket.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <asio/io_context.hpp>
#include <set>

#include "tests/edges/support/lingering.hpp"
#include "tests/edges/support/notify.hpp"
#include "tests/support/nobody.hpp"

namespace keeper {
namespace {

using std::string;

class NotifySocketTest : public testing::Test {
 protected:
  void SetUp() override {
    auto socket = make_notify_socket();
    ASSERT_TRUE(socket) << socket.error().text();
    notify_.emplace(io_, std::move(*socket), [this](Notification n) {
      if (when_told_) when_told_();
      got_.push_back(std::move(n));
    });
  }
  const string& address() const { return notify_->environment(); }
  bool came(std::size_t count) {
    return eventually([&] { return got_.size() >= count; }, [this] { turn(); });
  }
  void turn() { io_.restart(), io_.poll(); }
  /// A process that does something and ends with its result.
  static int process(const std::function<bool()>& what) {
    int pid = fork();
    if (pid == 0) _exit(what() ? 0 : 1);
    return pid;
  }
  static int code_of(int pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  asio::io_context io_;
  std::vector<Notification> got_;
  std::function<void()> when_told_;
  std::optional<NotifySocket> notify_;
};

bool has(const std::vector<int>& list, int pid) {
  return std::find(list.begin(), list.end(), pid) != list.end();
}

/// Whether the other end of a pipe is closed everywhere.
bool closed(const Fd& reading) {
  pollfd p{reading.get(), POLLIN, 0};
  return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP) != 0;
}

TEST_F(NotifySocketTest, IsAbstractAndHasAnotherNameEachTime) {
  EXPECT_EQ(0u, address().find("@keeper/"));
  EXPECT_EQ(8u + 32u, address().size());
  std::set<string> names;
  for (int i = 0; i < 20; ++i) {
    asio::io_context io;
    names.insert(NotifySocket(io, std::move(*make_notify_socket()), [](Notification) {}).environment());
  }
  EXPECT_EQ(20u, names.size());
}

TEST_F(NotifySocketTest, ReportsAMessageWithItsSender) {
  ASSERT_TRUE(Notifier(address()).send("READY=1\nSTATUS=up"));
  ASSERT_TRUE(came(1));
  EXPECT_EQ((NotifyMessage{.ready = true, .status = "up"}), got_[0].message);
  EXPECT_FALSE(got_[0].message.barrier);
  const Sender& sender = got_[0].sender;
  EXPECT_EQ(getpid(), sender.pid);
  EXPECT_EQ(getuid(), sender.uid);
  EXPECT_FALSE(sender.gone);
  EXPECT_EQ(getsid(0), sender.session);
  EXPECT_EQ(getpgrp(), sender.group);
  ASSERT_FALSE(sender.parents.empty());
  EXPECT_EQ(getppid(), sender.parents[0]);
}

TEST_F(NotifySocketTest, ReportsThemInTheirOrder) {
  Notifier notifier(address());
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(notifier.send("STATUS=" + std::to_string(i)));
  ASSERT_TRUE(came(5));
  for (std::size_t i = 0; i < 5; ++i)
    EXPECT_EQ(std::to_string(i), got_[i].message.status);
}

TEST_F(NotifySocketTest, KnowsTheParentsAndTheSessionOfAGrandchild) {
  Pipe go;
  int child = process([&] {
    setsid();
    int below = process([&] {
      char byte = 0;
      return Notifier(address()).send("READY=1") && read(go.reading.get(), &byte, 1) == 1;
    });
    return code_of(below) == 0;
  });
  ASSERT_TRUE(came(1));
  const Sender& sender = got_[0].sender;
  ASSERT_EQ(2u, sender.parents.size());
  EXPECT_EQ(child, sender.parents[0]);
  EXPECT_EQ(getpid(), sender.parents[1]);
  EXPECT_EQ(child, sender.session);
  EXPECT_EQ(child, sender.group);
  EXPECT_EQ(1, write(go.writing.get(), "x", 1));
  EXPECT_EQ(0, code_of(child));
}

TEST_F(NotifySocketTest, KnowsAllOfASenderThatEndedAndWasNotReaped) {
  int child = process([&] { return setsid() > 0 && Notifier(address()).send("READY=1"); });
  siginfo_t info{};
  ASSERT_EQ(0, waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT));
  ASSERT_TRUE(came(1));
  EXPECT_EQ(child, got_[0].sender.pid);
  EXPECT_FALSE(got_[0].sender.gone);
  EXPECT_EQ(child, got_[0].sender.session);
  EXPECT_EQ(std::vector<int>{getpid()}, got_[0].sender.parents);
  EXPECT_EQ(0, code_of(child));
}

TEST_F(NotifySocketTest, KnowsThePidAndTheUserOfASenderThatIsGone) {
  int child = process([&] { return Notifier(address()).send("READY=1"); });
  ASSERT_EQ(0, code_of(child));
  ASSERT_TRUE(came(1));
  EXPECT_EQ(child, got_[0].sender.pid);
  EXPECT_EQ(getuid(), got_[0].sender.uid);
  EXPECT_TRUE(got_[0].sender.gone);
  EXPECT_TRUE(got_[0].sender.parents.empty());
  EXPECT_TRUE(got_[0].message.ready);
}

TEST_F(NotifySocketTest, TakesMessagesOfAnotherUserAndNamesIt) {
  NEEDS_ROOT();
  int child = process([&] {
    become_nobody();
    return Notifier(address()).send("READY=1");
  });
  ASSERT_TRUE(came(1));
  EXPECT_EQ(kNobody, got_[0].sender.uid);
  EXPECT_EQ(child, got_[0].sender.pid);
  EXPECT_EQ(0, code_of(child));
}

TEST_F(NotifySocketTest, ABarrierIsClosedWhenWhoeverIsToldHasActedOnIt) {
  Pipe pipe;
  Notifier notifier(address());
  bool closed_early = true;
  when_told_ = [&] { closed_early = closed(pipe.reading); };
  ASSERT_TRUE(notifier.send("READY=1"));
  ASSERT_TRUE(notifier.send("BARRIER=1", {pipe.writing.get()}));
  pipe.writing.reset();
  ASSERT_TRUE(came(2));
  EXPECT_TRUE(got_[0].message.ready);
  EXPECT_TRUE(got_[1].message.barrier);
  EXPECT_FALSE(closed_early);
  EXPECT_TRUE(eventually([&] { return closed(pipe.reading); }));
}

TEST_F(NotifySocketTest, ReceivesNoDescriptor) {
  auto before = open_descriptors();
  Notifier notifier(address());
  std::ptrdiff_t most = 0;
  when_told_ = [&] {
    got_.clear();
    most = std::max(most, open_descriptors());
  };
  std::vector<int> nine(9, STDERR_FILENO);
  for (const auto& [text, fds] : {std::pair<string, std::vector<int>>("FDSTORE=1\nFDNAME=x", {0, 1, 2}),
                                  {"READY=1", {0}},
                                  {"READY=1", nine},
                                  {"BARRIER=1", {}},
                                  {"BARRIER=1", {0, 1}},
                                  {string(5000, 'x'), {0, 1, 2}}}) {
    ASSERT_TRUE(notifier.send(text, fds)) << text;
    turn();
  }
  EXPECT_EQ(before + 2, most) << "the notifier's own, and a pidfd of the sender";
  ASSERT_EQ(1u, got_.size());
  EXPECT_TRUE(got_[0].message.barrier);
}

TEST_F(NotifySocketTest, ABarrierWithoutADescriptorIsNone) {
  ASSERT_TRUE(Notifier(address()).send("BARRIER=1\nREADY=1"));
  ASSERT_TRUE(came(1));
  EXPECT_FALSE(got_[0].message.barrier);
}

TEST_F(NotifySocketTest, NobodyWaitsForADescriptorThatLingers) {
  Notifier notifier(address());
  for (const char* text : {"BARRIER=1", "STATUS=x", "rubbish"}) {
    Lingering lingering;
    ASSERT_TRUE(notifier.send(text, {lingering.socket.get()}));
    lingering.socket = Fd();
  }
  ASSERT_TRUE(notifier.send("READY=1"));
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(came(3));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(500));
  EXPECT_TRUE(got_[2].message.ready);
}

TEST_F(NotifySocketTest, CountsWhatIsNoMessageAndGoesOn) {
  Notifier notifier(address());
  ASSERT_TRUE(notifier.send("READY=1\nSTATUS=" + string(4096, 'x')));
  ASSERT_TRUE(notifier.send(std::string_view("READY=1\0x", 9)));
  ASSERT_TRUE(notifier.send("X_UNKNOWN=1"));
  ASSERT_TRUE(notifier.send(""));
  ASSERT_TRUE(notifier.send("STATUS=" + string(4096 - 7, 'x')));
  ASSERT_TRUE(came(1));
  EXPECT_EQ(1u, got_.size());
  EXPECT_EQ(2u, notify_->ignored());
}

TEST_F(NotifySocketTest, ReadsAFloodInTurnsAndLosesNothing) {
  constexpr std::size_t many = 5'000;
  int child = process([&] {
    Notifier notifier(address());
    for (std::size_t i = 0; i < many; ++i)
      if (!notifier.send("WATCHDOG=1\nSTATUS=" + std::to_string(i), {}, 0)) return false;
    return true;
  });
  EXPECT_TRUE(came(many));
  EXPECT_EQ(0, code_of(child));
  turn();
  ASSERT_EQ(many, got_.size());
  for (std::size_t i = 0; i < many; ++i)
    ASSERT_EQ(std::to_string(i), got_[i].message.status);
}

TEST_F(NotifySocketTest, KeepsTwoKeepersApart) {
  std::vector<NotifyMessage> other;
  NotifySocket second(io_, std::move(*make_notify_socket()),
                      [&](Notification n) { other.push_back(n.message); });
  ASSERT_NE(address(), second.environment());
  ASSERT_TRUE(Notifier(second.environment()).send("STATUS=second"));
  ASSERT_TRUE(Notifier(address()).send("STATUS=first"));
  ASSERT_TRUE(came(1));
  EXPECT_TRUE(eventually([&] { return other.size() == 1; }, [this] { turn(); }));
  EXPECT_EQ("first", got_[0].message.status);
  EXPECT_EQ("second", other[0].status);
  EXPECT_EQ(1u, got_.size());
}

TEST_F(NotifySocketTest, CanBeLetGoOfByWhoIsTold) {
  std::optional<NotifySocket> once;
  int told = 0;
  once.emplace(io_, std::move(*make_notify_socket()), [&](Notification) { ++told, once.reset(); });
  Notifier notifier(once->environment());
  ASSERT_TRUE(notifier.send("READY=1"));
  ASSERT_TRUE(notifier.send("READY=1"));
  EXPECT_TRUE(eventually([&] { return told == 1; }, [this] { turn(); }));
  turn();
  EXPECT_EQ(1, told);
  EXPECT_FALSE(notifier.send("READY=1")) << "nobody is there any more";
}

TEST_F(NotifySocketTest, ReadsWhatHasComeWhenItIsAsked) {
  ASSERT_TRUE(Notifier(address()).send("READY=1"));
  EXPECT_TRUE(notify_->drain());
  EXPECT_EQ(1u, got_.size());
}

TEST_F(NotifySocketTest, GoesOnUnderItsNameInAnotherLoop) {
  auto socket = make_notify_socket();
  Fd kept(dup(socket->get()));
  string name;
  {
    asio::io_context io;
    name = NotifySocket(io, std::move(*socket), [](Notification) {}).environment();
  }
  ASSERT_TRUE(Notifier(name).send("STATUS=meanwhile"));
  NotifySocket again(io_, std::move(kept), [this](Notification n) { got_.push_back(std::move(n)); });
  EXPECT_EQ(name, again.environment());
  ASSERT_TRUE(came(1));
  EXPECT_EQ("meanwhile", got_[0].message.status);
}

TEST_F(NotifySocketTest, UnderstandsSystemdNotify) {
  if (access("/usr/bin/systemd-notify", X_OK) != 0) GTEST_SKIP() << "no systemd-notify here";
  int child = process([&] {
    setenv("NOTIFY_SOCKET", address().c_str(), 1);
    execl("/usr/bin/systemd-notify", "systemd-notify", "--ready", "--status=working", nullptr);
    return false;
  });
  ASSERT_TRUE(came(1));
  EXPECT_TRUE(got_[0].message.ready);
  EXPECT_EQ("working", got_[0].message.status);
  const Sender& sender = got_[0].sender;  // as root it speaks for its parent
  EXPECT_TRUE(sender.pid == getpid() || (sender.pid == child && has(sender.parents, getpid())));
  // Newer ones wait at a barrier; the message before it has been looked at by now.
  int status = 0;
  EXPECT_TRUE(eventually([&] { return waitpid(child, &status, WNOHANG) == child; },
                         [this] { turn(), got_.clear(); }));
  EXPECT_EQ(0, WEXITSTATUS(status));
}

}  // namespace
}  // namespace keeper
