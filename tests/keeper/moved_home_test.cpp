// Somebody renames a home, or a directory above it, while its keepers run: they go along, and nothing of
// theirs is made at the old path.
#include <signal.h>
#include <sys/stat.h>

#include "tests/keeper/support/sandbox.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

class MovedHome : public testing::Test {
 protected:
  static Words lines() { return {"sh", "-c", "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.02; done"}; }
  fs::path place() const { return box_.root() / "moved" / "keeper"; }
  fs::path log() const { return place() / "logs/api.log"; }

  void move_away() const {
    fs::create_directory(box_.root() / "moved");
    fs::rename(box_.home(), place());
  }
  void begin() {
    box_.detach("api", lines());
    EVENTUALLY(box_.logged("api", "line 3\n"));
    before_ = *box_.status("api");
    move_away();
  }
  /// What the keeper in the new place says.
  std::optional<Status> status() const {
    auto home = Home::open(place().string(), Home::Create::no);
    if (!home || !home->connect_socket("api")) return std::nullopt;
    const auto rows =
        look_at_fleet(*home, Millis(5'000), [](const AppId& one) { return one.stem() == "api"; });
    return rows.empty() ? std::nullopt : std::optional(rows.front().status);
  }
  Outcome ctl_there(Words words) {
    words.insert(words.begin(), program("ctl"));
    return box_.run({.words = words, .environment = {{"KEEPER_HOME", place().string()}}});
  }
  bool grows() const {
    const auto size = [&] {
      std::error_code none;
      const auto bytes = fs::file_size(log(), none);
      return none ? 0 : bytes;
    };
    const auto then = size();
    return eventually([&] { return size() > then; });
  }
  void stop_there() {
    EXPECT_EQ(0, ctl_there({"stop", "api"}).code);
    EVENTUALLY(!alive(*before_.pid) && !alive(*before_.guard_pid));
  }

  Sandbox box_;
  Status before_;
};

TEST_F(MovedHome, IsWorkedWithInItsNewPlace) {
  begin();
  const auto now = status();
  ASSERT_TRUE(now);
  EXPECT_EQ(before_.pid, now->pid);
  EXPECT_EQ(log().string(), now->logs.front().path);
  EXPECT_TRUE(has(ctl_there({"list"}).out, "api"));
  EXPECT_TRUE(has(ctl_there({"logs", "api", "-n", "5"}).all(), "line "));
  EXPECT_FALSE(has(box_.ctl({"list"}).all(), "api")) << "in the old place is none";
  Outcome rotated = ctl_there({"rotate", "api"});
  EXPECT_EQ(0, rotated.code) << rotated.all();
  EVENTUALLY(fs::exists(log().string() + ".1"));
  EXPECT_TRUE(grows());
  EVENTUALLY(has(read_text(log().string() + ".1") + read_text(log()), "its home was moved"));
  stop_there();
  EXPECT_FALSE(fs::exists(box_.home() / "logs"));
  EXPECT_FALSE(fs::exists(box_.home() / "apps/api"));
}

TEST_F(MovedHome, IsNamedToTheNextRun) {
  box_.detach("api", {"sh", "-c", "echo at $KEEPER_HOME.; exec sleep 1000"});
  EVENTUALLY(box_.logged("api", "at " + box_.home().string() + "."));
  before_ = *box_.status("api");
  move_away();
  EXPECT_EQ(0, ctl_there({"restart", "api"}).code);
  EVENTUALLY(has(read_text(log()), "at " + place().string() + "."));
  // Also for what is started from the record, and by the next keeper.
  before_ = *status();
  kill(*before_.keeper_pid, SIGKILL);
  kill(*before_.pid, SIGKILL);
  EVENTUALLY(count_of(read_text(log()), "at " + place().string() + ".") == 2);
  before_ = *status();
  stop_there();
  EXPECT_EQ(0, ctl_there({"start", "api"}).code);
  EVENTUALLY(count_of(read_text(log()), "at " + place().string() + ".") == 3);
  before_ = *status();
  stop_there();
}

/// One of them is written, and finds the home; the other is quiet.
TEST_F(MovedHome, IsFoundForBothLogs) {
  ASSERT_EQ(0, box_.keeper({"-d", "-n", "api", "--error-log", "apart", "sh", "-c",
                            "while :; do echo line; sleep 0.05; done"})
                   .code);
  EVENTUALLY(box_.logged("api", "line\n"));
  before_ = *box_.status("api");
  move_away();
  EVENTUALLY(has(read_text(log()), "its home was moved"));
  EVENTUALLY(status() && status()->logs.size() == 2 &&
             status()->logs.back().path.starts_with(place().string()));
  stop_there();
}

/// Nobody asks: the keeper looks for its log itself, every five seconds.
TEST_F(MovedHome, IsFoundWhenTheLogIsLookedFor) {
  begin();
  EVENTUALLY(has(read_text(log()), "its home was moved"));
  EXPECT_TRUE(grows());
  EXPECT_FALSE(fs::exists(box_.home()));
  stop_there();
}

TEST_F(MovedHome, IsFoundByTheNextKeeper) {
  begin();
  kill(*before_.keeper_pid, SIGKILL);
  EVENTUALLY([&] {
    const auto now = status();
    return now && now->keeper_pid && now->keeper_pid != before_.keeper_pid;
  }());
  const auto now = status();
  ASSERT_TRUE(now);
  EXPECT_EQ(before_.pid, now->pid);
  EXPECT_EQ(before_.guard_pid, now->guard_pid);
  EXPECT_EQ(before_.run, now->run);
  EXPECT_EQ(log().string(), now->logs.front().path);
  EXPECT_TRUE(grows());
  EXPECT_FALSE(fs::exists(box_.home()));
  stop_there();
}

TEST_F(MovedHome, LeavesANewHomeInItsOldPlaceAlone) {
  begin();
  box_.detach("api", {"sh", "-c", "echo of another; exec sleep 1000"});
  EVENTUALLY(box_.logged("api", "of another\n"));
  const int other = box_.pid("api");
  ASSERT_NE(*before_.pid, other);
  EXPECT_EQ(0, ctl_there({"reopen", "api"}).code);
  EXPECT_EQ(0, ctl_there({"rotate", "api"}).code);
  EXPECT_TRUE(grows());
  kill(*before_.keeper_pid, SIGKILL);
  EVENTUALLY([&] {
    const auto now = status();
    return now && now->keeper_pid && now->keeper_pid != before_.keeper_pid;
  }());
  EXPECT_TRUE(grows());
  stop_there();
  EXPECT_EQ(other, box_.pid("api"));
  EXPECT_FALSE(box_.logged("api", "line ")) << box_.log("api");
  EXPECT_FALSE(fs::exists(box_.log_path("api").string() + ".1"));
  EXPECT_EQ(std::to_string(other) + "\n", read_text(box_.home() / "apps/api/pid"));
}

TEST_F(MovedHome, ComesBack) {
  begin();
  ASSERT_TRUE(status());
  EVENTUALLY(status()->logs.front().path == log().string());
  fs::rename(place(), box_.home());
  EVENTUALLY(box_.status("api")->logs.front().path == box_.log_path("api").string());
  EXPECT_EQ(*before_.pid, box_.pid("api"));
  EXPECT_EQ(0, box_.ctl({"rotate", "api"}).code);
  EVENTUALLY(fs::exists(box_.log_path("api").string() + ".1"));
  EXPECT_FALSE(fs::exists(place()));
  EXPECT_EQ(0, box_.ctl({"stop", "api"}).code);
  EXPECT_TRUE(box_.processes().empty());
}

TEST_F(MovedHome, IsNotWhatAppsAloneWereMovedInto) {
  box_.detach("api", {"sleep", "1000"});
  const int pid = box_.pid("api");
  ASSERT_EQ(0, chmod(box_.root().c_str(), 0755));
  fs::rename(box_.home() / "apps", box_.root() / "apps");
  kill(*box_.status("api")->keeper_pid, SIGUSR1);
  EVENTUALLY(fs::exists(box_.home() / "apps/api/spec.json"));
  EVENTUALLY(box_.pid("api") == pid);
  struct stat st {};
  ASSERT_EQ(0, stat(box_.root().c_str(), &st));
  EXPECT_EQ(0755u, st.st_mode & 0777u) << "nobody takes it for a home";
  EXPECT_FALSE(box_.logged("api", "its home was moved"));
}

}  // namespace
}  // namespace keeper
