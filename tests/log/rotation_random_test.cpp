// Rotation against a simulated disk where any step can fail, and whoever performs it can die between any two.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "keeper/log/rotation.hpp"

namespace keeper {
namespace {

using std::string;
using Kind = RotationStep::Kind;

struct Stored {
  int age = 0;  ///< which piece of the log it holds: 1 is the oldest
  std::uint64_t size = 0;
  bool complete = true;
  bool operator==(const Stored&) const = default;
};
using Disk = std::map<string, Stored>;

std::vector<DirectoryEntry> listing(const Disk& disk) {
  std::vector<DirectoryEntry> out;
  for (const auto& [name, file] : disk)
    out.push_back({name, file.size, true});
  return out;
}

/// The age of what is at each number, oldest number last; 0 for a gap.
std::vector<int> ages(const Disk& disk) {
  std::vector<int> out;
  for (int number = 0; number < 15; ++number) {
    string name = number == 0 ? "log" : "log." + std::to_string(number);
    auto log = disk.find(name), compressed = disk.find(name + ".gz");
    if (log != disk.end()) out.push_back(log->second.age);
    if (compressed != disk.end() && log == disk.end()) out.push_back(compressed->second.age);
    if (compressed == disk.end() && log == disk.end()) out.push_back(0);
  }
  return out;
}

class Player {
 public:
  explicit Player(unsigned seed) : random_(seed + 1) {}

  /// What broke a promise; empty if nothing did.
  string play() {
    make_disk();
    Disk calm = disk_;
    run_calmly(calm);
    for (int tries = 0; tries < 200; ++tries) {
      bool done = attempt();
      if (!problem_.empty()) return problem_ + trace_;
      if (done) return disk_ == calm ? "" : "another end" + trace_;
    }
    return "no end" + trace_;
  }

 private:
  unsigned pick(unsigned n) { return static_cast<unsigned>(random_() >> 8) % n; }

  void make_disk() {
    rules_ = {static_cast<int>(pick(6)), 100, std::nullopt, pick(2) == 0, false};
    if (pick(3) == 0) rules_.max_total = 100 + pick(500);
    int age = 20;
    put("log", age--, false);
    if (pick(10) == 0) disk_["log.rotating"] = {age--, 100, true};
    for (int number = 1; number < 9; ++number)
      if (pick(4) != 0) put("log." + std::to_string(number), age--, pick(3) == 0);
    if (pick(6) == 0) disk_["log.gz.tmp"] = {99, 7, false};
    if (pick(6) == 0) disk_["log.3.gz.tmp"] = {99, 7, false};
  }
  void put(const string& name, int age, bool compressed) {
    disk_[compressed ? name + ".gz" : name] = {age, compressed ? 20 : 80 + pick(60), true};
    if (!compressed && pick(2) == 0) disk_[name + ".idx"] = {age, 16, true};
  }

  /// The log is rotated once; then it is brought into order until there is nothing more to do.
  RotationPlan next_plan(const Disk& disk) const {
    auto files = listing(disk);
    bool wanted = disk.contains("log") && disk.at("log").age == 20;
    return wanted ? plan_rotation("log", files, rules_) : plan_tidying("log", files, rules_);
  }

  void run_calmly(Disk& disk) {
    for (RotationPlan plan = next_plan(disk); !plan.empty(); plan = next_plan(disk))
      for (const RotationStep& step : plan)
        if (step.kind != Kind::compress)
          perform(disk, step);
        else
          compress(disk, step, false);
  }

  /// Plans and performs until a step fails or somebody dies; true when there was nothing more to do.
  bool attempt() {
    RotationPlan plan = next_plan(disk_);
    trace_ += "\n--";
    for (const RotationStep& step : plan) {
      if (pick(5) == 0) return false;
      trace_ += "\n" + step.from + " -> " + step.to;
      bool done = step.kind == Kind::compress ? compress(disk_, step, true) : perform(disk_, step);
      if (!done) return false;
    }
    return plan.empty();
  }

