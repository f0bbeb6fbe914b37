// Any system call of a keeper or of its guard may fail, and either may be killed at any of them: what is
// promised holds all the same. Each scenario is a whole life: a start, output with rotations, a crash and the
// restart after it, a restart and a rotation by request, and a stop; or a reload.
//
// A sample of each call's uses is tried, each in another format of the log; with KEEPER_FAULTS=all as many as
// 200 of each.
#include <algorithm>

#include "tests/keeper/support/faulty.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using faults::Act;
using faults::Call;
using std::string;

struct Fault {
  Act act = Act::none;
  Call call{};
  std::uint32_t use = 0;
  const char* format = "raw";  ///< of the log
};

/// One life of a program under one fault.
class Life {
 public:
  explicit Life(const Fault& fault) : fault_(fault), plan_(box_), steps_(box_.work() / "steps") {
    plan_->act = fault.act;
    plan_->call = static_cast<std::uint32_t>(fault.call);
    plan_->use = fault.use;
  }

  void live() {
    begin();
    if (!testing::Test::HasFatalFailure()) write_lines(10000);
    if (!testing::Test::HasFatalFailure()) crash();
    if (!testing::Test::HasFatalFailure()) ask({"restart", "life"}, 3);
    if (!testing::Test::HasFatalFailure()) write_lines_on_a_full_disk(2000);
    if (!testing::Test::HasFatalFailure()) write_lines(4000);
    if (!testing::Test::HasFatalFailure()) ask({"rotate", "life"}, 3);
    if (!testing::Test::HasFatalFailure()) write_lines(6000);
    if (!testing::Test::HasFatalFailure()) ask({"stop", "life"}, 3);
    if (!testing::Test::HasFatalFailure()) expect_all_well();
  }
  std::vector<std::uint32_t> used() {
    std::vector<std::uint32_t> out;
    for (const auto& one : plan_->used)
      out.push_back(one);
    return out;
  }
  bool fired() { return plan_->fired > 0; }

 private:
  /// A program whose end cannot be watched is ended again at once, and that is said: a failed start.
  int more_starts() const { return fault_.act == Act::fail && fault_.call == Call::epoll_ctl ? 1 : 0; }
  int starts() { return count_of(read_text(box_.work() / "starts"), "\n"); }

  /// The command may fail, or be killed: then a second one does it, or finds it done.
  void begin() {
    const Start how = faulty(box_, {"--log-format", fault_.format, "--log-max-size", "128K", "--log-backups",
                                    "99", "--backoff", "none", child("steps"), box_.work().string()});
    Outcome first = box_.run(how);
    if (first.code == 0) return;
    if (first.code < 128) {
      EXPECT_FALSE(first.err.empty()) << "a failure is said";
    }
    Outcome second;
    ASSERT_TRUE(eventually([&] {
      second = box_.run(how);
      return second.code == 0 || has(second.err, "already");
    })) << first.all()
        << second.all();
    ASSERT_TRUE(eventually([&] { return box_.state("life") == "running"; })) << first.all() << second.all();
  }

  void write_lines(std::uint32_t more) {
    const std::uint32_t goal = steps_->goal + more;
    steps_->goal = goal;
    ASSERT_TRUE(eventually([&] { return steps_->said == goal; }, kStep)) << steps_->said << " of " << goal;
  }

  /// The log takes some of them, and the rest waits in memory.
  void write_lines_on_a_full_disk(std::uint32_t more) {
    plan_->room = 50'000;
    plan_->is_full = true;
    write_lines(more);
    EXPECT_TRUE(eventually([&] {
      const auto app = box_.status("life");
      return app && !app->logs.empty() && app->logs.front().waiting > 0;
    }));
    plan_->is_full = false;
  }

  void crash() {
    const int before = starts();
    ASSERT_GE(before, 1);
    ASSERT_LE(before, 1 + more_starts());
    steps_->crash_at = steps_->said + 50;
    write_lines(100);
    EXPECT_EQ(before + 1, starts());
  }

