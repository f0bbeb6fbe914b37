// Whether the kernel's counters say that it killed for want of memory; the two file systems are fakes.
#include "keeper/watch/oom.hpp"

#include "tests/edges/support/place.hpp"

namespace keeper {
namespace {

using std::string;

/// /proc/77/cgroup and a cgroup with counters.
struct FakeSystem {
  explicit FakeSystem(const string& root = "") : events(place / ("cgroup" + root + "/a/b/memory.events")) {
    std::filesystem::create_directories(place / "proc/77");
    std::filesystem::create_directories(events.parent_path());
    write_text(place / "proc/77/cgroup", "4:memory:/elsewhere\n0::/a/b\n");
    count(3);
  }
  void count(int kills) const {
    write_text(events,
               "low 0\nhigh 0\nmax 9\noom 9\noom_kill " + std::to_string(kills) + "\noom_group_kill 0\n");
  }
  OomPlaces places() const { return {(place / "proc").string(), (place / "cgroup").string()}; }

  Place place;
  std::filesystem::path events;
};

TEST(OutOfMemory, IsWhenTheCounterOfItsCgroupWentUp) {
  FakeSystem system;
  auto mark = oom_mark(77, system.places());
  ASSERT_TRUE(mark);
  EXPECT_EQ(3u, mark->kills);
  EXPECT_FALSE(oom_killed_since(*mark));
  system.count(4);
  EXPECT_TRUE(oom_killed_since(*mark));
}

TEST(OutOfMemory, IsFoundWhereBothVersionsOfCgroupsAreMounted) {
  FakeSystem system("/unified");
  EXPECT_TRUE(oom_mark(77, system.places()));
}

TEST(OutOfMemory, IsNotGuessedWhereThereAreNoCounters) {
  FakeSystem system;
  auto mark = oom_mark(77, system.places());
  EXPECT_FALSE(oom_mark(78, system.places())) << "no such process";
  std::filesystem::remove(system.events);
  EXPECT_FALSE(oom_mark(77, system.places()));
  EXPECT_FALSE(oom_killed_since(*mark)) << "the cgroup has gone";
}

}  // namespace
}  // namespace keeper
