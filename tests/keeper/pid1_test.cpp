// keeper as the first process of a container: it takes away what ends there, whoever started it, and stops
// properly.
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "protocol/base/proc.hpp"
#include "tests/keeper/support/sandbox.hpp"

namespace keeper {
namespace {

using std::string;

/// An ordinary user needs a namespace of users for it, where he is root.
Words in_container() {
  Words out = {"unshare", "--pid", "--fork", "--mount-proc"};
  if (geteuid() != 0) out.insert(out.begin() + 1, {"--user", "--map-root-user"});
  return out;
}

/// keeper as pid 1 of a namespace of its own, seen from outside: its guard, that is.
struct Container {
  Sandbox box;
  Background outside;
  int first = 0;

  void start(const Words& program_words) {
    Start how{in_container()};
    how.words.insert(how.words.end(), {program("keeper"), "-n", "job", "--start-secs", "0.1"});
    how.words.insert(how.words.end(), program_words.begin(), program_words.end());
    outside = box.start(how);
    ASSERT_TRUE(eventually([&] {
      auto below = children_of(outside.pid());
      first = below.empty() ? 0 : below.front();
      return first > 0 && box.logged("job", "ready\n");
    })) << outside.err();
  }
  static std::vector<int> children_of(int pid) {
    std::vector<int> out;
    add_children(pid, 0, out);
    return out;
  }
  /// Zombies count here: they are what is not to be left.
  bool has_only_the_program() {
    auto keepers = children_of(first);
    return keepers.size() == 1 && children_of(keepers.front()).size() == 1;
  }
};

bool possible() {
  Sandbox box;
  Words words = in_container();
  words.push_back("true");
  return box.run({words}).code == 0;
}

TEST(FirstProcess, TakesAwayOrphansThatEnd) {
  if (!possible()) GTEST_SKIP() << "no pid namespace can be made here";
  Container container;
  container.start({"sh", "-c", "(setsid sleep 0.3 &); (setsid sleep 0.3 &); echo ready; exec sleep 1000"});
  ASSERT_NO_FATAL_FAILURE();
  EVENTUALLY(container.has_only_the_program());
  EXPECT_TRUE(container.outside.running());
  kill(container.first, SIGTERM);
  EXPECT_EQ(128 + SIGTERM, container.outside.wait());
}

TEST(FirstProcess, TakesAwayStrangersThatComeFromOutside) {
  if (!possible()) GTEST_SKIP() << "no pid namespace can be made here";
  Container container;
  container.start({"sh", "-c", "echo ready; exec sleep 1000"});
  ASSERT_NO_FATAL_FAILURE();
  string enter = "nsenter -t " + std::to_string(container.first) +
                 (geteuid() == 0 ? " -p -m " : " -U --preserve-credentials -p -m ");
  Outcome out = container.box.run({{"sh", "-c", enter + "sh -c 'setsid sleep 0.3 >/dev/null & echo left'"}});
  if (out.code != 0) GTEST_SKIP() << "nsenter(1): " << out.err;
  EXPECT_TRUE(has(out.out, "left"));
  EVENTUALLY(container.has_only_the_program());
  EXPECT_TRUE(container.outside.running());
  kill(container.first, SIGTERM);
  EXPECT_EQ(128 + SIGTERM, container.outside.wait());
}

TEST(FirstProcess, StopsProperlyOnTerm) {
  if (!possible()) GTEST_SKIP() << "no pid namespace can be made here";
  Container container;
  container.start({child("slow_term"), "200"});
  ASSERT_NO_FATAL_FAILURE();
  kill(container.first, SIGTERM);
  EXPECT_EQ(0, container.outside.wait());
  EXPECT_TRUE(container.box.logged("job", "bye\n"));
  EXPECT_EQ("stopped", container.box.state("job"));
}

TEST(FirstProcess, StartsItsKeeperAgainWhenThatIsKilled) {
  if (!possible()) GTEST_SKIP() << "no pid namespace can be made here";
  Container container;
  container.start({"sh", "-c", "echo ready; trap 'exit 7' TERM; while :; do sleep 0.05; done"});
  ASSERT_NO_FATAL_FAILURE();
  const int keeper = Container::children_of(container.first).front();
  kill(keeper, SIGKILL);
  // Its program is the first one's child now, beside the next keeper.
  EVENTUALLY(!alive(keeper) && Container::children_of(container.first).size() == 2);
  kill(container.first, SIGTERM);
  EXPECT_EQ(7, container.outside.wait());
  EXPECT_EQ(1u, count_of(container.box.log("job"), "ready\n"));
}

TEST(FirstProcess, StartsItsProgramAgain) {
  if (!possible()) GTEST_SKIP() << "no pid namespace can be made here";
  Container container;
  container.start({"--backoff", "none", "sh", "-c", "echo ready; exec sleep 1000"});
  ASSERT_NO_FATAL_FAILURE();
  ASSERT_TRUE(container.has_only_the_program());
  auto program = Container::children_of(Container::children_of(container.first).front());
  kill(program.front(), SIGKILL);
  EVENTUALLY(count_of(container.box.log("job"), "ready\n") == 2);
  kill(container.first, SIGTERM);
  EXPECT_EQ(128 + SIGTERM, container.outside.wait());
}

}  // namespace
}  // namespace keeper
