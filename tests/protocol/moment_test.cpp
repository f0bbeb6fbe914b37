// How long ago, or when: as people write it.
#include "protocol/base/when.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace keeper {
namespace {

class MomentTest : public testing::Test {
 protected:
  MomentTest() {
    setenv("TZ", "XST-2", 1);  // two hours east of Greenwich
    tzset();
  }
  ~MomentTest() override {
    unsetenv("TZ");
    tzset();
  }
  static std::string moment(const char* text) {
    auto parsed = parse_moment(text, *parse_time("2026-11-20T17:24:00.000Z"));
    return parsed ? time_text(*parsed) : "no: " + parsed.error().why();
  }
};

TEST_F(MomentTest, IsHowLongAgo) {
  EXPECT_EQ("2026-11-20T17:14:00.000Z", moment("10m"));
  EXPECT_EQ("2026-11-20T14:54:00.000Z", moment("2h30m"));
  EXPECT_EQ("2026-11-19T16:23:58.500Z", moment("1d1h1.5s"));
  EXPECT_EQ("2026-11-20T17:23:30.000Z", moment("30"));
  EXPECT_EQ("2026-11-20T17:23:59.900Z", moment("100ms"));
}

TEST_F(MomentTest, IsADayOrATimeOfTheLocalZone) {
  EXPECT_EQ("2026-11-18T22:00:00.000Z", moment("2026-11-19"));
  EXPECT_EQ("2026-11-19T15:24:00.000Z", moment("2026-11-19T17:24"));
  EXPECT_EQ("2026-11-19T15:24:07.000Z", moment("2026-11-19 17:24:07"));
  EXPECT_EQ("2026-11-19T15:24:07.250Z", moment("2026-11-19 17:24:07.25"));
  EXPECT_EQ("2026-11-19T15:24:07.123Z", moment("2026-11-19 17:24:07.123456"));
}

TEST_F(MomentTest, IsATimeOfToday) {
  EXPECT_EQ("2026-11-20T07:05:00.000Z", moment("09:05"));
  EXPECT_EQ("2026-11-20T07:05:06.000Z", moment("09:05:06"));
}

TEST_F(MomentTest, MayNameItsZone) {
  EXPECT_EQ("2026-11-19T17:24:00.000Z", moment("2026-11-19T17:24Z"));
  EXPECT_EQ("2026-11-19T16:24:00.123Z", moment("2026-11-19T17:24:00.123+01:00"));
  EXPECT_EQ("2026-11-19T22:54:00.000Z", moment("2026-11-19 17:24:00-0530"));
}

TEST_F(MomentTest, AnythingElseIsRefusedWithExamples) {
  for (const char* text :
       {"", "yesterday", "10x", "2h30", "m", "h10", "2026-13-01", "2026-02-30", "2026-11", "25:00",
        "17:24:", "17:24:00.", "2026-11-19T", "2026-11-19x17:24", "2026-11-19T17:24+1", "-5m", "1h "}) {
    EXPECT_EQ("no: '" + std::string(text) +
                  "' is no moment, such as 10m, 2h30m or 1d (ago), 17:24 (today), 2026-11-20, "
                  "'2026-11-20 17:24:00' or 2026-11-20T17:24:00Z",
              moment(text));
  }
}

}  // namespace
}  // namespace keeper
