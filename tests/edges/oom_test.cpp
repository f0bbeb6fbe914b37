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
  EXPECT_EQ(0u, oom_kills_since(*mark));
  system.count(5);
  EXPECT_EQ(2u, oom_kills_since(*mark));
}

TEST(OutOfMemory, IsFoundWhereBothVersionsOfCgroupsAreMounted) {
  FakeSystem system("/unified");
  EXPECT_TRUE(oom_mark(77, system.places()));
}

/// As of version 1 alone, where the unified hierarchy is mounted and has no memory controller.
TEST(OutOfMemory, IsCountedByTheMemoryControllerOfVersionOne) {
  Place place;
  std::filesystem::create_directories(place / "proc/77");
  write_text(place / "proc/77/cgroup", "7:cpu,memory:/a/b\n5:memory2:/c\n0::/\n");
  const auto counter = place / "cgroup/memory/a/b/memory.oom_control";
  std::filesystem::create_directories(counter.parent_path());
  const OomPlaces places{(place / "proc").string(), (place / "cgroup").string()};
  EXPECT_FALSE(oom_mark(77, places));
  write_text(counter, "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
  auto mark = oom_mark(77, places);
  ASSERT_TRUE(mark);
  EXPECT_EQ(1u, mark->kills);
  write_text(counter, "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
  EXPECT_EQ(1u, oom_kills_since(*mark));
}

/// A container has its own cgroup there, under another path than that of its processes.
TEST(OutOfMemory, IsCountedWhereTheCgroupOfAContainerIsMountedAsTheRoot) {
  Place place;
  std::filesystem::create_directories(place / "proc/77");
  std::filesystem::create_directories(place / "cgroup/memory");
  write_text(place / "proc/77/cgroup", "4:memory:/docker/123\n");
  write_text(place / "cgroup/memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 6\n");
  auto mark = oom_mark(77, {(place / "proc").string(), (place / "cgroup").string()});
  ASSERT_TRUE(mark);
  EXPECT_EQ(6u, mark->kills);
}

TEST(OutOfMemory, IsNotGuessedWhereThereAreNoCounters) {
  FakeSystem system;
  auto mark = oom_mark(77, system.places());
  EXPECT_FALSE(oom_mark(78, system.places())) << "no such process";
  std::filesystem::remove(system.events);
  EXPECT_FALSE(oom_mark(77, system.places()));
  EXPECT_EQ(0u, oom_kills_since(*mark)) << "the cgroup has gone";
}

}  // namespace
}  // namespace keeper
