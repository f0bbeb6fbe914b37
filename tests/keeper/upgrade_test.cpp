// Another program file, and the same program: nothing is restarted.
#include <signal.h>
#include <sys/stat.h>

#include <atomic>
#include <list>
#include <set>
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

class BrokenGuard : public testing::TestWithParam<Bad> {};

/// The keeper of the new file comes up, and its guard does not follow: then both are the old one again.
TEST_P(BrokenGuard, IsRolledBackAndReported) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  const Status before = *box.status("api");
  const fs::path bad = script(box, "bad",
                              string("case $KEEPER_ROLE in guard*) ") + GetParam().script +
                                  " ;; esac\nexec '" + copy_of_keeper(box, "other").string() + "'");
  const Outcome out = box.ctl({"upgrade", "api", "--keeper", bad});
  EXPECT_EQ(1, out.code) << out.all();
  EXPECT_TRUE(has(out.err, "ctl: cannot upgrade api: " + bad.string() + GetParam().says)) << out.all();
  EVENTUALLY(box.status("api") && box.status("api")->keeper_pid && box.guard_pid("api") > 1 &&
             exe_of(box.keeper_pid("api")) == program("keeper"));
  expect_same_run(before, *box.status("api"));
  EXPECT_EQ(program("keeper"), exe_of(box.guard_pid("api")));
  EXPECT_EQ(3u, box.processes().size()) << "nothing of the script is left";
  // The next one may be good.
  EXPECT_EQ(0, box.ctl({"upgrade", "api", "--keeper", copy_of_keeper(box, "good")}).code);
  expect_same_run(before, *box.status("api"));
}

INSTANTIATE_TEST_SUITE_P(
    Each, BrokenGuard,
    testing::Values(Bad{"Ends", "exit 3", " did not start as a guard within 2 s; the old one goes on"},
                    Bad{"Hangs", "sleep 1000", " did not start as a guard within 2 s; the old one goes on"},
                    Bad{"IsGone", ": ;; *) rm \"$0\"",
                        ": the guard cannot execute it: No such file or directory; the old one goes on"},
                    Bad{"IsNoProgramAnyMore", ": ;; *) chmod a-x \"$0\"",
                        ": the guard cannot execute it: Permission denied; the old one goes on"}),
    [](const auto& one) { return string(one.param.name); });

string line_of(int pid, const string& file, const string& key) {
  const string text = read_text("/proc/" + std::to_string(pid) + "/" + file);
  const auto at = text.find(key);
  return at == string::npos ? "" : text.substr(at, text.find('\n', at) - at);
}

