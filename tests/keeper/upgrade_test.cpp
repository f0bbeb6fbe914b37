// Another program file, and the same program: nothing is restarted.
#include <signal.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "tests/keeper/support/log_texts.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

string exe_of(int pid) {
  std::error_code none;
  return fs::read_symlink("/proc/" + std::to_string(pid) + "/exe", none);
}

/// A copy of keeper, which is another program file.
fs::path copy_of_keeper(const Sandbox& box, const string& name) {
  fs::path out = box.work() / name;
  fs::copy_file(program("keeper"), out, fs::copy_options::overwrite_existing);
  return out;
}

fs::path script(const Sandbox& box, const string& name, const string& text) {
  fs::path out = box.work() / name;
  write_text(out, "#!/bin/sh\n" + text + "\n");
  fs::permissions(out, fs::perms::owner_all);
  return out;
}

void expect_same_run(const Status& before, const Status& after) {
  EXPECT_EQ(before.pid, after.pid);
  EXPECT_EQ(before.run, after.run);
  EXPECT_EQ(before.started_at, after.started_at);
  EXPECT_EQ(0u, after.restarts);
  EXPECT_EQ(State::running, after.state);
}

TEST(Upgrade, TakesBothHalvesAndNotTheProgram) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  const Status before = *box.status("api");
  const fs::path other = copy_of_keeper(box, "keeper2");
  Outcome out = box.ctl({"upgrade", "api", "--keeper", other});
  EXPECT_EQ(0, out.code) << out.all();
  const Status after = *box.status("api");
  expect_same_run(before, after);
  EXPECT_EQ(before.guard_pid, after.guard_pid);
  EXPECT_NE(before.keeper_pid, after.keeper_pid);
  EXPECT_TRUE(has(out.out, "upgraded api: keeper " + std::to_string(*before.keeper_pid) + " -> " +
                               std::to_string(*after.keeper_pid) + ", version " + after.version))
      << out.all();
  EXPECT_EQ(other, exe_of(*after.keeper_pid));
  EXPECT_EQ(other, exe_of(*after.guard_pid));
  EXPECT_EQ(3u, box.processes().size());
  // And it is a whole one.
  kill(*after.keeper_pid, SIGKILL);
  EVENTUALLY(box.keeper_pid("api") != *after.keeper_pid && box.keeper_pid("api") > 0);
  EXPECT_EQ(after.pid, box.pid("api"));
}

struct Bad {
  const char* name;
  const char* script;
  const char* says;
};
void PrintTo(const Bad& one, std::ostream* out) {
  *out << one.name;
}

class Broken : public testing::TestWithParam<Bad> {};

TEST_P(Broken, IsRolledBackAndReported) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  const Status before = *box.status("api");
  const fs::path bad = script(box, "bad", GetParam().script);
  Outcome out = box.ctl({"upgrade", "api", "--keeper", bad});
  EXPECT_EQ(1, out.code) << out.all();
  EXPECT_TRUE(has(out.err, "ctl: cannot upgrade api: " + bad.string())) << out.all();
  EXPECT_TRUE(has(out.err, GetParam().says)) << out.all();
  const Status after = *box.status("api");
  expect_same_run(before, after);
  EXPECT_EQ(before.guard_pid, after.guard_pid);
  EXPECT_EQ(program("keeper"), exe_of(*after.keeper_pid));
  // The next one may be good.
  EXPECT_EQ(0, box.ctl({"upgrade", "api", "--keeper", copy_of_keeper(box, "good")}).code);
  expect_same_run(before, *box.status("api"));
}

INSTANTIATE_TEST_SUITE_P(Each, Broken,
                         testing::Values(Bad{"Ends", "exit 3", "ended at once; the old one goes on"},
                                         Bad{"Crashes", "kill -SEGV $$",
                                             "ended at once; the old one goes on"},
                                         Bad{"Hangs", "exec sleep 1000", "within 2 s; the old one goes on"}),
                         [](const auto& one) { return string(one.param.name); });

TEST(Upgrade, IsRefusedWhereItCannotBe) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  box.detach("alone", {"--no-guard", "sleep", "1000"});
  const int keeper = box.keeper_pid("api");
  write_text(box.work() / "plain", "no program");
  Outcome out = box.ctl({"upgrade", "api", "--keeper", box.work() / "plain"});
  EXPECT_EQ(1, out.code);
  EXPECT_TRUE(has(out.err, "Permission denied") || geteuid() == 0) << out.err;
  out = box.ctl({"upgrade", "api", "--keeper", box.work() / "none"});
  EXPECT_EQ(1, out.code);
  EXPECT_TRUE(has(out.err, "No such file")) << out.err;
  out = box.ctl({"upgrade", "alone"});
  EXPECT_EQ(1, out.code);
  EXPECT_TRUE(has(out.err, "it runs without a guard")) << out.err;
  EXPECT_EQ(4, box.ctl({"upgrade", "nobody"}).code);
  EXPECT_EQ(keeper, box.keeper_pid("api"));
}

TEST(Upgrade, OfAFileThatWasReplacedIsSaidInTheList) {
  Sandbox box;
  const fs::path installed = copy_of_keeper(box, "installed");
  Start how{{installed.string(), "-d", "-n", "api", "--start-secs", "0", "sleep", "1000"}};
  ASSERT_EQ(0, box.run(how).code);
  EXPECT_FALSE(has(box.ctl({"list", "-w"}).out, "stale"));
  fs::rename(copy_of_keeper(box, "newer"), installed);
  EXPECT_TRUE(has(box.ctl({"list", "-w"}).out, " stale"));
  EXPECT_EQ(0, box.ctl({"upgrade", "all", "--keeper", installed}).code);
  EXPECT_FALSE(has(box.ctl({"list", "-w"}).out, "stale"));
}

/// A program that writes as fast as it can, and clients that ask all the time.
TEST(Upgrade, AHundredInARowLoseNothing) {
  Sandbox box;
  const int lines = sanitized() ? 100'000 : 3'000'000;
  box.detach("job", {"--log-max-size", "5M", "--log-backups", "1000", "--restart", "never", child("floods"),
                     std::to_string(lines), "wait"});
  const Status before = *box.status("job");
  const std::array files = {copy_of_keeper(box, "one"), copy_of_keeper(box, "two")};
  std::atomic<bool> stop{false};
  std::atomic<int> asked{0}, unanswered{0};
  std::thread client([&] {
    while (!stop) {
      ++asked;
      if (box.ctl({"list", "job"}).code != 0) ++unanswered;
    }
  });
  for (int i = 0; i < repeats(sanitized() ? 5 : 100) && !HasFailure(); ++i) {
    Outcome out = box.ctl({"upgrade", "job", "--keeper", files[static_cast<std::size_t>(i % 2)]});
    EXPECT_EQ(0, out.code) << i << out.all();
  }
  stop = true;
  client.join();
  EXPECT_GT(asked, 0);
  EXPECT_EQ(0, unanswered) << "of " << asked;
  const Status after = *box.status("job");
  EXPECT_EQ(before.pid, after.pid);
  EXPECT_EQ(before.guard_pid, after.guard_pid);
  EXPECT_EQ(0u, after.restarts);
  const string last = "line " + std::to_string(lines) + "\n";
  ASSERT_TRUE(eventually([&] { return output_in(box.log("job")).ends_with(last); }, Millis(60'000)));
  string expected;
  for (int i = 1; i <= lines; ++i)
    expected += "line " + std::to_string(i) + "\n";
  expect_same(expected, output_in(all_of(box.log_path("job"))));
}

}  // namespace
}  // namespace keeper
