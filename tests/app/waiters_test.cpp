#include "keeper/app/waiters.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "protocol/base/line_buffer.hpp"
#include "tests/app/fakes.hpp"

namespace keeper {
namespace {

using std::string;

bool has(const string& text, const string& part) {
  return text.find(part) != string::npos;
}

/// An app whose run 1 runs.
class WaitersTest : public testing::Test {
 protected:
  void SetUp() override {
    tell(event::Start{});
    tell(event::SpawnSucceeded{1, 100});
  }
  void tell(const Event& event) { app_.tell(waiters_, event); }
  /// The only reply to a client; empty while there is none.
  static string only(const Replies& replies) {
    EXPECT_LE(replies.all.size(), 1u);
    return replies.all.empty() ? "" : replies.all.front();
  }

  FakeApp app_;
  Waiters waiters_{"api", app_, app_.machine, app_.recorder, app_.survivors};
  std::shared_ptr<Replies> replies_ = Replies::make();
};

TEST_F(WaitersTest, AStopIsAnsweredWhenTheAppIsOver) {
  waiters_.stop(replies_->answer());
  tell(event::Stop{});
  tell(event::Exited{1, ExitInfo::code(0)});
  EXPECT_EQ(only(*replies_), "");
  waiters_.app_ended();
  EXPECT_TRUE(has(only(*replies_), R"("state":"stopped")")) << only(*replies_);
}

TEST_F(WaitersTest, AStopThatAStartHasOvertakenFails) {
  waiters_.stop(replies_->answer());
  tell(event::Stop{});
  tell(event::Start{});
  tell(event::Exited{1, ExitInfo::code(0)});
  tell(event::SpawnSucceeded{2, 200});
  EXPECT_TRUE(has(only(*replies_), "started again meanwhile")) << only(*replies_);
}

TEST_F(WaitersTest, ARestartIsAnsweredByTheNewRun) {
  waiters_.restart(replies_->answer());
  tell(event::Restart{});
  tell(event::Exited{1, ExitInfo::code(0)});
  EXPECT_EQ(only(*replies_), "");
  tell(event::SpawnSucceeded{2, 200});
  EXPECT_TRUE(has(only(*replies_), R"("run":2)")) << only(*replies_);
}

TEST_F(WaitersTest, ARestartThatCannotSpawnSaysWhy) {
  waiters_.restart(replies_->answer());
  tell(event::Restart{});
  tell(event::Exited{1, ExitInfo::code(0)});
  tell(event::SpawnFailed{2, true, "exec /srv/api: No such file or directory"});
  EXPECT_TRUE(has(only(*replies_), "No such file")) << only(*replies_);
}

TEST_F(WaitersTest, ARestartIsRefusedWhenTheAppIsOver) {
  waiters_.restart(replies_->answer());
  waiters_.app_ended();
  EXPECT_TRUE(has(only(*replies_), "stopped meanwhile")) << only(*replies_);
}

TEST_F(WaitersTest, AReloadSaysWhatItChanged) {
  waiters_.note_changes({"cwd"});
  waiters_.reload(replies_->answer());
  tell(event::Reload{});
  tell(event::SpawnSucceeded{2, 200});
  EXPECT_EQ(only(*replies_), "");
  app_.now = Millis(1000);
  tell(event::Tick{});
  EXPECT_TRUE(has(only(*replies_), R"("changed":["cwd"])")) << only(*replies_);
}

TEST_F(WaitersTest, AReloadThatFailsHasTheLastLinesOfItsRun) {
  waiters_.reload(replies_->answer());
  tell(event::Reload{});
  tell(event::SpawnSucceeded{2, 200});
  app_.recorder.add_output("no such table\n");
  tell(event::Exited{2, ExitInfo::code(1)});
  EXPECT_TRUE(has(only(*replies_), "no such table")) << only(*replies_);
}

TEST_F(WaitersTest, ARunThatCannotBeEndedFailsTheStop) {
  app_.survivors = {100};
  waiters_.stop(replies_->answer());
  tell(event::Stop{});
  tell(event::Refused{1, "not permitted: pid 100 runs as root"});
  EXPECT_TRUE(has(only(*replies_), "not permitted: pid 100 runs as root; 'sudo kill 100' ends it"))
      << only(*replies_);
}

/// The command that waits for the start, at the other end of a pipe.
class StartReports : public WaitersTest {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
    reading_ = Fd(ends[0]);
    waiters_.use_start_report(Fd(ends[1]), [this] { done_ = true; });
    WaitersTest::SetUp();
  }
  /// What has been reported since it was asked last. The last report is last_.
  int reports() {
    char bytes[16384];
    const ssize_t got = read(reading_.get(), bytes, sizeof bytes);
    const auto lines = split_lines(string(bytes, got > 0 ? static_cast<std::size_t>(got) : 0));
    for (const string& line : lines)
      if (auto read = read_report(line)) last_ = *read;
    return static_cast<int>(lines.size());
  }
  Fd reading_;
  StartReport last_;
  bool done_ = false;
};

TEST_F(StartReports, AStartIsReportedTwice) {
  EXPECT_EQ(reports(), 1);
  EXPECT_EQ(last_.kind, StartReport::Kind::spawned);
  EXPECT_FALSE(done_);
  app_.now = Millis(1000);
  tell(event::Tick{});
  EXPECT_EQ(reports(), 1);
  EXPECT_EQ(last_.kind, StartReport::Kind::confirmed);
  EXPECT_TRUE(done_);
  EXPECT_EQ(reports(), 0);  // the end of the pipe
}

TEST_F(StartReports, AFailedStartHasItsLastLines) {
  app_.recorder.add_output("no such table\n");
  tell(event::Exited{1, ExitInfo::code(1)});
  EXPECT_EQ(reports(), 2);
  EXPECT_EQ(last_.kind, StartReport::Kind::failed);
  EXPECT_EQ(last_.output, "no such table");
  EXPECT_TRUE(done_);
}

TEST_F(StartReports, AnEndThatARestartAskedForIsNoFailedStart) {
  reports();
  tell(event::Restart{});
  tell(event::Exited{1, ExitInfo::code(1)});
  EXPECT_FALSE(done_);
}

}  // namespace
}  // namespace keeper
