// The fields that say how output is recorded: their texts, and what is refused.
#include "protocol/wire/log_fields.hpp"

#include <gtest/gtest.h>

#include <ctime>

namespace keeper {
namespace {

using std::string;

template <class T>
string refusal_of(std::string_view text) {
  auto value = T::parse(text);
  EXPECT_FALSE(value) << text;
  return value ? "" : value.error().why();
}

TEST(LogSize, IsZeroOrAtLeastAKibibyte) {
  EXPECT_TRUE(check_log_max_size(0));
  EXPECT_TRUE(check_log_max_size(1024));
  EXPECT_EQ(check_log_max_size(50).error().why(),
            "'50' is not a size of at least 1K (50M), or 0 for no limit");
  EXPECT_TRUE(check_log_max_total(std::nullopt));
  EXPECT_FALSE(check_log_max_total(0));
}

TEST(LogBuffer, HasBounds) {
  EXPECT_TRUE(check_log_buffer(64 << 10));
  EXPECT_TRUE(check_log_buffer(1 << 30));
  EXPECT_EQ(check_log_buffer(1024).error().why(), "'1K' is not a size from 64K to 1G (8M)");
  EXPECT_FALSE(check_log_buffer((1 << 30) + 1));
}

TEST(DateFormat, IsWhatStrftimeTakesAndMilliseconds) {
  tm time{};
  time.tm_year = 126;
  time.tm_mday = 3;
  for (const char* format : {"%F %T.%L", "%c", "[%d/%b/%Y:%H:%M:%S %z]", "%s", "at %H o'clock"})
    EXPECT_EQ(DateFormat::parse(format)->text(), format);
  EXPECT_EQ(DateFormat::parse("%d %b %Y %L %%L")->text_for(time, 7), "03 Jan 2026 007 %L");
}

TEST(DateFormat, ThatIsNoShortLineIsRefusedWithAnExample) {
  for (const string& format : {string(), string("%n"), string("%F%t%T"), string("a\nb"), string("%200Y"),
                               string(101, 'x'), string("%99999999999Y")})
    EXPECT_NE(refusal_of<DateFormat>(format).find("%F %T.%L"), string::npos) << format;
}

TEST(RecordStart, IsAnExpressionThatCanBeMatchedInBoundedTime) {
  EXPECT_EQ(RecordStart::parse("^[0-9]{4}-")->text(), "^[0-9]{4}-");
  EXPECT_NE(refusal_of<RecordStart>("").find("first line of a record"), string::npos);
  EXPECT_NE(refusal_of<RecordStart>("(").find("'(' is no POSIX extended expression: "), string::npos);
  EXPECT_NE(refusal_of<RecordStart>("(a)\\1").find("is not served"), string::npos);
  EXPECT_NE(refusal_of<RecordStart>("a\nb").find("one line"), string::npos);
}

TEST(SyslogTarget, IsLocalOrAHostAndAPort) {
  EXPECT_TRUE(SyslogTarget::parse("local")->local());
  auto name = SyslogTarget::parse("udp:logs.example.org:514");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->host, "logs.example.org");
  EXPECT_EQ(name->port, 514);
  auto address = SyslogTarget::parse("udp:[fe80::1%eth0]:5140");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->host, "fe80::1%eth0");
  for (const char* text : {"local", "udp:logs.example.org:514", "udp:10.0.0.1:1", "udp:[::1]:65535"})
    EXPECT_EQ(SyslogTarget::parse(text)->text(), text);
}

TEST(SyslogTarget, ThatIsNoneIsRefusedWithAnExample) {
  for (const char* text :
       {"", "udp:", "udp:host", "udp:host:", "udp::514", "udp:host:0", "udp:host:65536", "tcp:host:1",
        "udp:::1:514", "udp:[]:514", "udp:[host]:514", "udp:ho st:514", "host:514", "Local"}) {
    string said = refusal_of<SyslogTarget>(text);
    EXPECT_EQ(said.find("'" + string(text) + "' is not local or udp:HOST:PORT"), 0u) << said;
  }
}

}  // namespace
}  // namespace keeper
