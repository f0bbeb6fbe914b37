// The fields that say how a program is spawned: their texts, and what is refused.
#include "protocol/wire/spawn_fields.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <nlohmann/json.hpp>

#include "protocol/wire/spec.hpp"

namespace keeper {
namespace {

using std::string;

void expect_said(const string& said, const string& part) {
  EXPECT_NE(said.find(part), string::npos) << said;
}

Limits limits_of(std::string_view text) {
  Limits out;
  Done done = add_limits(out, text);
  EXPECT_TRUE(done) << text << ": " << done.error().text();
  return out;
}

string refusal_of(std::string_view text) {
  Limits out;
  Done done = add_limits(out, text);
  EXPECT_FALSE(done) << text;
  return done ? "" : done.error().why();
}

TEST(FileMask, IsOctalAndIsWrittenWithThreeDigits) {
  EXPECT_EQ(FileMask::parse("022")->bits, 022u);
  EXPECT_EQ(FileMask::parse("0")->text(), "000");
  EXPECT_EQ(FileMask::parse("0777")->text(), "777");
  EXPECT_EQ(FileMask::parse("7")->text(), "007");
}

TEST(FileMask, ThatIsNoneIsRefusedWithAnExample) {
  for (const char* text : {"", "999", "1000", "00022", "-1", "0x1", "22 ", "rw"}) {
    auto mask = FileMask::parse(text);
    ASSERT_FALSE(mask) << text;
    expect_said(mask.error().why(), "'" + string(text) + "'");
    expect_said(mask.error().why(), "022");
  }
}

TEST(Niceness, HasBounds) {
  EXPECT_EQ(Niceness::parse("-20")->value, -20);
  EXPECT_EQ(Niceness::parse("19")->value, 19);
  for (const char* text : {"-21", "20", "", "low", "1.0", "+1"})
    EXPECT_FALSE(Niceness::parse(text)) << text;
  expect_said(Niceness::parse("40").error().why(), "'40' is not a whole number from -20 to 19");
}

TEST(Limits, HaveTheNamesOfGetrlimit) {
  for (const char* name : {"cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile", "memlock", "as",
                           "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime"})
    EXPECT_EQ(limits_of(string(name) + "=7").at(name), (Limit{7, 7}));
  EXPECT_EQ(resources().size(), static_cast<std::size_t>(RLIM_NLIMITS));
}

TEST(Limits, AreSoftAndHardOrBothAtOnce) {
  Limits limits = limits_of("core=unlimited,nofile=1024:65535,nproc=10:unlimited");
  EXPECT_EQ(limits.size(), 3u);
  EXPECT_EQ(limits.at("core"), (Limit{kUnlimited, kUnlimited}));
  EXPECT_EQ(limits.at("nofile"), (Limit{1024, 65535}));
  EXPECT_EQ(limits.at("nproc"), (Limit{10, kUnlimited}));
  EXPECT_EQ(kUnlimited, RLIM_INFINITY);
}

TEST(Limits, OfMemoryTakeUnitsAndOthersDoNot) {
  EXPECT_EQ(limits_of("as=512M:1G").at("as"), (Limit{512ULL << 20, 1ULL << 30}));
  EXPECT_EQ(limits_of("core=0").at("core"), (Limit{0, 0}));
  expect_said(refusal_of("nofile=1K"), "'nofile=1K'");
}

TEST(Limits, AreAddedAndReplacedWhenTheyAreGivenAgain) {
  Limits limits = limits_of("nofile=1,core=0");
  ASSERT_TRUE(add_limits(limits, "nofile=2"));
  EXPECT_EQ(limits.at("nofile"), (Limit{2, 2}));
  EXPECT_EQ(limits.size(), 2u);
}

TEST(Limits, AreReadBackFromTheirText) {
  for (const char* text : {"nofile=1024:65535", "core=unlimited", "as=512M:unlimited", "cpu=0"}) {
    Limits limits = limits_of(text);
    EXPECT_EQ(limit_text(limits.begin()->first, limits.begin()->second), text);
  }
}

TEST(Limits, ThatAreNoneAreRefusedWithWhatWouldBeRight) {
  for (const char* text : {"", "x", "nofile", "nofile=", "nofile=:", "nofile=1:", "nofile=-1", "nofile=1:2:3",
                           "nofile=many", "core=1X"})
    expect_said(refusal_of(text), "nofile=1024:65535");
  expect_said(refusal_of("files=1"), "nofile");
  expect_said(refusal_of("files=1"), "'files'");
  expect_said(refusal_of("nofile=2:1"), "SOFT not above HARD");
  expect_said(refusal_of("core=0,"), "''");
}

TEST(Limits, AreAnObjectInJsonOrTheFlagsText) {
  auto object = parse_spec(R"({"limits":{"nofile":"1024:65535","core":0,"as":"1G"}})");
  ASSERT_TRUE(object) << object.error().text();
  EXPECT_EQ(object->limits, limits_of("nofile=1024:65535,core=0,as=1G"));
  EXPECT_EQ(parse_spec(R"({"limits":"nofile=1024:65535,core=0,as=1G"})")->limits, object->limits);
  EXPECT_EQ(spec_to_json(*object).dump(), R"({"limits":{"as":"1G","core":"0","nofile":"1024:65535"}})");
}

TEST(Descriptors, AreNumbersFromThreeOn) {
  EXPECT_EQ(*parse_descriptors("7,3,7"), (Descriptors{3, 7}));
  EXPECT_EQ(descriptors_text({3, 7}), "3,7");
  for (const char* text : {"", "2", "0,3", "-1", "3,", ",3", "x", "3 4", "99999999"}) {
    auto descriptors = parse_descriptors(text);
    ASSERT_FALSE(descriptors) << text;
    expect_said(descriptors.error().why(), "from 3 on");
  }
}

TEST(Descriptors, AreAListInJson) {
  EXPECT_EQ(parse_spec(R"({"inherit_fds":[7,3]})")->inherit_fds, (Descriptors{3, 7}));
  EXPECT_EQ(parse_spec(R"({"inherit_fds":[]})")->inherit_fds, Descriptors());
  EXPECT_EQ(parse_spec(R"({"inherit_fds":5})")->inherit_fds, (Descriptors{5}));
  EXPECT_EQ(spec_to_json(*parse_spec(R"({"inherit_fds":"7,3"})")).dump(), R"({"inherit_fds":[3,7]})");
}

}  // namespace
}  // namespace keeper
