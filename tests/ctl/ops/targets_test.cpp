// Which apps a TARGET means, and what several outcomes are as one exit code.
#include <gtest/gtest.h>

#include "ctl/ops/outcome.hpp"
#include "ctl/ops/targets.hpp"

namespace keeper {
namespace {

using Kind = Target::Kind;

Row row(const std::string& name, int instance, int pid) {
  Row out;
  out.id = {name, instance};
  out.status.name = name;
  if (pid != 0) {
    out.status.state = State::running;
    out.status.pid = pid;
    out.status.keeper_pid = pid - 1;
    out.status.guard_pid = pid - 2;
  }
  return out;
}

std::vector<Row> fleet() {
  std::vector<Row> out = {row("api", 0, 1140), row("api", 1, 1150), row("web", 0, 1160), row("worker", 0, 0)};
  out.back().status.last_exit = LastExit{ExitInfo::code(0), std::nullopt, 0, "exit", 1170};
  return out;
}

std::vector<Target> parsed(const std::vector<std::string>& words) {
  std::vector<Target> out;
  for (const std::string& word : words)
    out.push_back(*Target::parse(word));
  return out;
}

std::string chosen(const std::vector<std::string>& words, bool earlier_runs = false) {
  std::string out;
  EarlierRun last_exit = [](const Row& one, int pid) -> std::optional<WallTime> {
    if (!one.status.last_exit || one.status.last_exit->pid != pid) return std::nullopt;
    return one.status.last_exit->at.value_or(WallTime{});
  };
  Selection selection = choose(parsed(words), fleet(), earlier_runs ? last_exit : EarlierRun{});
  for (const Chosen& one : selection.apps)
    out += (out.empty() ? "" : " ") + one.row.id.stem();
  for (const Target& one : selection.missing)
    out += " -" + one.text;
  return out;
}

TEST(Target, AWordIsANameAnInstanceAPidAGlobOrAll) {
  EXPECT_EQ(Kind::name, Target::parse("api")->kind);
  EXPECT_EQ(Kind::instance, Target::parse("api:0")->kind);
  EXPECT_EQ(Kind::pid, Target::parse("1140")->kind);
  EXPECT_EQ(Kind::glob, Target::parse("a*")->kind);
  EXPECT_EQ(Kind::glob, Target::parse("[ab]pi")->kind);
  EXPECT_EQ(Kind::all, Target::parse("all")->kind);
}

TEST(Choose, APidOfEarlierRunsMeansTheNewestOfThem) {
  EarlierRun runs = [](const Row& one, int pid) -> std::optional<WallTime> {
    if (pid != 7 || one.id.name == "web") return std::nullopt;
    return WallTime(Millis(one.id.instance == 1 ? 2000 : 1000));
  };
  Selection selection = choose(parsed({"7"}), fleet(), runs);
  ASSERT_EQ(1u, selection.apps.size());
  EXPECT_EQ("api:1", selection.apps[0].row.id.stem());
  EXPECT_EQ(7, selection.apps[0].earlier_pid);
}

TEST(Choose, AnAppThatIsMeantByItsNameTooIsMeantWhole) {
  EarlierRun runs = [](const Row&, int) { return std::optional<WallTime>(WallTime{}); };
  for (const auto& words : {std::vector<std::string>{"7", "api"}, {"api", "7"}})
    EXPECT_EQ(0, choose(parsed(words), fleet(), runs).apps.at(0).earlier_pid);
}

TEST(Choose, APidOfNowIsNoEarlierOne) {
  EarlierRun runs = [](const Row&, int) { return std::optional<WallTime>(WallTime{}); };
  Selection selection = choose(parsed({"1150"}), fleet(), runs);
  EXPECT_EQ("api:1", selection.apps.at(0).row.id.stem());
  EXPECT_EQ(0, selection.apps.at(0).earlier_pid);
}

TEST(Target, AWordThatCanBeNoneOfTheseIsWrongUsage) {
  for (const char* word :
       {"", "../x", "a/b", "-x", ".x", "api:", "api:x", "api:-1", ":1", "0", "99999999999", "a b"}) {
    auto target = Target::parse(word);
    ASSERT_FALSE(target) << word;
    EXPECT_EQ(Reason::usage, target.error().reason) << word;
    EXPECT_FALSE(target.error().why().empty()) << word;
  }
}

TEST(Target, ANameMeansAllItsInstances) {
  EXPECT_EQ("api api:1", chosen({"api"}));
}

TEST(Target, ANumberPicksOneInstance) {
  EXPECT_EQ("api:1", chosen({"api:1"}));
  EXPECT_EQ("api", chosen({"api:0"}));
  EXPECT_EQ(" -api:2", chosen({"api:2"}));
}

TEST(Target, APidIsTheProgramsOrItsKeepersOrItsGuards) {
  EXPECT_EQ("api:1", chosen({"1150"}));
  EXPECT_EQ("api:1", chosen({"1149"}));
  EXPECT_EQ("api:1", chosen({"1148"}));
  EXPECT_EQ(" -1", chosen({"1"}));
}

TEST(Target, ThePidOfAnEarlierRunIsForLogsOnly) {
  EXPECT_EQ(" -1170", chosen({"1170"}));
  EXPECT_EQ("worker", chosen({"1170"}, true));
}

TEST(Target, AGlobMeansEveryNameItFits) {
  EXPECT_EQ("web worker", chosen({"w*"}));
  EXPECT_EQ("api:1", chosen({"*:1"}));
  EXPECT_EQ(" -x*", chosen({"x*"}));
}

TEST(Target, AllIsNeverMissing) {
  EXPECT_EQ("api api:1 web worker", chosen({"all"}));
  EXPECT_TRUE(choose(parsed({"all"}), {}).missing.empty());
}

TEST(Target, AnAppThatIsNamedTwiceIsChosenOnce) {
  EXPECT_EQ("api api:1 web", chosen({"web", "api", "1150", "w?b"}));
}

TEST(Target, AnAppThatIsAlsoNamedByItselfIsExplicit) {
  Selection selection = choose(parsed({"w*", "worker"}), fleet());
  ASSERT_EQ(2U, selection.apps.size());
  EXPECT_FALSE(selection.apps[0].is_explicit);
  EXPECT_TRUE(selection.apps[1].is_explicit);
}

TEST(Target, OnlyThoseThatCanBeMeantAreAsked) {
  auto names = parsed({"api:1", "w*"});
  auto ask = who_to_ask(names);
  EXPECT_TRUE(ask({"api", 1}));
  EXPECT_FALSE(ask({"api", 0}));
  EXPECT_TRUE(ask({"web", 0}));
  auto pids = parsed({"12"});
  EXPECT_TRUE(who_to_ask(pids)({"anything", 3}));
}

int exit_code_of(const std::vector<int>& codes) {
  Tally tally;
  for (int code : codes)
    tally.add(code);
  return tally.exit_code();
}

TEST(Tally, NothingToDoIsDone) {
  EXPECT_EQ(0, exit_code_of({}));
  EXPECT_EQ(0, exit_code_of({0, 0}));
}

TEST(Tally, AllFailedAlikeGivesThatCode) {
  EXPECT_EQ(3, exit_code_of({3}));
  EXPECT_EQ(4, exit_code_of({4, 4}));
}

TEST(Tally, SomeDoneAndSomeNotIsPartly) {
  EXPECT_EQ(5, exit_code_of({0, 4}));
  EXPECT_EQ(5, exit_code_of({1, 0, 0}));
}

TEST(Tally, FailedInDifferentWaysIsFailedUnlessOneIsLate) {
  EXPECT_EQ(1, exit_code_of({3, 4}));
  EXPECT_EQ(1, exit_code_of({1, 3}));
  EXPECT_EQ(5, exit_code_of({4, 5}));
}

}  // namespace
}  // namespace keeper
