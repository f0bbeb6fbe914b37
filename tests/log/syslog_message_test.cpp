#include "keeper/log/syslog_message.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "protocol/base/utf8.hpp"
#include "protocol/json/reader.hpp"

namespace keeper {
namespace {

using std::string;

const WallTime kNow = *parse_time("2026-11-05T16:24:00.123Z");

string message(std::string_view line, LogStream stream = LogStream::out, int pid = 1140,
               std::size_t most = 2048) {
  return string(SyslogMessage(SyslogForm::rfc5424, "host", "api", most).make(line, kNow, stream, pid));
}

const string kHead = "<14>1 2026-11-05T16:24:00.123Z host api 1140 - - ";

TEST(SyslogMessage, IsWhatRfc5424Says) {
  EXPECT_EQ(message("listening on 80"), kHead + "listening on 80");
  EXPECT_EQ(message("no!", LogStream::err), "<11>1 2026-11-05T16:24:00.123Z host api 1140 - - no!");
  EXPECT_EQ(message("lost", LogStream::keeper, 0), "<13>1 2026-11-05T16:24:00.123Z host api - - - lost");
}

TEST(SyslogMessage, MarksUtf8AndLeavesOtherBytesAsTheyAre) {
  EXPECT_EQ(message("caf\xC3\xA9"), kHead + "\xEF\xBB\xBF" + "caf\xC3\xA9");
  EXPECT_EQ(message("caf\xE9"), kHead + "caf\xE9");
}

TEST(SyslogMessage, HasLegalNames) {
  SyslogMessage maker(SyslogForm::rfc5424, "", "a b\xFF" + string(60, 'x'));
  EXPECT_EQ(maker.make("m", kNow, LogStream::out, 7),
            "<14>1 2026-11-05T16:24:00.123Z - a?b?" + string(44, 'x') + " 7 - - m");
}

TEST(SyslogMessage, IsCutAtItsMostAndSaysSo) {
  EXPECT_EQ(message(string(5000, 'x')), kHead + string(2048 - kHead.size() - 5, 'x') + "[cut]");
  string fits(2048 - kHead.size(), 'x');
  EXPECT_EQ(message(fits), kHead + fits);
}

TEST(SyslogMessage, IsNotCutWithinACharacter) {
  string text;
  for (int i = 0; i < 100; ++i)
    text += "\xF0\x9F\x98\x80";
  for (std::size_t most = 80; most < 100; ++most) {
    string made = message(text, LogStream::out, 1140, most);
    EXPECT_LE(made.size(), most);
    EXPECT_GT(made.size(), most - 4);
    EXPECT_TRUE(made.ends_with("[cut]") && is_utf8(made)) << made;
  }
}

TEST(SyslogMessage, OfTheLocalSocketIsAsSyslogWritesIt) {
  setenv("TZ", "CET-1", 1);
  tzset();
  SyslogMessage maker(SyslogForm::local, "host", "api");
  EXPECT_EQ(maker.make("caf\xC3\xA9", kNow, LogStream::err, 1140),
            "<11>Nov  5 17:24:00 api[1140]: caf\xC3\xA9");
  EXPECT_EQ(maker.make("lost", kNow, LogStream::keeper, 0), "<13>Nov  5 17:24:00 api: lost");
  setenv("TZ", "UTC0", 1);
  tzset();
}

}  // namespace
}  // namespace keeper
