// keeper as the first process of a container: it takes away what ends there, whoever started it, and stops
// properly.
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "protocol/home/proc.hpp"
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

/// keeper as pid 1 of a namespace of its own, seen from outside.
struct Container {
  Sandbox box;
  Background outside;
  int keeper = 0;

  void start(const Words& program_words) {
    Start how{in_container()};
    how.words.insert(how.words.end(), {program("keeper"), "-n", "job", "--start-secs", "0.1"});
    how.words.insert(how.words.end(), program_words.begin(), program_words.end());
    outside = box.start(how);
    ASSERT_TRUE(eventually([&] {
      auto below = children_of(outside.pid());
      keeper = below.empty() ? 0 : below.front();
      return keeper > 0 && box.logged("job", "ready\n");
    })) << outside.err();
  }
  static std::vector<int> children_of(int pid) {
    std::vector<int> out;
    add_children(pid, 0, out);
    return out;
  }
  /// Zombies count here: they are what is not to be left.
  bool keeper_has_only_the_program() { return children_of(keeper).size() == 1; }
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
  EVENTUALLY(container.keeper_has_only_the_program());
  EXPECT_TRUE(container.outside.running());
  kill(container.keeper, SIGTERM);
  EXPECT_EQ(128 + SIGTERM, container.outside.wait());
}

TEST(FirstProcess, TakesAwayStrangersThatComeFromOutside) {
  if (!possible()) GTEST_SKIP() << "no pid namespace can be made here";
  Container container;
  container.start({"sh", "-c", "echo ready; exec sleep 1000"});
  ASSERT_NO_FATAL_FAILURE();
  string enter =
      "nsenter -t " + std::to_string(container.keeper) + (geteuid() == 0 ? " -p -m " : " -U -p -m ");
  Outcome out = container.box.run({{"sh", "-c", enter + "sh -c 'setsid sleep 0.3 >/dev/null & echo left'"}});
  if (out.code != 0) GTEST_SKIP() << "nsenter(1): " << out.err;
  EXPECT_TRUE(has(out.out, "left"));
  EVENTUALLY(container.keeper_has_only_the_program());
  EXPECT_TRUE(container.outside.running());
  kill(container.keeper, SIGTERM);
  EXPECT_EQ(128 + SIGTERM, container.outside.wait());
}

TEST(FirstProcess, StopsProperlyOnTerm) {
  if (!possible()) GTEST_SKIP() << "no pid namespace can be made here";
  Container container;
  container.start({child("slow_term"), "200"});
  ASSERT_NO_FATAL_FAILURE();
  kill(container.keeper, SIGTERM);
  EXPECT_EQ(0, container.outside.wait());
  EXPECT_TRUE(container.box.logged("job", "bye\n"));
  EXPECT_EQ("stopped", container.box.state("job"));
}

TEST(FirstProcess, StartsItsProgramAgain) {
  if (!possible()) GTEST_SKIP() << "no pid namespace can be made here";
  Container container;
  container.start({"--backoff", "none", "sh", "-c", "echo ready; exec sleep 1000"});
  ASSERT_NO_FATAL_FAILURE();
  auto program = Container::children_of(container.keeper);
  ASSERT_EQ(1u, program.size());
  kill(program.front(), SIGKILL);
  EVENTUALLY(count_of(container.box.log("job"), "ready\n") == 2);
  kill(container.keeper, SIGTERM);
  EXPECT_EQ(128 + SIGTERM, container.outside.wait());
}

}  // namespace
}  // namespace keeper