  /// Asked once more where the answer was lost.
  void ask(const Words& words, int times) {
    Outcome out;
    for (int time = 0; time < times && out.code != 0; ++time) {
      out = box_.ctl(words);
      if (out.code != 0) failed_ += words.front() + ": " + out.all();
    }
    ASSERT_EQ(0, out.code) << out.all();
  }

  void expect_all_well() {
    plan_->act = Act::none;
    EXPECT_FALSE(fs::exists(box_.work() / "two")) << "two programs at once";
    EXPECT_GE(starts(), 3) << failed_;
    EXPECT_LE(starts(), 3 + more_starts()) << failed_;
    EXPECT_EQ("stopped", box_.state("life"));
    EXPECT_TRUE(eventually([&] { return box_.processes().empty(); })) << failed_;
    // Where its removal failed the socket stays: nobody's, and the next keeper's.
    EXPECT_TRUE(fault_.act == Act::fail || box_.ended("life"));
    string expected;
    char line[101];
    for (std::uint32_t number = 1; number <= steps_->said; ++number) {
      snprintf(line, sizeof line, "%099u\n", number);
      expected += line;
    }
    const string log = all_of(box_.log_path("life"));
    expect_same(expected, fault_.format == string("raw") ? output_in(log) : texts_in(log));
    EXPECT_EQ(22100u, steps_->said);
  }

  const Fault fault_;
  string failed_;  ///< commands that were asked once more
  Sandbox box_;
  PlanOf plan_;
  Shared<Steps> steps_;
};

/// A program that is reloaded while somebody is killed.
class Reloaded {
 public:
  Reloaded() : plan_(box_) {
    EXPECT_EQ(0, box_.run(faulty(box_, {"sleep", "1000"})).code);
    before_ = box_.pid("life");
  }
  /// How often a reload without a fault uses it.
  std::uint32_t uses(std::uint32_t call) {
    const std::uint32_t until_now = plan_->used[call];
    reload();
    return plan_->used[call] - until_now;
  }
  /// The first use may come after the end of the old program, with which a reload is over for its client.
  bool with_a_kill_at(std::uint32_t call, std::uint32_t use) {
    plan_->call = call;
    plan_->use = plan_->used[call] + use;
    plan_->act = Act::kill;
    reload();
    const bool killed = eventually([&] { return plan_->fired > 0; }, use == 1 ? kStep : Millis(0));
    plan_->act = Act::none;
    return killed;
  }
  void expect_all_well() {
    EXPECT_TRUE(eventually([&] {
      return box_.state("life") == "running" && box_.guard_pid("life") > 0 && programs().size() == 1;
    })) << box_.state("life")
        << ", programs: " << programs().size();
    const int now = box_.pid("life");
    EXPECT_EQ(programs(), std::vector<int>{now});
    EXPECT_NE(before_, now);
    EXPECT_EQ(0u, box_.status("life")->restarts) << "nothing has crashed";
    EXPECT_EQ(0, box_.ctl({"stop", "life"}).code);
    EXPECT_TRUE(eventually([&] { return box_.processes().empty() && box_.ended("life"); }));
  }

 private:
  /// Asked once more where the answer was lost. It is done when the old program is gone.
  void reload() {
    Outcome out;
    for (int time = 0; time < 3 && out.code != 0; ++time)
      out = box_.ctl({"reload", "life"});
    EXPECT_EQ(0, out.code) << out.all();
    EXPECT_TRUE(eventually([&] { return programs().size() == 1; }));
  }
  std::vector<int> programs() {
    std::vector<int> out = box_.processes();
    std::erase_if(out,
                  [](int pid) { return read_text("/proc/" + std::to_string(pid) + "/comm") != "sleep\n"; });
    return out;
  }

  Sandbox box_;
  PlanOf plan_;
  int before_ = 0;
};

