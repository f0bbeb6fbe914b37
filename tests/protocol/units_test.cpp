#include "protocol/base/units.hpp"
#include "protocol/wire/exit.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <limits>

namespace keeper {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

/// The text that an error must have: the value in quotes, and what would be right.
template <class T>
void expect_refused(const Result<T>& result, std::string_view value, std::string_view hint) {
  ASSERT_FALSE(result) << value;
  EXPECT_EQ(result.error().reason, Reason::invalid);
  std::string text = result.error().text();
  EXPECT_NE(text.find("'" + std::string(value) + "'"), std::string::npos) << text;
  EXPECT_NE(text.find(hint), std::string::npos) << text;
}

TEST(Duration, IsReadInEveryUnit) {
  const std::pair<const char*, Millis> good[] = {
      {"0", Millis(0)},          {"0s", Millis(0)},
      {"100ms", Millis(100)},    {"10s", seconds(10)},
      {"2m", minutes(2)},        {"1h", hours(1)},
      {"1d", hours(24)},         {"1.5s", Millis(1500)},
      {"0.25m", seconds(15)},    {"0.001", Millis(1)},
      {"007s", seconds(7)},      {"3650d", hours(24 * 3650)},
      {"1.0015s", Millis(1001)}, {"315360000", hours(24 * 3650)},
  };
  for (const auto& [text, value] : good) {
    auto read = parse_duration(text);
    ASSERT_TRUE(read) << text << ": " << read.error().text();
    EXPECT_EQ(*read, value) << text;
  }
}

TEST(Duration, WithoutUnitIsSeconds) {
  EXPECT_EQ(*parse_duration("5"), seconds(5));
}

TEST(Duration, ThatIsNoneIsRefusedWithAnExample) {
  for (const char* text : {"",
                           " ",
                           "s",
                           "ms",
                           "-1s",
                           "+1s",
                           "10 s",
                           " 10s",
                           "10s ",
                           "10x",
                           "10S",
                           "1.s",
                           ".5s",
                           "1.2.3s",
                           "10ss",
                           "1h30m",
                           "0x10",
                           "1e3",
                           "ten",
                           "18446744073709551616",
                           "99999999999999999999999s",
                           "9000000000000001s"})
    expect_refused(parse_duration(text), text, "10s, 100ms");
}

TEST(Duration, OverTenYearsIsRefusedAndTheMostIsShown) {
  for (const char* text :
       {"3651d", "3650.001d", "315360001s", "9000000000000000s", "9000000000000000d", "87601h"})
    expect_refused(parse_duration(text), text, "3650d");
}

TEST(Duration, ErrorsNameEvenBytesThatAreNoText) {
  std::string odd("1\0s", 3);
  expect_refused(parse_duration(odd), odd, "10s");
}

TEST(Duration, IsWrittenInTheLargestUnitThatIsExact) {
  EXPECT_EQ(duration_text(Millis(0)), "0");
  EXPECT_EQ(duration_text(Millis(100)), "100ms");
  EXPECT_EQ(duration_text(Millis(1500)), "1500ms");
  EXPECT_EQ(duration_text(seconds(10)), "10s");
  EXPECT_EQ(duration_text(seconds(90)), "90s");
  EXPECT_EQ(duration_text(minutes(5)), "5m");
  EXPECT_EQ(duration_text(hours(48)), "2d");
}

TEST(Duration, ReadsBackWhatItWrites) {
  for (std::int64_t ms :
       {0LL, 1LL, 999LL, 1000LL, 59'999LL, 60'000LL, 3'600'000LL, 86'400'000LL, 315'360'000'000LL})
    EXPECT_EQ(*parse_duration(duration_text(Millis(ms))), Millis(ms));
}

TEST(Size, IsReadInEveryUnitInAnyCase) {
  const std::pair<const char*, std::uint64_t> good[] = {
      {"0", 0},
      {"512", 512},
      {"512B", 512},
      {"10k", 10 << 10},
      {"10K", 10 << 10},
      {"64M", 64 << 20},
      {"64MB", 64 << 20},
      {"64MiB", 64 << 20},
      {"64mib", 64 << 20},
      {"2G", 2ULL << 30},
      {"1T", 1ULL << 40},
      {"1.5G", 3ULL << 29},
      {"0.5K", 512},
      {"4096T", 4096ULL << 40},
      {"1.5", 1},
  };
  for (const auto& [text, value] : good) {
    auto read = parse_size(text);
    ASSERT_TRUE(read) << text << ": " << read.error().text();
    EXPECT_EQ(*read, value) << text;
  }
}

TEST(Size, ThatIsNoneIsRefusedWithAnExample) {
  for (const char* text : {"",    " ",   "M",    "-1",   "-1M",  "+1",   "1 M",
                           " 1M", "1M ", "1MBB", "1BB",  "1bib", "1iB",  "1P",
                           "1Mi", "1.M", ".5M",  "0x10", "1e3",  "many", "18446744073709551616"})
    expect_refused(parse_size(text), text, "64M, 10K");
}

TEST(Size, OverTheMostIsRefusedAndTheMostIsShown) {
  for (const char* text : {"4097T", "4096.001T", "9000000000000000", "9000000000000000T", "4194305G"})
    expect_refused(parse_size(text), text, "4096T");
}

TEST(Size, IsWrittenInTheLargestUnitThatIsExactAndReadsBack) {
  EXPECT_EQ(size_text(0), "0");
  EXPECT_EQ(size_text(1000), "1000");
  EXPECT_EQ(size_text(1024), "1K");
  EXPECT_EQ(size_text(50 << 20), "50M");
  EXPECT_EQ(size_text(3ULL << 29), "1536M");
  for (std::uint64_t bytes : {0ULL, 1ULL, 1023ULL, 1024ULL, 1ULL << 20, (1ULL << 30) + 1, 4096ULL << 40})
    EXPECT_EQ(*parse_size(size_text(bytes)), bytes);
}

TEST(Signal, IsReadByNameWithOrWithoutSigAndByNumber) {
  const std::pair<const char*, int> good[] = {
      {"TERM", SIGTERM},
      {"SIGTERM", SIGTERM},
      {"sigterm", SIGTERM},
      {"Hup", SIGHUP},
      {"15", 15},
      {"1", 1},
      {"64", 64},
      {"SIG9", 9},
      {"USR2", SIGUSR2},
      {"RTMIN", SIGRTMIN},
      {"RTMIN+3", SIGRTMIN + 3},
      {"SIGRTMIN+30", SIGRTMAX},
      {"rtmax", SIGRTMAX},
      {"SIGSTKFLT", SIGSTKFLT},
      {"POLL", SIGPOLL},
  };
  for (const auto& [text, value] : good) {
    auto read = parse_signal(text);
    ASSERT_TRUE(read) << text << ": " << read.error().text();
    EXPECT_EQ(*read, value) << text;
  }
}

TEST(Signal, ThatIsNoneIsRefusedWithAnExample) {
  for (const char* text : {"", " ", "SIG", "FOO", "SIGSIGTERM", "TERM ", " TERM", "-TERM", "-15", "RTMIN+",
                           "RTMIN+31", "RTMIN+-0", "RTMIN-1", "TERM,INT", "+15"})
    expect_refused(parse_signal(text), text, "TERM, SIGINT, 15");
  for (const char* text : {"0", "65", "15x", "99999999999999999999", "1.5", "SIG65"})
    expect_refused(parse_signal(text), text, "1 to 64");
}

TEST(Signal, HasANameThatReadsBackWhateverItsNumber) {
  EXPECT_EQ(signal_name(SIGKILL), "SIGKILL");
  EXPECT_EQ(signal_name(SIGRTMIN), "SIGRTMIN");
  EXPECT_EQ(signal_name(SIGRTMIN + 3), "SIGRTMIN+3");
  EXPECT_EQ(signal_name(32), "SIG32");
  for (int signal = 1; signal <= SIGRTMAX; ++signal)
    EXPECT_EQ(*parse_signal(signal_name(signal)), signal);
}

TEST(Signals, AreReadAsAListInItsOrder) {
  EXPECT_EQ(*parse_signals("TERM"), std::vector<int>{SIGTERM});
  EXPECT_EQ(*parse_signals("INT,term,9"), (std::vector<int>{SIGINT, SIGTERM, SIGKILL}));
}

TEST(Signals, OfWhichOneIsNoneNameThatOne) {
  expect_refused(parse_signals(""), "", "TERM");
  expect_refused(parse_signals("TERM,"), "", "TERM");
  expect_refused(parse_signals(",TERM"), "", "TERM");
  expect_refused(parse_signals("TERM,FOO,INT"), "FOO", "TERM");
  expect_refused(parse_signals("TERM, INT"), " INT", "TERM");
}

TEST(Number, IsReadWithinItsLimits) {
  EXPECT_EQ(*parse_number("0", 0, 10), 0);
  EXPECT_EQ(*parse_number("10", 0, 10), 10);
  EXPECT_EQ(*parse_number("-3", -5, 5), -3);
  EXPECT_EQ(*parse_number("9223372036854775807", 0, std::numeric_limits<std::int64_t>::max()), INT64_MAX);
}

TEST(Number, ThatIsNoneIsRefusedWithItsLimits) {
  for (const char* text :
       {"", " 1", "1 ", "1x", "1.0", "+1", "-1", "-0", "11", "0x1", "9223372036854775808", "1e1"})
    expect_refused(parse_number(text, 0, 10), text, "from 0 to 10");
}

TEST(Exit, IsSaidInWords) {
  EXPECT_EQ(exit_text(ExitInfo::code(3)), "code 3");
  EXPECT_EQ(exit_text(ExitInfo::signal(SIGKILL)), "SIGKILL");
  EXPECT_EQ(exit_text(ExitInfo::signal(SIGSEGV, true)), "SIGSEGV (core dumped)");
  EXPECT_EQ(exit_text(ExitInfo::unknown()), "unknown");
}

TEST(Exit, GivesTheCodeThatAShellWouldGive) {
  EXPECT_EQ(shell_code(ExitInfo::code(3)), 3);
  EXPECT_EQ(shell_code(ExitInfo::signal(SIGTERM)), 143);
  EXPECT_EQ(shell_code(ExitInfo::unknown()), 1);
}

TEST(ExitCodes, AreZeroWhereNothingIsSaid) {
  EXPECT_TRUE(ExitCodes().contains(ExitInfo::code(0)));
  EXPECT_FALSE(ExitCodes().contains(ExitInfo::code(1)));
  EXPECT_EQ(ExitCodes().text(), "0");
}

TEST(ExitCodes, AreCodesRangesAndSignals) {
  ExitCodes codes = *ExitCodes::parse("0,2,10-19,SIGTERM,hup");
  for (int code : {0, 2, 10, 15, 19})
    EXPECT_TRUE(codes.contains(ExitInfo::code(code))) << code;
  for (int code : {1, 3, 9, 20, 255})
    EXPECT_FALSE(codes.contains(ExitInfo::code(code))) << code;
  EXPECT_TRUE(codes.contains(ExitInfo::signal(SIGTERM)));
  EXPECT_TRUE(codes.contains(ExitInfo::signal(SIGHUP)));
  EXPECT_FALSE(codes.contains(ExitInfo::signal(SIGKILL)));
}

TEST(ExitCodes, KeepCodesAndSignalsOfTheSameNumberApart) {
  ExitCodes codes = *ExitCodes::parse("15");
  EXPECT_TRUE(codes.contains(ExitInfo::code(15)));
  EXPECT_FALSE(codes.contains(ExitInfo::signal(15)));
}

TEST(ExitCodes, NeverContainAnUnknownExit) {
  EXPECT_FALSE(ExitCodes::parse("0-255,TERM,KILL")->contains(ExitInfo::unknown()));
}

TEST(ExitCodes, ReadBackWhatTheyWrite) {
  for (const char* text : {"0", "0,2,10-19,SIGTERM", "SIGHUP", "0-255", "SIGRTMIN+3"}) {
    EXPECT_EQ(ExitCodes::parse(text)->text(), text);
    EXPECT_EQ(*ExitCodes::parse(ExitCodes::parse(text)->text()), *ExitCodes::parse(text));
  }
}

TEST(ExitCodes, ThatAreNoneAreRefusedWithTheBadPart) {
  for (const char* text : {"", "FOO", "-1", "-", " 1"})
    expect_refused(ExitCodes::parse(text), text, "0,2,10-19,SIGTERM");
  for (const char* text :
       {"256", "1-", "5-3", "1-256", "1--2", "0--0", "1 ", "1.5", "99999999999999999999", "1-2-3"})
    expect_refused(ExitCodes::parse(text), text, "0 to 255");
  expect_refused(ExitCodes::parse("0,"), "", "SIGTERM");
  expect_refused(ExitCodes::parse("0,300,2"), "300", "0 to 255");
}

TEST(Time, IsWrittenInUtcWithMilliseconds) {
  EXPECT_EQ(time_text(WallTime(Millis(0))), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(time_text(WallTime(Millis(1795195440123))), "2026-11-20T17:24:00.123Z");
}

TEST(Time, ReadsBackWhatItWrites) {
  for (std::int64_t ms :
       {0LL, 1LL, 951'782'399'999LL, 951'782'400'000LL, 1'795'195'440'123LL, 253'402'300'799'999LL})
    EXPECT_EQ(*parse_time(time_text(WallTime(Millis(ms)))), WallTime(Millis(ms)));
}

TEST(Time, MayLeaveOutTheMilliseconds) {
  EXPECT_EQ(*parse_time("2026-11-20T17:24:00Z"), WallTime(Millis(1795195440000)));
}

TEST(Time, ThatIsNoneIsRefusedWithAnExample) {
  for (const char* text :
       {"", "now", "2026-11-20", "2026-11-20 17:24:00Z", "2026-11-20T17:24:00", "2026-11-20T17:24:00.123",
        "2026-11-20T17:24:00.12Z", "2026-11-20T17:24:00.1234Z", "2026-11-20T17:24:00.123ZZ",
        "2026-11-20T24:00:00Z", "2026-11-20T17:60:00Z", "2026-11-20T17:24:61Z", "2026-00-20T17:24:00Z",
        "2026-11-00T17:24:00Z", "2026-11-20T-0:24:00Z", "2026-11-20T17:24:00+01:00", "-026-11-20T17:24:00Z",
        "2026-11-20T17:24:0 Z"})
    expect_refused(parse_time(text), text, "2026-11-20T17:24:00.123Z");
}

TEST(Time, OfADayThatTheCalendarLacksIsRefused) {
  for (const char* text : {"2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-04-31T00:00:00Z"})
    expect_refused(parse_time(text), text, "calendar");
  EXPECT_TRUE(parse_time("2028-02-29T00:00:00Z"));
}

}  // namespace
}  // namespace keeper
