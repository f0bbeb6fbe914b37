// What a keeper writes into the log about itself, and when.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "keeper/app/lifecycle_log.hpp"
#include "tests/app/fakes.hpp"

namespace keeper {
namespace {

using std::string;

class Lifecycle : public testing::Test {
 protected:
  void SetUp() override {
    string name = testing::TempDir() + "lifecycle.XXXXXX";
    ASSERT_NE(nullptr, mkdtemp(name.data()));
    dir_ = name;
    auto made = AppOutput::make(io_, spec_, dir_ / "api.log", dir_ / "api.err.log", {});
    ASSERT_TRUE(made) << made.error().text();
    output_ = std::move(*made);
    log_.use(*output_);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  void tell(const Event& event) { app_.tell(log_, event); }
  /// The log, without the mark and the time of each line.
  string text() const {
    std::ifstream file(dir_ / "api.log");
    string out;
    for (string line; std::getline(file, line);)
      out += line.substr(line.find(' ', line.find(' ') + 1) + 1) + "\n";
    return out;
  }

  std::filesystem::path dir_;
  asio::io_context io_;
  Spec spec_;
  std::unique_ptr<AppOutput> output_;
  FakeApp app_;
  LifecycleLog log_{app_.machine, app_.recorder, app_.survivors};
};

TEST_F(Lifecycle, ALineWaitsUntilItIsFlushed) {
  tell(event::Start{});
  tell(event::SpawnSucceeded{1, 100});
  EXPECT_EQ(text(), "");
  log_.flush();
  EXPECT_EQ(text(), "started pid 100\n");
}

TEST_F(Lifecycle, AnEndSaysHow) {
  tell(event::Start{});
  tell(event::SpawnSucceeded{1, 100});
  app_.now = Millis(3000);
  tell(event::Exited{1, ExitInfo::code(3)});
  log_.flush();
  EXPECT_EQ(text(), "started pid 100\npid 100 ended with code 3 after 3.000 s\n");
}

TEST_F(Lifecycle, AProgramThatCannotBeStartedIsReported) {
  tell(event::Start{});
  tell(event::SpawnFailed{1, true, "exec /srv/api: No such file or directory"});
  log_.flush();
  EXPECT_EQ(text(), "could not start: exec /srv/api: No such file or directory\n");
}

TEST_F(Lifecycle, SurvivorsAreNamed) {
  app_.survivors = {100, 101};
  tell(event::Start{});
  tell(event::SpawnSucceeded{1, 100});
  tell(event::StopNow{});
  app_.now = Millis(2000);
  tell(event::Tick{});
  log_.flush();
  EXPECT_EQ(text(), "started pid 100\npid 100 survived KILL\npid 101 survived KILL\n");
}

TEST_F(Lifecycle, WhatIsDiscardedIsNotWritten) {
  log_.add("nobody reads this");
  log_.discard();
  log_.flush();
  EXPECT_EQ(text(), "");
}

TEST_F(Lifecycle, ALineThatWaitsForTheBeginningOfOneComesFirst) {
  log_.add_at_line_start("keeper 2 goes on for keeper 1");
  log_.look_for_line_start();
  log_.add("later");
  log_.flush();
  EXPECT_EQ(text(), "keeper 2 goes on for keeper 1\nlater\n");
}

}  // namespace
}  // namespace keeper