constexpr const char* kNames[] = {
#define KEEPER_FAULT_NAME(name, error) #name,
    KEEPER_FAULT_CALLS(KEEPER_FAULT_NAME)
#undef KEEPER_FAULT_NAME
#define KEEPER_FAULT_NAME(name, error) "guard_" #name,
        KEEPER_FAULT_GUARD_CALLS(KEEPER_FAULT_NAME)
#undef KEEPER_FAULT_NAME
            "guard_other"};

/// How often each call is used in a life without a fault.
std::vector<std::uint32_t> uses() {
  Life life(Fault{});
  life.live();
  return life.used();
}

/// The first and the last use, and some between: all of them where all are asked for.
std::vector<std::uint32_t> some_of(std::uint32_t count, std::uint32_t most) {
  std::vector<std::uint32_t> out;
  const bool all = getenv("KEEPER_FAULTS") != nullptr && string(getenv("KEEPER_FAULTS")) == "all";
  const std::uint32_t chosen = all ? std::min(count, 200u) : std::min(count, most);
  for (std::uint32_t i = 0; i < chosen; ++i)
    out.push_back(1 + static_cast<std::uint32_t>(std::uint64_t{i} * (count - 1) / std::max(1u, chosen - 1)));
  return out;
}

constexpr int kErrors[] = {
#define KEEPER_FAULT_NAME(name, error) error,
    KEEPER_FAULT_CALLS(KEEPER_FAULT_NAME) KEEPER_FAULT_GUARD_CALLS(KEEPER_FAULT_NAME)
#undef KEEPER_FAULT_NAME
        0};

TEST(Faults, EveryCallOfTheListIsUsedInALife) {
  NEEDS_KEEPER_FAULTY();
  const auto used = uses();
  for (std::uint32_t i = 0; i < used.size(); ++i)
    EXPECT_GT(used[i], 0u) << kNames[i];
}

constexpr const char* kFormats[] = {"raw", "time", "json"};

class AtEachCall : public testing::TestWithParam<std::uint32_t> {
 public:
  /// Every fault of that kind that is chosen.
  void live_with(Act act, std::uint32_t most) {
    NEEDS_KEEPER_FAULTY();
    if (act == Act::fail && kErrors[GetParam()] == 0) GTEST_SKIP() << "it does not fail";
    const std::uint32_t count = uses().at(GetParam());
    std::uint32_t turn = GetParam();
    for (std::uint32_t use : some_of(count, most)) {
      const char* format = kFormats[turn++ % std::size(kFormats)];
      SCOPED_TRACE("use " + std::to_string(use) + " of " + std::to_string(count) + ", " + format);
      Life life({act, static_cast<Call>(GetParam()), use, format});
      life.live();
      // How often it is used differs a little from life to life, and from format to format.
      if (use == 1) {
        EXPECT_TRUE(life.fired());
      }
      if (HasFailure()) return;
    }
  }
};

string name_of(const testing::TestParamInfo<std::uint32_t>& info) {
  string out = kNames[info.param];
  out.erase(0, out.find_first_not_of('_'));
  return out;
}

TEST_P(AtEachCall, AFailureLosesNothing) {
  live_with(Act::fail, 3);
}

TEST_P(AtEachCall, AKillLosesNothing) {
  live_with(Act::kill, 3);
}

TEST_P(AtEachCall, AKillInAReloadLosesNothing) {
  NEEDS_KEEPER_FAULTY();
  const std::uint32_t count = Reloaded().uses(GetParam());
  if (count == 0) GTEST_SKIP() << "a reload does not use it";
  for (std::uint32_t use : some_of(count, 3)) {
    SCOPED_TRACE("use " + std::to_string(use) + " of " + std::to_string(count));
    Reloaded life;
    const bool killed = life.with_a_kill_at(GetParam(), use);
    EXPECT_TRUE(killed || use > 1);
    life.expect_all_well();
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Faults, AtEachCall, testing::Range(0u, faults::kCalls), name_of);

}  // namespace
}  // namespace keeper
