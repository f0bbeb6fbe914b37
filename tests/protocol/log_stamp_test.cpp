// What a line of a log says of itself.
#include "protocol/logs/stamp.hpp"

#include <gtest/gtest.h>

#include "protocol/base/units.hpp"

namespace keeper {
namespace {

std::string stamp(std::string_view line) {
  auto ms = stamp_of_line(line);
  return ms ? time_text(WallTime(Millis(*ms))) : "none";
}

std::string mark(std::string_view line) {
  auto found = run_mark_of(line);
  if (!found) return "none";
  return (found->kind == RunMark::Kind::started ? "started " : "ended ") + std::to_string(found->pid);
}

TEST(LogStamp, IsReadInEveryFormat) {
  EXPECT_EQ("2026-11-20T17:24:00.123Z", stamp("[keeper] 2026-11-20T17:24:00.123Z started pid 1"));
  EXPECT_EQ("2026-11-20T16:24:00.123Z", stamp("2026-11-20T17:24:00.123+01:00 hello"));
  EXPECT_EQ("2026-11-20T22:54:00.123Z", stamp("2026-11-20T17:24:00.123-05:30 "));
  EXPECT_EQ("2026-11-20T16:24:00.123Z",
            stamp(R"({"t":"2026-11-20T17:24:00.123+01:00","stream":"out","msg":""})"));
}

TEST(LogStamp, WhatIsNotOneIsNone) {
  for (const char* line :
       {"", "hello", "2026-11-20", "2026-11-20T17:24:00Z x", "2026-11-20T17:24:00.123 x",
        "2026-11-20T17:24:00.123Z", "2026-11-20T17:24:00.123Zx", "2026-13-20T17:24:00.123Z x",
        "2026-02-30T17:24:00.123Z x", "2026-11-20T24:24:00.123Z x", "2026-11-20T17:24:00.12xZ x",
        "2026-11-20T17:24:00.123+0100 x", "[keeper] 5 bytes lost", "{\"t\":\"2026-11-20T17:24:00.123Z",
        "{\"t\":5}"})
    EXPECT_EQ("none", stamp(line)) << line;
}

TEST(RunMark, IsReadInEveryFormat) {
  EXPECT_EQ("started 1140", mark("[keeper] 2026-11-20T17:24:00.123Z started pid 1140"));
  EXPECT_EQ("ended 1140", mark("[keeper] 2026-11-20T17:24:00.123Z pid 1140 ended with code 3 after 5 s"));
  EXPECT_EQ("ended 1140", mark("[keeper] 2026-11-20T17:24:00.123Z pid 1140 was ended by SIGKILL after 5 s"));
  EXPECT_EQ("ended 1140",
            mark("[keeper] 2026-11-20T17:24:00.123Z pid 1140 ended, and nobody knows how after 5 s"));
  EXPECT_EQ("started 7", mark("2026-11-20T17:24:00.123+01:00 [keeper] started pid 7"));
  EXPECT_EQ("started 7",
            mark("2026-11-20T17:24:00.123+01:00 [keeper] 2026-11-20T17:24:00.123Z started pid 7"));
  EXPECT_EQ(
      "ended 7",
      mark(
          R"({"t":"2026-11-20T17:24:00.123Z","stream":"keeper","name":"a","pid":7,"msg":"pid 7 ended with code 0 after 1 s"})"));
}

TEST(RunMark, WhatAProgramWritesIsNone) {
  for (const char* line : {"", "started pid 7", "[keeper] started pid x", "[keeper] started pid 7 and more",
                           "[keeper] 2026-11-20T17:24:00.123Z pid 7 survived KILL",
                           "[keeper] started pid 99999999999", R"({"stream":"out","msg":"started pid 7"})",
                           R"({"stream":"out","msg":"\"stream\":\"keeper\"","pid":7})",
                           R"({"stream":"keeper","msg":"started pid 7")", R"({"stream":"keeper"})"})
    EXPECT_EQ("none", mark(line)) << line;
}

}  // namespace
}  // namespace keeper