std::set<string> descriptors_of(int pid) {
  std::set<string> out;
  std::error_code none;
  for (const auto& one : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd", none))
    out.insert(one.path().filename());
  return out;
}

/// fork(2) does not pass on that a process gets orphans (PR_SET_CHILD_SUBREAPER), and the new keeper is a
/// fork.
TEST(Upgrade, ToAScriptThatExecutesAKeeperHasTheOrphansOfTheProgram) {
  Sandbox box;
  box.detach("api",
             {"sh", "-c", "while [ ! -e go ]; do sleep 0.01; done; exec " + child("forks") + " double"});
  const fs::path wrapper = script(box, "wrapper", "exec " + program("keeper"));
  const Outcome out = box.ctl({"upgrade", "api", "--keeper", wrapper});
  ASSERT_EQ(0, out.code) << out.all();
  write_text(box.work() / "go", "");
  const int orphan = box.logged_pid("api", "double");
  ASSERT_GT(orphan, 0);
  const Status now = *box.status("api");
  const string parent = line_of(orphan, "status", "PPid:");
  EXPECT_TRUE(parent == "PPid:\t" + std::to_string(*now.guard_pid) ||
              parent == "PPid:\t" + std::to_string(*now.keeper_pid))
      << parent;
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_FALSE(alive(orphan));
}

/// dash clears its mask when it waits, and both halves begin as this script.
TEST(Upgrade, ToAScriptThatExecutesAKeeperTakesNothingFromEitherHalf) {
  Sandbox box;
  Start how{{"sh", "-c", "umask 027; ulimit -S -n 200; exec \"$0\" \"$@\"", program("keeper"), "-d", "-n",
             "api", "--start-secs", "0", "sleep", "1000"}};
  ASSERT_EQ(0, box.run(how).code);
  const Status before = *box.status("api");
  const std::vector<std::pair<string, string>> asked = {{"status", "Umask:"},
                                                        {"limits", "Max open files"},
                                                        {"limits", "Max core file size"},
                                                        {"status", "SigBlk:"},
                                                        {"status", "SigIgn:"}};
  std::vector<string> callers;
  for (const auto& [file, key] : asked)
    callers.push_back(line_of(*before.pid, file, key));
  ASSERT_TRUE(has(callers[1], " 200 ")) << callers[1];
  const fs::path wrapper =
      script(box, "wrapper",
             "trap '' CHLD TERM USR1; umask 077; ulimit -S -n 20; ulimit -S -c 0; sleep 0.05\nexec bash -c "
             "'exec 19</dev/null 2>&-; exec " +
                 program("keeper") + "'");
  Outcome out = box.ctl({"upgrade", "api", "--keeper", wrapper});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_TRUE(has(out.out, "upgraded api: keeper " + std::to_string(*before.keeper_pid))) << out.all();
  EXPECT_EQ(string("keeper: api\0", 12),
            read_text("/proc/" + std::to_string(box.keeper_pid("api")) + "/cmdline"));
  for (int i = 0; i < 5; ++i) {
    const int keeper = box.keeper_pid("api");
    ASSERT_GT(keeper, 0);
    kill(keeper, SIGKILL);
    EVENTUALLY(box.keeper_pid("api") > 0 && box.keeper_pid("api") != keeper);
  }
  EXPECT_EQ(before.guard_pid, box.status("api")->guard_pid);
  EXPECT_EQ(0, box.ctl({"restart", "api"}).code);
  for (std::size_t i = 0; i < asked.size(); ++i)
    EXPECT_EQ(callers[i], line_of(box.pid("api"), asked[i].first, asked[i].second));
  EXPECT_EQ((std::set<string>{"0", "1", "2"}), descriptors_of(box.pid("api")));
  EXPECT_FALSE(has(line_of(box.keeper_pid("api"), "limits", "Max open files"), " 20 "));
  EXPECT_EQ(string("keeper: guard api\0", 18),
            read_text("/proc/" + std::to_string(*before.guard_pid) + "/cmdline"));
}

TEST(Upgrade, ThatFailsAgainAndAgainDoesNotDelayTheKeeperThatGoesOn) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  const Status before = *box.status("api");
  const fs::path bad = script(box, "bad", "exit 3");
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 8; ++i)
    EXPECT_EQ(1, box.ctl({"upgrade", "api", "--keeper", bad}).code);
  EXPECT_LT(std::chrono::steady_clock::now() - began, Millis(sanitized() ? 6000 : 3000))
      << "the pauses between keepers that die early would be 10 s together";
  expect_same_run(before, *box.status("api"));
}

/// Each asks for its own file, and hears what came of that one.
TEST(Upgrade, SeveralAtTheSameTimeAreToldApart) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  const Status before = *box.status("api");
  const fs::path good = copy_of_keeper(box, "good"), bad = script(box, "bad", "sleep 0.02; exit 3"),
                 late = script(box, "late", "sleep 0.05; exec " + program("keeper") + " \"$@\"");
  for (int round = 0; round < 3 && !HasFailure(); ++round) {
    std::list<Background> all;
    for (const fs::path& file : {bad, good, late, bad, good})
      all.push_back(box.start({{program("ctl"), "upgrade", "api", "--keeper", file}}));
    auto one = all.begin();
    for (bool works : {false, true, true, false, true}) {
      EXPECT_EQ(works ? 0 : 1, one->wait()) << one->out() << one->err();
      EXPECT_EQ(!works, has(one->err(), bad.string() + " did not start as a keeper")) << one->err();
      ++one;
    }
  }
  EXPECT_EQ(before.guard_pid, box.status("api")->guard_pid);
  expect_same_run(before, *box.status("api"));
}

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
