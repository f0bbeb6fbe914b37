#include "keeper/app/terminal.hpp"

#include <gtest/gtest.h>

#include <csignal>

#include "tests/app/fakes.hpp"

namespace keeper {
namespace {

/// In the background, where nothing is shown: the signals count all the same.
class TerminalTest : public testing::Test {
 protected:
  void tell(const Event& event) { app_.tell(terminal_, event); }

  FakeApp app_;
  Terminal terminal_{"api", app_.machine, app_.survivors};
};

TEST_F(TerminalTest, TheSecondInterruptEndsTheProgramAtOnce) {
  EXPECT_FALSE(terminal_.interrupted(SIGINT));
  EXPECT_TRUE(terminal_.interrupted(SIGINT));
  EXPECT_TRUE(terminal_.interrupted(SIGQUIT));
}

TEST_F(TerminalTest, TermNeverEndsItAtOnce) {
  EXPECT_FALSE(terminal_.interrupted(SIGTERM));
  EXPECT_FALSE(terminal_.interrupted(SIGTERM));
}

TEST_F(TerminalTest, InterruptsCountForOneRun) {
  tell(event::Start{});
  tell(event::SpawnSucceeded{1, 100});
  EXPECT_FALSE(terminal_.interrupted(SIGINT));
  tell(event::Stop{});
  tell(event::Restart{});
  tell(event::Exited{1, ExitInfo::code(0)});
  tell(event::SpawnSucceeded{2, 200});
  EXPECT_FALSE(terminal_.interrupted(SIGINT));
}

}  // namespace
}  // namespace keeper
