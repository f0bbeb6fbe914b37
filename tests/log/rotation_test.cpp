#include "keeper/log/rotation.hpp"

#include <gtest/gtest.h>

namespace keeper {
namespace {

using std::string;
using Kind = RotationStep::Kind;
using Files = std::vector<DirectoryEntry>;
using Lines = std::vector<string>;

/// The steps as lines, the name of the log left out: "mv .1 .2", "rm .3.gz", "gz .1".
Lines lines(const RotationPlan& plan) {
  Lines out;
  auto rest = [](const string& name) { return name.size() == 3 ? "log" : name.substr(3); };
  for (const RotationStep& step : plan)
    out.push_back(step.kind == Kind::rename   ? "mv " + rest(step.from) + " " + rest(step.to)
                  : step.kind == Kind::remove ? "rm " + rest(step.from)
                                              : "gz " + rest(step.from));
  return out;
}

Files files_of(const std::vector<string>& rests) {
  Files out;
  for (const string& rest : rests)
    out.push_back({"log" + rest, 100, true});
  return out;
}

Lines rotated(const std::vector<string>& rests, const RotationRules& rules) {
  return lines(plan_rotation("log", files_of(rests), rules));
}

Lines tidied(const std::vector<string>& rests, const RotationRules& rules) {
  return lines(plan_tidying("log", files_of(rests), rules));
}

TEST(Rotation, RenamesFromTheOldEndOn) {
  EXPECT_EQ(rotated({""}, {}), Lines{"mv log .1"});
  EXPECT_EQ(rotated({"", ".2", ".1"}, {}), (Lines{"mv .2 .3", "mv .1 .2", "mv log .1"}));
}

TEST(Rotation, DropsTheOldestFirst) {
  EXPECT_EQ(rotated({"", ".1", ".2"}, {.backups = 2}), (Lines{"rm .2", "mv .1 .2", "mv log .1"}));
}

TEST(Rotation, WithoutBackupsRemovesTheLog) {
  EXPECT_EQ(rotated({"", ".idx"}, {.backups = 0}), (Lines{"rm .idx", "rm log"}));
}

TEST(Rotation, ClosesTheLowestGapOnly) {
  EXPECT_EQ(rotated({"", ".1", ".3", ".4"}, {.backups = 4}), (Lines{"mv .1 .2", "mv log .1"}));
  EXPECT_EQ(rotated({"", ".2"}, {}), Lines{"mv log .1"});
}

TEST(Rotation, TakesTheIndexAlongBeforeItsFile) {
  EXPECT_EQ(rotated({"", ".idx", ".1", ".1.idx"}, {}),
            (Lines{"mv .1.idx .2.idx", "mv .1 .2", "mv .idx .1.idx", "mv log .1"}));
  EXPECT_EQ(rotated({"", ".1.idx"}, {}), Lines{"mv log .1"});  // broken off between the two
  EXPECT_EQ(rotated({"", ".idx", ".1.idx"}, {}), (Lines{"rm .1.idx", "mv .idx .1.idx", "mv log .1"}));
}

TEST(Rotation, KeepsCompressedFilesInTheirPlaces) {
  EXPECT_EQ(rotated({"", ".1", ".2.gz", ".3.gz"}, {.backups = 3}),
            (Lines{"rm .3.gz", "mv .2.gz .3.gz", "mv .1 .2", "mv log .1"}));
}

TEST(Rotation, CompressesTheOldestThatIsNot) {
  RotationRules rules{.compress = true};
  EXPECT_EQ(rotated({"", ".1", ".2.gz"}, rules), (Lines{"mv .2.gz .3.gz", "mv .1 .2", "mv log .1", "gz .2"}));
  EXPECT_EQ(tidied({"", ".1"}, rules), Lines{"gz .1"});
  EXPECT_EQ(tidied({"", ".1.gz"}, rules), Lines{});
  rules.compressing = true;
  EXPECT_EQ(tidied({"", ".1", ".gz.tmp"}, rules), Lines{});
}

TEST(Rotation, PutsACompleteCompressedFileIntoThePlaceOfItsSource) {
  auto installed = [](const std::vector<string>& rests, int number) {
    return lines(plan_compressed("log", files_of(rests), number));
  };
  EXPECT_EQ(installed({"", ".1", ".2", ".2.idx", ".gz.tmp"}, 2),
            (Lines{"mv .gz.tmp .2.gz", "rm .2.idx", "rm .2"}));
  EXPECT_EQ(installed({"", ".1", ".gz.tmp"}, 0), Lines{"rm .gz.tmp"});
  EXPECT_EQ(installed({"", ".1", ".gz.tmp"}, 2), Lines{"rm .gz.tmp"});
  EXPECT_EQ(installed({"", ".1"}, 1), Lines{});
}

TEST(Rotation, ClearsUpWhatABrokenOffOneLeft) {
  EXPECT_EQ(tidied({"", ".1", ".1.gz", ".1.idx"}, {}), (Lines{"rm .1.idx", "rm .1"}));
  EXPECT_EQ(tidied({"", ".gz.tmp", ".4.gz.tmp"}, {}), (Lines{"rm .4.gz.tmp", "rm .gz.tmp"}));
  EXPECT_EQ(tidied({"", ".1.idx"}, {}), Lines{"mv .1.idx .idx"});
  EXPECT_EQ(tidied({".1", ".1.idx", ".5.idx"}, {}), Lines{"rm .5.idx"});
  EXPECT_EQ(tidied({".rotating", ".1"}, {}), (Lines{"mv .1 .2", "mv .rotating .1"}));
}

TEST(Rotation, RemovesWhatIsTooManyByNow) {
  EXPECT_EQ(tidied({"", ".1", ".2", ".3.gz"}, {.backups = 1}), (Lines{"rm .3.gz", "rm .2"}));
}

TEST(Rotation, KeepsTheTotalByDroppingTheOldest) {
  RotationRules rules{.max_size = 100, .max_total = 300};
  EXPECT_EQ(rotated({"", ".1", ".2"}, rules), (Lines{"mv .2 .3", "mv .1 .2", "mv log .1", "rm .3"}));
  EXPECT_EQ(tidied({"", ".1", ".2"}, rules), Lines{});
  rules.max_total = 299;
  EXPECT_EQ(tidied({"", ".1", ".2"}, rules), Lines{"rm .2"});
}

TEST(Rotation, CountsTheTotalByWhatFilesReallyTake) {
  RotationRules rules{.max_size = 60, .max_total = 260};
  EXPECT_EQ(tidied({"", ".1", ".2"}, rules), Lines{});
  rules.max_total = 259;
  EXPECT_EQ(tidied({"", ".1", ".2"}, rules), Lines{"rm .2"});
}

TEST(Rotation, KeepsNoMoreThanSoManyFilesOfTheirSize) {
  constexpr std::uint64_t size = 1 << 20;
  RotationRules rules{.backups = 3, .max_size = size};
  auto kept = [&](std::uint64_t each) {
    Files files = {{"log", size, true}};
    for (int number = 1; number <= 3; ++number)
      files.push_back({"log." + std::to_string(number), each, true});
    return lines(plan_tidying("log", files, rules));
  };
  EXPECT_EQ(kept(size + kLineEnds / 3), Lines{});
  EXPECT_EQ(kept(size + kLineEnds / 2), Lines{"rm .3"});
  EXPECT_EQ(kept(2 * size), (Lines{"rm .3", "rm .2"}));
  rules.max_size = ~std::uint64_t{0} / 2;
  EXPECT_EQ(kept(2 * size), Lines{});
}

TEST(Rotation, PassesOverWhatIsNoFileOfTheLog) {
  Files files = files_of({"", ".01", ".0", ".1x", ".1.gz.old", "x", ".99999999999", ".bak"});
  files.push_back({"other.log.1", 5, true});
  files.push_back({"log.1", 0, false});
  EXPECT_EQ(lines(plan_rotation("log", files, {})), Lines{"mv log .2"});
  EXPECT_EQ(lines(plan_rotation("log", files, {.backups = 1})), Lines{});
}

}  // namespace
}  // namespace keeper
