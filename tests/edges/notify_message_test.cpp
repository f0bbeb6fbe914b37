// What a datagram of sd_notify(3) says.
#include "keeper/ready/notify_message.hpp"

#include <gtest/gtest.h>

namespace keeper {
namespace {

using std::string;

NotifyMessage read(std::string_view text) {
  auto message = parse_notify(text);
  EXPECT_TRUE(message) << text;
  return message.value_or(NotifyMessage{});
}

TEST(NotifyMessage, SaysWhatItsLinesSay) {
  EXPECT_EQ((NotifyMessage{.ready = true}), read("READY=1"));
  EXPECT_EQ((NotifyMessage{.reloading = true}), read("RELOADING=1\n"));
  EXPECT_EQ((NotifyMessage{.stopping = true}), read("STOPPING=1"));
  EXPECT_EQ((NotifyMessage{.alive = true}), read("WATCHDOG=1"));
  EXPECT_EQ((NotifyMessage{.hangs = true}), read("WATCHDOG=trigger"));
  EXPECT_EQ((NotifyMessage{.barrier = true}), read("BARRIER=1"));
  EXPECT_EQ((NotifyMessage{.status = "a = b"}), read("STATUS=a = b"));
  EXPECT_EQ((NotifyMessage{.watchdog = Millis(3'000)}), read("WATCHDOG_USEC=3000000"));
  EXPECT_EQ((NotifyMessage{.extend = Millis(20)}), read("EXTEND_TIMEOUT_USEC=20000"));
  EXPECT_EQ((NotifyMessage{.main_pid = 4711}), read("MAINPID=4711"));
  EXPECT_EQ((NotifyMessage{.errnum = 2}), read("ERRNO=2"));
}

TEST(NotifyMessage, SaysAllOfThemAtOnceInAnyOrder) {
  for (const char* text : {"READY=1\nSTATUS=up\nMAINPID=7", "MAINPID=7\nSTATUS=up\nREADY=1\n",
                           "STATUS=up\n\nX_ELSE=1\nREADY=1\nMAINPID=7\n"})
    EXPECT_EQ((NotifyMessage{.ready = true, .status = "up", .main_pid = 7}), read(text)) << text;
}

TEST(NotifyMessage, PassesOverWhatItDoesNotKnow) {
  for (const char* text : {"", "\n\n", "=", "READY", "READY=0", "READY=11", "ready=1", " READY=1", "READY =1",
                           "FDSTORE=1", "WATCHDOG=2", "BUSERROR=x", "STATUS"})
    EXPECT_EQ(NotifyMessage{}, read(text)) << text;
}

TEST(NotifyMessage, PassesOverNumbersThatMakeNoSense) {
  for (const char* text : {"MAINPID=", "MAINPID=0", "MAINPID=-1", "MAINPID=1x", "MAINPID=99999999999",
                           "ERRNO=-2", "ERRNO=x", "WATCHDOG_USEC=-1", "WATCHDOG_USEC=1s",
                           "EXTEND_TIMEOUT_USEC=", "EXTEND_TIMEOUT_USEC=99999999999999999999"})
    EXPECT_EQ(NotifyMessage{}, read(text)) << text;
}

TEST(NotifyMessage, RoundsTimesUpAndHoldsThemWithinTenYears) {
  EXPECT_EQ(Millis(0), read("WATCHDOG_USEC=0").watchdog);
  EXPECT_EQ(Millis(1), read("WATCHDOG_USEC=1").watchdog);
  EXPECT_EQ(Millis(2), read("WATCHDOG_USEC=1001").watchdog);
  EXPECT_EQ(Millis(3650LL * 86'400'000), read("EXTEND_TIMEOUT_USEC=18446744073709551615").extend);
}

TEST(NotifyMessage, TakesTheFirstOfTwo) {
  EXPECT_EQ("a", read("STATUS=a\nSTATUS=b").status);
  EXPECT_EQ(1, read("MAINPID=1\nMAINPID=2").main_pid);
}

TEST(NotifyMessage, IsNoneWithANulInIt) {
  EXPECT_FALSE(parse_notify(std::string_view("READY=1\0STATUS=x", 16)));
  EXPECT_FALSE(parse_notify(std::string_view("READY=1\0\0", 9)));
  EXPECT_TRUE(read(std::string_view("READY=1\0", 8)).ready);
}

TEST(NotifyMessage, HasAStatusThatCanBeShown) {
  EXPECT_EQ("caf\xC3\xA9 \xF0\x9F\x98\x80", read("STATUS=caf\xC3\xA9 \xF0\x9F\x98\x80").status);
  EXPECT_EQ("caf? ?", read("STATUS=caf\xE9 \xFF").status);
  EXPECT_EQ("?[31mred?a", read("STATUS=\x1B[31mred\ta").status);
  EXPECT_EQ("", read("STATUS=").status);
}

TEST(NotifyMessage, HasAStatusOf512BytesThatEndsWithAWholeCharacter) {
  EXPECT_EQ(string(512, 'x'), read("STATUS=" + string(600, 'x')).status);
  EXPECT_EQ(string(511, 'x'), read("STATUS=" + string(511, 'x') + "\xC3\xA9").status);
}

}  // namespace
}  // namespace keeper
