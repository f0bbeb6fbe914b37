// Many at once, and an ordinary user.
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "tests/keeper/support/sandbox.hpp"
#include "tests/support/nobody.hpp"

namespace keeper {
namespace {

using std::string;

TEST(Many, AreStartedListedInOneCallAndStoppedTogether) {
  Sandbox box;
  int count = repeats(60);
  std::vector<Background> starts;
  for (int i = 0; i < count; ++i) {
    starts.push_back(box.start(
        {{program("keeper"), "-d", "-n", "app" + std::to_string(i), "--start-secs", "0", "sleep", "1000"}}));
    if (i % 20 == 19) starts.back().wait();  // the machine has to fork them all
  }
  for (Background& one : starts)
    EXPECT_EQ(0, one.wait(Millis(60'000))) << one.err();
  Outcome list = box.ctl({"list", "--timeout", "30s"});
  EXPECT_EQ(0, list.code) << list.err;
  EXPECT_EQ(count, count_of(list.out, " running "));
  EXPECT_EQ(3u * static_cast<std::size_t>(count), box.processes().size());
  Outcome stop = box.ctl({"stop", "all"});
  EXPECT_EQ(0, stop.code) << stop.err;
  EXPECT_TRUE(box.processes().empty());
  EXPECT_EQ(count, count_of(box.ctl({"list"}).out, " stopped "));
}

TEST(OrdinaryUser, StartsListsAndStopsAFew) {
  if (geteuid() != 0) GTEST_SKIP() << "the other tests are run by an ordinary user already";
  Sandbox box;
  NEEDS_REACH(program("keeper"));
  box.give_to_nobody();
  for (const char* name : {"one", "two", "three"}) {
    Outcome out = box.run(
        as_nobody({program("keeper"), "-d", "-n", name, "--start-secs", "0.1", child("forks"), "double"}));
    EXPECT_EQ(0, out.code) << out.all();
    EXPECT_GT(box.logged_pid(name, "double"), 0);
  }
  Outcome list = box.run(as_nobody({program("ctl"), "list", "-w"}));
  EXPECT_EQ(0, list.code) << list.err;
  EXPECT_EQ(3, count_of(list.out, " running ")) << list.out;
  EXPECT_EQ(3, count_of(list.out, " nobody")) << list.out;
  Outcome stop = box.run(as_nobody({program("ctl"), "stop", "all"}));
  EXPECT_EQ(0, stop.code) << stop.err;
  EXPECT_TRUE(box.processes().empty());
}

/// A user of this test's own: the inotify instances of any other stay theirs.
constexpr uid_t kWatcher = 54'322;

void become_watcher() {
  if (setgroups(0, nullptr) != 0 || setresgid(kWatcher, kWatcher, kWatcher) != 0 ||
      setresuid(kWatcher, kWatcher, kWatcher) != 0)
    _exit(125);
}

Start as_watcher(Words words) {
  Start how{std::move(words)};
  how.before = become_watcher;
  return how;
}

/// Returns how many instances that user can still make.
int free_instances() {
  const int child = fork();
  if (child == 0) {
    become_watcher();
    int count = 0;
    while (inotify_init1(0) >= 0)
      ++count;
    _exit(count);
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// A program of that user that takes all instances there are, also those that others give back later.
Background with_all_instances(Sandbox& box) {
  return box.start(as_watcher({"python3", "-c",
                               "import ctypes, time\n"
                               "libc = ctypes.CDLL(None)\n"
                               "while True:\n"
                               "    if libc.inotify_init1(0) < 0: time.sleep(0.01)\n"}));
}

TEST(Inotify, HalfOfTheInstancesAreLeftToProgramsAndDoctorCountsEachOnce) {
  NEEDS_ROOT();
  int most = 0;
  std::ifstream("/proc/sys/fs/inotify/max_user_instances") >> most;
  if (most < 32 || most > 200) GTEST_SKIP() << "not tried with this limit";
  ASSERT_EQ(most, free_instances());
  Sandbox box;
  NEEDS_REACH(program("keeper"));
  for (const auto& place : {box.root(), box.work()})
    ASSERT_EQ(0, chown(place.c_str(), kWatcher, kWatcher));
  const string count = std::to_string(most / 2 + 6);
  const Outcome out = box.run(
      as_watcher({program("keeper"), "-d", "-n", "app", "-i", count, "--start-secs", "0", "sleep", "1000"}));
  ASSERT_EQ(0, out.code) << out.all();
  const int free = free_instances();
  EXPECT_LT(free, most) << "a keeper takes one while there are plenty";
  EXPECT_GE(free, most / 2 - 8);  // some looked in the same moment

  // A guard and its keeper have the same one: counted twice there would be more than there can be.
  Background greedy = with_all_instances(box);
  string said;
  const string wanted = std::to_string(most);
  EVENTUALLY(has(said = box.run(as_watcher({program("ctl"), "doctor"})).all(),
                 "the user has " + wanted + " of " + wanted + " inotify instances"));
  greedy.signal(SIGKILL);
  EXPECT_EQ(0, box.run(as_watcher({program("ctl"), "stop", "all"})).code);
}

}  // namespace
}  // namespace keeper
