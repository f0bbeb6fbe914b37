// The processes of a run, however they hide.
#include "keeper/child/tree.hpp"

#include "protocol/base/fd.hpp"
#include "protocol/base/proc.hpp"
#include "protocol/store/run_signs.hpp"
#include "protocol/wire/exit.hpp"
#include "tests/edges/support/run.hpp"
#include "tests/support/nobody.hpp"

namespace keeper {
namespace {

using std::string;

bool in(const std::vector<int>& list, int pid) {
  return std::find(list.begin(), list.end(), pid) != list.end();
}

/// As a keeper is: what a run leaves behind becomes its own child.
struct Subreaper {
  Subreaper() { prctl(PR_SET_CHILD_SUBREAPER, 1); }
  ~Subreaper() {
    for (int pid : tree_of({}))
      kill(pid, SIGKILL);
    while (waitpid(-1, nullptr, 0) > 0) {
    }
  }
};

TEST(Tree, OfOneProcessIsThatProcess) {
  Subreaper subreaper;
  TestRun run({"/bin/sleep", "1000"});
  EXPECT_EQ(std::vector<int>{run.pid()}, tree_of({run.pid(), run.pid(), {}}));
  EXPECT_FALSE(has_other_children({run.pid()}));
}

TEST(Tree, HasWhatIsInTheGroup) {
  Subreaper subreaper;
  TestRun run({CHILDREN_DIR "/forks", "group"});
  int member = run.said_pid("group");
  EXPECT_EQ((std::vector<int>{run.pid(), member}), tree_of({run.pid(), run.pid(), {}}));
  EXPECT_EQ(run.pid(), group_of(member));
}

TEST(Tree, HasWhatForkedTwiceIntoASessionOfItsOwn) {
  Subreaper subreaper;
  TestRun run({CHILDREN_DIR "/forks", "double"});
  int hidden = run.said_pid("double");
  EXPECT_NE(run.pid(), group_of(hidden));
  auto tree = tree_of({run.pid(), run.pid(), {}});
  EXPECT_EQ(2u, tree.size());
  EXPECT_TRUE(in(tree, hidden));
  EXPECT_TRUE(has_other_children({run.pid()}));
}

TEST(Tree, BesideAnotherRunHasNothingOfTheOther) {
  Subreaper subreaper;
  TestRun one({CHILDREN_DIR "/forks", "double"});
  TestRun other({CHILDREN_DIR "/forks", "group"});
  const int hidden = one.said_pid("double"), member = other.said_pid("group");
  RunIds ids{other.pid(), other.pid(), {one.pid()}};
  EXPECT_TRUE(in(tree_of(ids), hidden));
  ids.beside = true;
  EXPECT_EQ((std::vector<int>{other.pid(), member}), tree_of(ids));
}

TEST(Tree, HasEveryLevelParentsFirst) {
  Subreaper subreaper;
  TestRun run({CHILDREN_DIR "/forks", "tree", "5"});
  std::vector<int> chain{run.pid()};
  for (int i = 0; i < 5; ++i)
    chain.push_back(run.said_pid("tree"));
  EXPECT_EQ(chain, tree_of({run.pid(), run.pid(), {}}));
}

TEST(Tree, OfARunWhoseMainProcessEndedIsWhatItLeft) {
  Subreaper subreaper;
  TestRun run({CHILDREN_DIR "/forks", "tree", "3"});
  std::vector<int> chain;
  for (int i = 0; i < 3; ++i)
    chain.push_back(run.said_pid("tree"));
  kill(run.pid(), SIGKILL);
  ASSERT_EQ(ExitInfo::signal(SIGKILL), run.end());
  EXPECT_EQ(chain, tree_of({0, run.pid(), {}}));
  for (int pid : chain)
    kill(pid, SIGKILL);
  EXPECT_TRUE(eventually([&] { return tree_of({0, run.pid(), {}}).empty(); })) << "zombies are no part of it";
}

TEST(Tree, HasNothingOfAnotherRun) {
  Subreaper subreaper;
  TestRun one({"/bin/sleep", "1000"}), other({CHILDREN_DIR "/forks", "group"});
  int member = other.said_pid("group");
  auto tree = tree_of({one.pid(), one.pid(), {other.pid()}});
  EXPECT_EQ(std::vector<int>{one.pid()}, tree);
  EXPECT_FALSE(in(tree, member));
}

TEST(Tree, HasNoOtherKeeperNorWhatItKeeps) {
  Subreaper subreaper;
  Place place;
  std::filesystem::copy_file(CHILDREN_DIR "/forks", place / "keeper");
  TestRun run({"/bin/sh", "-c", "'" + (place / "keeper").string() + "' group; exit 0"});
  int kept = run.said_pid("group");
  ASSERT_TRUE(alive(kept));
  EXPECT_EQ(std::vector<int>{run.pid()}, tree_of({run.pid(), run.pid(), {}}));
  // Its parent gone, it is a child of ours: not part of any run either.
  kill(run.pid(), SIGKILL);
  ASSERT_TRUE(run.end());
  EXPECT_TRUE(tree_of({0, run.pid(), {}}).empty());
  kill(-group_of(kept), SIGKILL);
}

TEST(Tree, AGroupIsOneOfTheRunOnlyWhileItHasSomebodyInIt) {
  Subreaper subreaper;
  // Two of a run in groups of their own, as where the main process has moved; and a stranger in the first
  // one's group, as when its number has become another's.
  TestRun run({CHILDREN_DIR "/forks", "tree", "1"}), stranger({CHILDREN_DIR "/forks", "group"});
  int moved = run.said_pid("tree"), member = stranger.said_pid("group");
  ASSERT_EQ(stranger.pid(), group_of(member));
  EXPECT_TRUE(group_has(run.pid(), {run.pid(), moved}));
  EXPECT_FALSE(group_has(stranger.pid(), {run.pid(), moved}));
  EXPECT_TRUE(group_has(stranger.pid(), {moved, member}));
  EXPECT_FALSE(group_has(run.pid(), {}));
}

TEST(Tree, AProcessThatIsGoneHasNoGroup) {
  TestRun run({"/bin/true"});
  run.end();
  EXPECT_EQ(-1, group_of(run.pid()));
}

TEST(Tree, MarksAreNoProofOfWhoBelongsToARun) {
  NEEDS_ROOT();
  Subreaper subreaper;
  const std::vector<string> marks = run_marks("api", 4711);
  static const char* const none[] = {nullptr};
  auto start = [&](unsigned user) {
    ChildSettings settings;
    if (user != 0) settings.identity = Identity{"other", user, user, {}};
    SpawnPlan plan({"/bin/sleep", "1000"}, none, marks, "/", std::move(settings));
    Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
    return std::get<Spawned>(spawn(plan, {null.get(), null.get(), null.get()})).pid;
  };
  const int ours = start(0), others = start(4242);
  // A spawn returns while its exec is not quite done: the variables come last.
  for (int pid : {ours, others})
    ASSERT_TRUE(eventually([&] { return has_variable(environment_of(pid), marks.back()); }));
  EXPECT_EQ(0u, user_of(ours));
  EXPECT_EQ(4242u, user_of(others));
  EXPECT_TRUE(belongs_to_run(ours, {.marks = marks}));
  EXPECT_FALSE(belongs_to_run(ours, {.marks = run_marks("api", 4712)}));
  EXPECT_FALSE(belongs_to_run(ours, {}));
  EXPECT_FALSE(belongs_to_run(others, {.marks = marks}));
  EXPECT_TRUE(belongs_to_run(others, {.marks = marks, .user = 4242}));
  // Neither is the number of a session, unless the run leads it.
  EXPECT_FALSE(belongs_to_run(others, {.session = others}));
  EXPECT_TRUE(belongs_to_run(others, {.session = others, .led = true}));
  EXPECT_TRUE(belongs_to_run(ours, {.session = ours}));
  EXPECT_FALSE(user_of(-1));
}

}  // namespace
}  // namespace keeper