  bool perform(Disk& disk, const RotationStep& step) {
    auto before = ages(disk);
    auto found = disk.find(step.from);
    if (found == disk.end()) return fail("no file " + step.from);
    Stored file = found->second;
    if (step.kind == Kind::rename && disk.contains(step.to)) return fail("overwrites " + step.to);
    if (step.kind == Kind::rename && step.to.ends_with(".gz") && !file.complete)
      return fail("installs half a file");
    disk.erase(found);
    if (step.kind == Kind::rename) disk[step.to] = file;
    check_order(before, ages(disk));
    return problem_.empty();
  }

  /// The file is written, then installed; meanwhile the log may be rotated.
  bool compress(Disk& disk, const RotationStep& step, bool with_trouble) {
    if (disk.contains(step.to)) return fail("overwrites " + step.to);
    int age = disk.at(step.from).age;
    disk[step.to] = {age, 20, false};
    if (with_trouble && pick(3) == 0) return false;
    disk[step.to].complete = true;
    auto chain = ages(disk);
    auto place = std::find(chain.begin(), chain.end(), age);
    for (const RotationStep& rest :
         plan_compressed("log", listing(disk), static_cast<int>(place - chain.begin()))) {
      if (with_trouble && pick(3) == 0) return false;
      if (!perform(disk, rest)) return false;
    }
    return true;
  }

  /// A file moves up only, none overtakes another, and the order by age stays.
  void check_order(const std::vector<int>& before, const std::vector<int>& after) {
    std::vector<int> there;
    for (std::size_t at = 0; at < after.size(); ++at) {
      if (after[at] == 0) continue;
      there.push_back(after[at]);
      auto was = std::find(before.begin(), before.end(), after[at]);
      if (was != before.end() && was - before.begin() > static_cast<long>(at)) fail("a file moved down");
    }
    if (!std::is_sorted(there.rbegin(), there.rend())) fail("the order has changed");
  }
  bool fail(const string& what) {
    if (problem_.empty()) problem_ = what;
    return false;
  }

  std::minstd_rand random_;
  RotationRules rules_;
  Disk disk_;
  string problem_, trace_;
};

TEST(RotationRandom, ComesToTheSameEndHoweverItIsBrokenOff) {
#ifdef __SANITIZE_ADDRESS__
  constexpr unsigned seeds = 2'000;
#else
  constexpr unsigned seeds = 10'000;
#endif
  for (unsigned seed = 0; seed < seeds; ++seed)
    ASSERT_EQ(Player(seed).play(), "") << "seed " << seed;
}

/// How many names of the chain are missing that were there before or after.
TEST(RotationRandom, LacksAtMostOneNameAtATime) {
  for (int count = 1; count < 10; ++count) {
    Disk disk{{"log", {20, 100, true}}};
    for (int number = 1; number < count; ++number)
      disk["log." + std::to_string(number)] = {20 - number, 100, true};
    for (const RotationStep& step : plan_rotation("log", listing(disk), RotationRules{.backups = 9})) {
      if (step.kind == Kind::rename) disk[step.to] = disk.at(step.from);
      disk.erase(step.from);
      auto chain = ages(disk);
      chain.resize(std::find(chain.rbegin(), chain.rend(), 0) == chain.rend() ? chain.size()
                                                                              : disk.size() + 1);
      EXPECT_EQ(std::count(chain.begin(), chain.end(), 0), 1) << count;
    }
  }
}

/// While a backup is compressed the log goes on being rotated, and the result finds its place, or nobody
/// wants it.
TEST(RotationRandom, MayRotateWhileABackupIsCompressed) {
  Disk disk{{"log", {20, 100, true}}, {"log.1", {19, 100, true}}, {"log.gz.tmp", {19, 20, false}}};
  RotationRules rules{.backups = 2, .compress = true, .compressing = true};
  for (int turn = 0; turn < 3; ++turn) {
    for (const RotationStep& step : plan_rotation("log", listing(disk), rules)) {
      ASSERT_NE(step.kind, Kind::compress);
      if (step.kind == Kind::rename) disk[step.to] = disk.at(step.from);
      disk.erase(step.from);
    }
    EXPECT_TRUE(disk.contains("log.gz.tmp"));
    disk["log"] = {21 + turn, 100, true};
  }
  EXPECT_EQ(ages(disk)[1], 22);
  EXPECT_EQ(plan_compressed("log", listing(disk), 0).size(), 1u);
}

}  // namespace
}  // namespace keeper
