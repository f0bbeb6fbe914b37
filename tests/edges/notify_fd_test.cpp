// Readiness by a newline into a descriptor.
#include "keeper/ready/notify_fd.hpp"

#include <sys/wait.h>

#include <asio/io_context.hpp>

#include "tests/edges/support/place.hpp"

namespace keeper {
namespace {

using Said = NotifyFd::Said;

class NotifyFdTest : public testing::Test {
 protected:
  /// What was spawned has the writing end; the keeper has none.
  void begin() {
    auto made = NotifyFd::make(io_, [this](Said said) { said_.push_back(said); });
    ASSERT_TRUE(made) << made.error().text();
    fd_ = std::move(*made);
    child_ = Fd(dup(fd_->writing()));
    fd_->spawned();
    EXPECT_EQ(-1, fd_->writing());
  }
  void write(std::string_view text) {
    ASSERT_EQ(static_cast<ssize_t>(text.size()), ::write(child_.get(), text.data(), text.size()));
  }
  bool told() {
    return eventually([&] { return !said_.empty(); }, [this] { turn(); });
  }
  void turn() { io_.restart(), io_.poll(); }

  asio::io_context io_;
  std::unique_ptr<NotifyFd> fd_;
  Fd child_;
  std::vector<Said> said_;
};

TEST_F(NotifyFdTest, IsReadyAtTheFirstNewlineAndOnlyOnce) {
  begin();
  write("starting");
  turn();
  EXPECT_TRUE(said_.empty());
  write(" up\nand");
  ASSERT_TRUE(told());
  write("\n\n");
  child_.reset();
  turn();
  EXPECT_EQ(std::vector<Said>{Said::ready}, said_);
}

TEST_F(NotifyFdTest, SaysWhenItWasClosedWithoutANewline) {
  begin();
  write("never");
  turn();
  child_.reset();
  ASSERT_TRUE(told());
  turn();
  EXPECT_EQ(std::vector<Said>{Said::closed}, said_);
}

TEST_F(NotifyFdTest, IsReadyByANewlineThatIsTheLastThing) {
  begin();
  write("\n");
  child_.reset();
  ASSERT_TRUE(told());
  turn();
  EXPECT_EQ(std::vector<Said>{Said::ready}, said_);
}

TEST_F(NotifyFdTest, DrainedAtTheEndOfARunFindsANewlineBehindAllThatThePipeHolds) {
  begin();
  write(std::string(60'000, 'x'));
  write("\n");
  fd_->drain();
  EXPECT_EQ(std::vector<Said>{Said::ready}, said_);
  child_.reset();
  fd_->drain();
  turn();
  EXPECT_EQ(std::vector<Said>{Said::ready}, said_);
}

TEST_F(NotifyFdTest, NeverStopsAProgramThatGoesOnWriting) {
  begin();
  fcntl(child_.get(), F_SETFL, O_NONBLOCK);
  std::string much(4096, '\n');
  std::size_t total = 0;
  EXPECT_TRUE(eventually([&] { return total > (1 << 20); },
                         [&] {
                           for (ssize_t got; (got = ::write(child_.get(), much.data(), much.size())) > 0;)
                             total += static_cast<std::size_t>(got);
                           turn();
                         }));
  EXPECT_EQ(std::vector<Said>{Said::ready}, said_);
}

TEST_F(NotifyFdTest, IsClosedToChildrenThatAreNotMeant) {
  begin();
  auto made = NotifyFd::make(io_, [](Said) {});
  EXPECT_NE(0, fcntl((*made)->writing(), F_GETFD) & FD_CLOEXEC);
}

TEST_F(NotifyFdTest, CanBeLetGoOfByWhoIsTold) {
  auto made = NotifyFd::make(io_, [this](Said said) { said_.push_back(said), fd_.reset(); });
  fd_ = std::move(*made);
  child_ = Fd(dup(fd_->writing()));
  fd_->spawned();
  write("\n\n");
  ASSERT_TRUE(told());
  child_.reset();
  turn();
  EXPECT_EQ(std::vector<Said>{Said::ready}, said_);
}

TEST_F(NotifyFdTest, KnowsARealProgram) {
  auto made = NotifyFd::make(io_, [this](Said said) { said_.push_back(said); });
  fd_ = std::move(*made);
  int pid = fork();
  if (pid == 0) {
    dup2(fd_->writing(), 7);
    execl("/bin/sh", "sh", "-c", "echo up >&7; exec 7>&-", nullptr);
    _exit(127);
  }
  fd_->spawned();
  ASSERT_TRUE(told());
  EXPECT_EQ(Said::ready, said_[0]);
  waitpid(pid, nullptr, 0);
}

}  // namespace
}  // namespace keeper
