// Many at once, and an ordinary user.
#include <unistd.h>

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

}  // namespace
}  // namespace keeper
