// A program that cannot be ended: it has become root under a user's keeper, or even KILL did not help. It
// stays known and kept, nothing is started beside it, and whoever asks hears at once why.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/clock.hpp"
#include "tests/keeper/support/sandbox.hpp"
#include "tests/support/nobody.hpp"

namespace keeper {
namespace {

using std::string;
namespace fs = std::filesystem;

/// A home of the user nobody, with a program of theirs that makes what it executes run as root.
class Refused : public testing::Test {
 protected:
  void SetUp() override {
    NEEDS_ROOT();
    fs::permissions(box_.root(), fs::perms(0711));
    NEEDS_REACH(box_.root());
    fs::create_directories(place() / "bin");
    fs::create_directories(place() / "home");
    for (const fs::path& path : {place(), place() / "bin", place() / "home"})
      fs::permissions(path, fs::perms(0755));
    for (const char* name : {"keeper", "ctl"})
      fs::copy_file(program(name), place() / "bin" / name);
    const fs::path up = place() / "up";
    fs::copy_file("/usr/bin/setpriv", up);
    if (chown((place() / "home").c_str(), kNobody, kNobody) != 0 || chown(up.c_str(), 0, kNobody) != 0 ||
        chmod(up.c_str(), 04750) != 0)
      GTEST_SKIP() << "this file system knows no owners";
    if (as_user({up.string(), "--reuid=0", "true"}).code != 0) GTEST_SKIP() << "nothing becomes root here";
  }
  void TearDown() override {
    for (int round = 0; round < 100 && !box_.processes().empty(); ++round) {
      for (int pid : box_.processes())
        kill(pid, SIGKILL);
      usleep(10'000);
    }
  }

  fs::path place() const { return box_.root() / "user"; }
  Outcome as_user(Words words) {
    Start how = as_nobody(std::move(words));
    how.directory = place() / "home";
    how.environment["KEEPER_HOME"] = place() / "home" / "k";
    return box_.run(how);
  }
  Outcome ctl(Words words) {
    words.insert(words.begin(), place() / "bin" / "ctl");
    return as_user(words);
  }
  /// As nobody: keeper -d -n up with these words, and times that nobody would wait for.
  Outcome begin(const Words& words) {
    Words all = {place() / "bin" / "keeper", "-d", "-n", "up", "--start-secs", "0", "--stop-timeout", "60s",
                 "--kill-timeout",           "60s"};
    all.insert(all.end(), words.begin(), words.end());
    return as_user(all);
  }
  void detach(const Words& words) {
    const Outcome out = begin(words);
    ASSERT_EQ(0, out.code) << out.all();
  }
  Words rooted() const {
    return {place() / "up", "--reuid=0", "--regid=0", "--clear-groups", "sleep", "98765"};
  }
  string rooted_text() const {
    return "'" + (place() / "up").string() + "' --reuid=0 --regid=0 --clear-groups sleep 98765";
  }

  /// As ctl has it.
  string row() { return ctl({"list", "--json"}).out; }
  /// The pid of that name in the row; 0 if it is null.
  int number(const string& name) {
    const string shown = row();
    const auto at = shown.find("\"" + name + "\":");
    return at == string::npos ? 0 : std::atoi(shown.c_str() + at + name.size() + 3);
  }
  std::vector<int> sleepers() {
    std::vector<int> out;
    for (int pid : box_.processes())
      if (has(read_text("/proc/" + std::to_string(pid) + "/cmdline"), "98765") &&
          has(read_text("/proc/" + std::to_string(pid) + "/comm"), "sleep"))
        out.push_back(pid);
    return out;
  }
  int sleeper() {
    eventually([&] { return sleepers().size() == 1; });
    return sleepers().size() == 1 ? sleepers().front() : 0;
  }
  static string why(int pid) { return "not permitted: pid " + std::to_string(pid) + " runs as root"; }
  void expect_refused(const Words& words, int pid) {
    Outcome out = ctl(words);
    EXPECT_EQ(1, out.code) << words.front() << ": " << out.all();
    EXPECT_TRUE(has(out.err, "ctl: cannot " + words.front() + " up: ")) << out.all();
    EXPECT_TRUE(has(out.err, why(pid))) << out.all();
    EXPECT_LT(out.took, Millis(20'000));
    EXPECT_EQ(std::vector<int>{pid}, sleepers()) << "after " << words.front();
  }

  Sandbox box_;
};

TEST_F(Refused, ProgramStaysKnownAndNothingIsStartedBesideIt) {
  detach(rooted());
  const int pid = sleeper();
  ASSERT_GT(pid, 0);
  const string number = std::to_string(pid);
  expect_refused({"signal", "HUP", "up"}, pid);
  expect_refused({"reload", "up"}, pid);
  EXPECT_TRUE(has(row(), "\"state\":\"running\"")) << row();
  expect_refused({"stop", "up"}, pid);
  const string shown = row();
  EXPECT_TRUE(has(shown, "\"state\":\"stopping\"") && has(shown, "\"pid\":" + number + ",")) << shown;
  EXPECT_TRUE(has(shown, "\"survivors\":[" + number + "]") && has(shown, why(pid))) << shown;
  expect_refused({"start", "up"}, pid);
  expect_refused({"start", "up"}, pid);
  expect_refused({"restart", "up"}, pid);
  expect_refused({"reload", "up"}, pid);
  EXPECT_TRUE(has(ctl({"doctor"}).out, "a run of it cannot be ended: " + why(pid)));
  EXPECT_TRUE(has(ctl({"logs", "up", "-n", "all"}).out, "it cannot be ended: " + why(pid)));
  expect_refused({"delete", "up"}, pid);
  // The last wish was that it ends.
  kill(pid, SIGKILL);
  EVENTUALLY(has(row(), "\"state\":\"stopped\""));
  EVENTUALLY(box_.processes().empty());  // its keeper has left
}

TEST_F(Refused, RestartIsDoneWhenTheRunHasEnded) {
  detach(rooted());
  const int pid = sleeper();
  expect_refused({"restart", "up"}, pid);
  kill(pid, SIGKILL);
  EVENTUALLY(sleepers().size() == 1 && sleepers().front() != pid);
  EVENTUALLY(has(row(), "\"state\":\"running\""));
}

TEST_F(Refused, RestOfARunIsShownAndWaitedFor) {
  detach({"sh", "-c", rooted_text() + " & exec sleep 1000"});
  const int pid = sleeper();
  expect_refused({"stop", "up"}, pid);
  const string shown = row();
  EXPECT_TRUE(has(shown, "\"survivors\":[" + std::to_string(pid) + "]") && has(shown, "\"pid\":null"))
      << shown;
  expect_refused({"start", "up"}, pid);
  kill(pid, SIGKILL);
  EVENTUALLY(has(row(), "\"state\":\"running\""));
  EXPECT_EQ(1, count_of(row(), "\"survivors\":[]"));
}

TEST_F(Refused, NextKeeperKnowsItToo) {
  detach(rooted());
  const int pid = sleeper();
  expect_refused({"stop", "up"}, pid);
  const int keeper = number("keeper_pid");
  ASSERT_GT(keeper, 0);
  kill(keeper, SIGKILL);
  EVENTUALLY(number("keeper_pid") > 0 && number("keeper_pid") != keeper);
  EVENTUALLY(has(row(), "\"survivors\":[" + std::to_string(pid) + "]"));
  expect_refused({"start", "up"}, pid);
  expect_refused({"stop", "up"}, pid);
  kill(pid, SIGKILL);
  EVENTUALLY(has(row(), "\"state\":\"stopped\""));
}

/// An end that nobody asked for by `ctl stop` or `ctl restart`.
struct End {
  const char* name;
  Words options;
  int instances = 1;
  bool starts_again = true;  ///< when its program has ended
};
void PrintTo(const End& one, std::ostream* out) {
  *out << one.name;
}

class RefusedEnd : public Refused, public testing::WithParamInterface<End> {
 protected:
  /// What brings the end about, where that is not the time.
  void bring_about() {
    const string name = GetParam().name;
    if (name == "ScaleDown") {
      const Outcome out = ctl({"scale", "up", "1"});
      EXPECT_EQ(1, out.code) << out.all();
      EXPECT_TRUE(has(out.err, "not permitted: pid ")) << out.all();
    }
    if (name != "Change") return;
    const fs::path other = place() / "other";
    fs::copy_file("/usr/bin/setpriv", other);
    ASSERT_EQ(0, chown(other.c_str(), 0, kNobody));
    ASSERT_EQ(0, chmod(other.c_str(), 04750));
    fs::rename(other, place() / "up");
  }
};

TEST_P(RefusedEnd, KeepsTheProgramAndStartsNoneBesideIt) {
  Words words = GetParam().options;
  const Words program = rooted();
  words.insert(words.end(), program.begin(), program.end());
  begin(words);
  const auto count = static_cast<std::size_t>(GetParam().instances);
  EVENTUALLY(sleepers().size() == count);
  const std::vector<int> before = sleepers();
  bring_about();
  EVENTUALLY(has(row(), "\"survivors\":[" + std::to_string(before.back())) && has(row(), why(before.back())));
  EXPECT_EQ(before, sleepers());
  EXPECT_TRUE(has(ctl({"doctor"}).out, "a run of it cannot be ended: " + why(before.back())));
  EXPECT_EQ(before, sleepers());
  kill(before.back(), SIGKILL);
  if (GetParam().starts_again)
    EVENTUALLY(sleepers().size() == count && sleepers() != before);
  else
    EVENTUALLY(sleepers().size() == count - 1 && has(row(), "\"state\":\"stopped\""));
}

INSTANTIATE_TEST_SUITE_P(
    Each, RefusedEnd,
    testing::Values(End{"Watchdog", {"--watchdog", "300ms"}}, End{"Change", {"--restart-on-change"}},
                    End{"ReadyTimeout", {"--ready", "notify", "--ready-timeout", "300ms"}},
                    End{"ScaleDown", {"-i", "2"}, 2, false}),
    [](const auto& one) { return string(one.param.name); });

/// The keeper that takes the program over cannot end it either, and stays, as any keeper does.
TEST_F(Refused, OrphanIsKeptBySomeKeeper) {
  detach(rooted());
  const int pid = sleeper();
  const int keeper = number("keeper_pid"), guard = number("guard_pid");
  ASSERT_TRUE(keeper > 0 && guard > 0);
  kill(guard, SIGSTOP);
  kill(keeper, SIGKILL);
  kill(guard, SIGKILL);
  EVENTUALLY(!alive(keeper) && !alive(guard));
  expect_refused({"stop", "up"}, pid);
  EXPECT_TRUE(has(row(), "\"state\":\"stopping\"") && has(row(), "\"pid\":" + std::to_string(pid))) << row();
}

TEST(Survivors, OfAKeeperThatLeftLongAgoKeepTheNextStartAway) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  ASSERT_EQ(0, box.ctl({"stop", "api"}).code);
  Background left = box.start({{"sleep", "1000"}});
  const string number = std::to_string(left.pid());
  Home home = box.open_home();
  Status record = *home.read_status("api");
  record.survivors = {left.pid()};
  record.stopped_at = wall_now();
  ASSERT_TRUE(home.write_status("api", record));
  for (const Outcome& start : {box.ctl({"start", "api"}), box.keeper({"-d", "-n", "api", "sleep", "1000"})}) {
    EXPECT_EQ(1, start.code) << start.all();
    EXPECT_TRUE(has(start.err, "its last run is still there, and could not be ended: pid " + number))
        << start.all();
  }
  EXPECT_TRUE(has(box.ctl({"doctor"}).out, "a run of it cannot be ended: pid " + number));
  // Had that process begun after the record, its number would be another's.
  record.stopped_at = wall_now() - std::chrono::hours(1);
  ASSERT_TRUE(home.write_status("api", record));
  EXPECT_EQ(0, box.ctl({"start", "api"}).code);
  ASSERT_EQ(0, box.ctl({"stop", "api"}).code);
  left.signal(SIGKILL);
  left.wait();
}

}  // namespace
}  // namespace keeper
