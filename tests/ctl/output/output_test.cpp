// What people see: durations, tables, colours, and bytes that are made harmless.
#include <gtest/gtest.h>

#include <algorithm>

#include "ctl/output/app_table.hpp"
#include "ctl/output/colour.hpp"
#include "ctl/output/details.hpp"
#include "ctl/output/human.hpp"
#include "ctl/output/log_lines.hpp"
#include "ctl/output/table.hpp"
#include "protocol/base/escape.hpp"

namespace keeper {
namespace {

using std::string;

const WallTime kNow = *parse_time("2026-11-20T17:24:00.123Z");

std::vector<string> lines_of(const string& text) {
  std::vector<string> out;
  std::size_t from = 0;
  for (std::size_t end; (end = text.find('\n', from)) != string::npos; from = end + 1)
    out.push_back(text.substr(from, end - from));
  EXPECT_EQ(from, text.size()) << "the last line has no end";
  return out;
}

Status running(const string& name) {
  Status s;
  s.name = name;
  s.state = State::running;
  s.ready = true;
  s.pid = 1140;
  s.keeper_pid = 1138;
  s.command = {"node", "/srv/example.js"};
  s.uptime_ms = 5'021;
  s.restarts = 1;
  s.memory_bytes = 48'340'992;
  s.cpu_percent = 0.34;
  return s;
}

TEST(Human, DurationsNameTheirTwoLargestUnits) {
  EXPECT_EQ("0s", short_duration(-5));
  EXPECT_EQ("0s", short_duration(999));
  EXPECT_EQ("59s", short_duration(59'999));
  EXPECT_EQ("1m00s", short_duration(60'000));
  EXPECT_EQ("3m12s", short_duration(192'000));
  EXPECT_EQ("4h05m", short_duration((4 * 3600 + 5 * 60) * 1000));
  EXPECT_EQ("12d03h", short_duration(((12 * 24 + 3) * 3600LL + 59) * 1000));
}

TEST(Human, MemoryHasThreeDigitsOrSo) {
  EXPECT_EQ("0B", short_memory(0));
  EXPECT_EQ("1023B", short_memory(1023));
  EXPECT_EQ("980K", short_memory(980 << 10));
  EXPECT_EQ("46.1M", short_memory(48'340'992));
  EXPECT_EQ("1.0G", short_memory(1000ULL << 20));
  EXPECT_EQ("2.5T", short_memory(5ULL << 39));
}

TEST(Human, APercentageHasOneDecimal) {
  EXPECT_EQ("0.3%", short_percent(0.34));
  EXPECT_EQ("200.0%", short_percent(200));
}

TEST(Human, WhatIsDueIsNow) {
  EXPECT_EQ("in 28s", until_text(kNow + Millis(28'400), kNow));
  EXPECT_EQ("in 300ms", until_text(kNow + Millis(300), kNow));
  EXPECT_EQ("now", until_text(kNow, kNow));
}

TEST(Human, AnExitIsToldInWords) {
  EXPECT_EQ("SIGKILL after 1m30s (crash)", exit_words({ExitInfo::signal(9), kNow, 90'311, "crash", 7}));
  EXPECT_EQ("code 3 after 12ms", exit_words({ExitInfo::code(3), kNow, 12, "", 7}));
  EXPECT_EQ("code 4 after 0ms", exit_words({ExitInfo::code(4), kNow, 0, "", 7}));
  EXPECT_EQ("how it ended is unknown (reboot)", exit_words({ExitInfo::unknown(), {}, 0, "reboot", {}}));
}

TEST(Escape, ControlCharactersAreShownNotObeyed) {
  EXPECT_EQ("a\\x1b[31mb", escaped("a\x1b[31mb"));
  EXPECT_EQ("a\\nb\\tc\\rd\\x7f", escaped("a\nb\tc\rd\x7f"));
  EXPECT_EQ("\\xc2\\x9b", escaped("\xc2\x9b")) << "C1, which some terminals take for ESC [";
  EXPECT_EQ("a\\xe2\\x80\\xaeb", escaped("a\u202Eb")) << "right to left from here on";
  EXPECT_EQ("\\xe2\\x81\\xa6\\xe2\\x81\\xa9", escaped("\u2066\u2069"));
  EXPECT_EQ("\\xd8\\x9c\\xe2\\x80\\x8f", escaped("\u061C\u200F"));
  EXPECT_EQ("\\xe2\\x80\\xa8", escaped("\u2028")) << "a line of its own for some terminals";
  EXPECT_EQ("\\x00", escaped(std::string_view("\0", 1)));
}

TEST(Escape, TextOfAllLanguagesStays) {
  EXPECT_EQ("grüße 日本 😀", escaped("grüße 日本 😀"));
}

TEST(Escape, BytesThatAreNotUtf8AreShownAsBytes) {
  EXPECT_EQ("\\xff\\xfe", escaped("\xff\xfe"));
  EXPECT_EQ("\\xc0\\xaf", escaped("\xc0\xaf")) << "overlong";
  EXPECT_EQ("\\xed\\xa0\\x80", escaped("\xed\xa0\x80")) << "a surrogate";
  EXPECT_EQ("a\\xe2\\x82", escaped("a\xe2\x82")) << "cut short";
  EXPECT_EQ("\\xf4\\x90\\x80\\x80", escaped("\xf4\x90\x80\x80")) << "beyond U+10FFFF";
}

TEST(Escape, ALogLineKeepsItsColoursAndTabsAndNothingElse) {
  EXPECT_EQ("\x1b[1;31mred\x1b[0m\tx", escaped_log_line("\x1b[1;31mred\x1b[0m\tx"));
  EXPECT_EQ("\\x1b[2J\\x1b]0;title\\x07", escaped_log_line("\x1b[2J\x1b]0;title\x07"));
  EXPECT_EQ("\\x1b[31", escaped_log_line("\x1b[31")) << "a sequence without an end";
}

TEST(Escape, ATextIsCutAtACharacterAndSaysSo) {
  EXPECT_EQ("grüß", cut_to("grüß", 4));
  EXPECT_EQ("grü…", cut_to("grüße", 4));
  EXPECT_EQ("…", cut_to("grüße", 1));
  EXPECT_EQ("", cut_to("grüße", 0));
  EXPECT_EQ(4U, columns_of("grü…"));
}

TEST(Escape, ACommandIsQuotedAsAShellWouldReadIt) {
  EXPECT_EQ("sh -c 'echo hi'", command_line_text({"sh", "-c", "echo hi"}));
  EXPECT_EQ("x '' 'it'\\''s'", command_line_text({"x", "", "it's"}));
  EXPECT_EQ("'a\\nb'", command_line_text({"a\nb"}));
}

TEST(Colour, IsForTerminalsThatWantIt) {
  EXPECT_TRUE(colour_wanted(true, nullptr, "xterm"));
  EXPECT_TRUE(colour_wanted(true, "", "xterm")) << "an empty NO_COLOR asks for nothing";
  EXPECT_FALSE(colour_wanted(false, nullptr, "xterm"));
  EXPECT_FALSE(colour_wanted(true, "1", "xterm"));
  EXPECT_FALSE(colour_wanted(true, "0", "xterm")) << "any value that is not empty";
  EXPECT_FALSE(colour_wanted(true, nullptr, "dumb"));
}

TEST(Table, NumbersStandAtTheRightAndTheLastColumnHasNoPadding) {
  Table table({{"NAME"}, {"PID", true}, {"WHAT"}});
  table.add({{"a"}, {"7"}, {"x"}});
  table.add({{"longer"}, {"12345"}, {""}});
  EXPECT_EQ(
      "NAME      PID  WHAT\n"
      "a           7  x\n"
      "longer  12345  \n",
      table.text(std::nullopt, false));
}

TEST(Table, WidthsCountCharactersNotBytes) {
  Table table({{"NAME"}, {"X"}});
  table.add({{"grüße"}, {"1"}});
  table.add({{"abcde"}, {"2"}});
  EXPECT_EQ("NAME   X\ngrüße  1\nabcde  2\n", table.text(std::nullopt, false));
}

TEST(Table, ColourDoesNotWidenAColumn) {
  Table table({{"S"}, {"X"}});
  table.add({{"ok", Colour::green}, {"1"}});
  EXPECT_EQ("\x1b[1mS\x1b[0m   \x1b[1mX\x1b[0m\n\x1b[32mok\x1b[0m  1\n", table.text(std::nullopt, true));
  EXPECT_EQ("S   X\nok  1\n", table.text(std::nullopt, false));
}

TEST(Table, TheLongColumnIsCutBeforeAnyIsLeftOut) {
  Table table({{"A"}, {"B", true, 1}, {"COMMAND", false, 0, true}});
  table.add({{"a"}, {"1"}, {"a long command line"}});
  EXPECT_EQ("A  B  COMMAND\na  1  a long com…\n", table.text(17, false));
  EXPECT_EQ("A  B  COMMAND\na  1  a long…\n", table.text(13, false)) << "its title is always whole";
  EXPECT_EQ("A  COMMAND\na  a long c…\n", table.text(12, false)) << "now B goes, and there is room again";
}

TEST(Table, WhatMustBeShownIsShownAlsoWhereItDoesNotFit) {
  Table table({{"NAME"}, {"CPU", true, 1}});
  table.add({{"a-very-long-name"}, {"1"}});
  EXPECT_EQ("NAME\na-very-long-name\n", table.text(5, false));
}

TEST(AppTable, OneAppIsOneLine) {
  EXPECT_EQ(
      "NAME      PID  KEEPER  STATE    RESTARTS  UPTIME   CPU    MEM  COMMAND\n"
      "example  1140    1138  running         1      5s  0.3%  46.1M  node /srv/example.js\n",
      app_table({running("example")}, {}, kNow));
}

TEST(AppTable, NothingKeptIsAHeaderAlone) {
  EXPECT_EQ("NAME  PID  KEEPER  STATE  RESTARTS  UPTIME  CPU  MEM  COMMAND\n", app_table({}, {}, kNow));
}

TEST(AppTable, NoLineIsWiderThanTheTerminalAndColumnsGoInTheirOrder) {
  for (std::size_t width = 120; width >= 30; --width) {
    auto lines = lines_of(app_table({running("example")}, {width, false, false}, kNow));
    for (const string& line : lines)
      EXPECT_LE(columns_of(line), width);
    const string& header = lines.front();
    EXPECT_NE(string::npos, header.find("NAME"));
    EXPECT_NE(string::npos, header.find("STATE"));
    bool cpu = header.find("CPU") != string::npos, mem = header.find("MEM") != string::npos;
    EXPECT_TRUE(!cpu || mem) << header;
    EXPECT_TRUE(!mem || header.find("KEEPER") != string::npos) << header;
  }
  EXPECT_EQ(string::npos, app_table({running("example")}, {40, false, false}, kNow).find("KEEPER"));
}

TEST(AppTable, WithoutATerminalNothingIsCut) {
  Status s = running("example");
  s.command.push_back(string(500, 'x'));
  EXPECT_NE(string::npos, app_table({s}, {}, kNow).find(string(500, 'x')));
  EXPECT_EQ(string::npos, app_table({s}, {}, kNow).find('\x1b'));
}

TEST(AppTable, InBackoffTheUptimeSaysWhenItStarts) {
  Status s = running("api");
  s.state = State::backoff;
  s.pid.reset();
  s.uptime_ms.reset();
  s.next = Next{"start", kNow + Millis(28'000)};
  EXPECT_NE(string::npos, app_table({s}, {}, kNow).find("  in 28s  "));
}

TEST(AppTable, AnInstanceIsNamedWithItsNumberAndAnEndedAppHasDashes) {
  Status s = running("api");
  s.instance = 2;
  s.state = State::stopped;
  s.pid.reset();
  s.keeper_pid.reset();
  s.uptime_ms.reset();
  s.cpu_percent.reset();
  s.memory_bytes.reset();
  EXPECT_EQ("api:2    -       -  stopped         1       -    -    -  node /srv/example.js",
            lines_of(app_table({s}, {}, kNow))[1]);
}

TEST(AppTable, WideAddsColumns) {
  Status s = running("api");
  s.started_at = kNow;
  s.user = "web";
  s.version = "0.1.0";
  s.logs = {{"all", "/l/api.log", 5}};
  auto lines = lines_of(app_table({s}, {std::nullopt, false, true}, kNow));
  EXPECT_TRUE(lines[0].ends_with("STARTED               LOG         USER  NEXT  VERSION"));
  EXPECT_TRUE(lines[1].ends_with("2026-11-20T17:24:00Z  /l/api.log  web   -     0.1.0"));
}

TEST(AppTable, AHostileCommandCannotReachTheTerminal) {
  Status s = running("api");
  s.command = {"\x1b]0;gotcha\x07", "\n"};
  string text = app_table({s}, {}, kNow);
  EXPECT_EQ(2U, lines_of(text).size());
  EXPECT_EQ(string::npos, text.find('\x1b'));
}

TEST(Details, EveryValueIsHiddenInBothEnvironments) {
  Spec spec;
  spec.env = {{"API_KEY", "hunter2"}, {"DATABASE_URL", "postgres://app:hunter2@db"}, {"EMPTY", ""}};
  spec.environment = {"LANG=C", "A=b=hunter2", "hunter2", "KEEPER_HOME=/srv/keep"};
  Spec shown = without_values(spec);
  for (const char* key : {"API_KEY", "DATABASE_URL", "EMPTY"})
    EXPECT_EQ("***", shown.env[key]) << key;
  EXPECT_EQ((std::vector<string>{"LANG=***", "A=***", "***", "KEEPER_HOME=/srv/keep"}), shown.environment);
}

TEST(Details, ShowOnlyWhatIsNotAtItsDefault) {
  Spec spec;
  spec.name = "api";
  spec.max_restarts = 3;
  spec.env = {{"TOKEN", "hunter2"}};
  string text = details_text(running("api"), spec, false, kNow);
  EXPECT_NE(string::npos, text.find("max_restarts: 3\n"));
  EXPECT_NE(string::npos, text.find("env:          TOKEN=hunter2\n"));
  EXPECT_EQ(string::npos, text.find("stop_timeout"));
}

TEST(Details, AStateComesWithItsReason) {
  Status s = running("api");
  s.state = State::fatal;
  s.reason = "3 restarts in all";
  EXPECT_NE(string::npos, details_text(s, {}, false, kNow).find("state:    fatal: 3 restarts in all\n"));
}

TEST(LogLines, ALineIsBehindItsPrefix) {
  EXPECT_EQ("api | one\n", log_line_text("api | ", "one", false));
}

TEST(LogLines, OnATerminalALineIsHarmless) {
  EXPECT_EQ("\\x1b[2J\x1b[31mred\n", log_line_text("", "\x1b[2J\x1b[31mred\r", true));
}

TEST(LogLines, ElsewhereBytesStay) {
  EXPECT_EQ("\x1b[2J\xff\r\n", log_line_text("", "\x1b[2J\xff\r", false));
}

TEST(LogLines, AsJsonALineIsAnObject) {
  EXPECT_EQ(
      R"({"name":"api","stream":"all","t":"2026-11-20T17:24:00.123Z","msg":"a \"b\"\t","cursor":"x~y"})"
      "\n",
      log_line_json(
          {"api", {}, "all", *parse_time("2026-11-20T17:24:00.123Z"), "a \"b\"\t", false, false, "x~y"}));
  EXPECT_EQ(R"({"name":"api","instance":2,"stream":"err","base64":"Y2Fm6Q==","cursor":"x"})"
            "\n",
            log_line_json({"api", 2, "err", {}, "caf\xe9", false, false, "x"}));
}

TEST(LogLines, AsJsonTheKeepersOwnLinesSayWhoseTheyAre) {
  EXPECT_EQ(R"({"name":"api","stream":"keeper","msg":"[keeper] 5 bytes lost","cursor":"x"})"
            "\n",
            log_line_json({"api", {}, "all", {}, "[keeper] 5 bytes lost", false, false, "x"}));
}

TEST(LogLines, AsJsonTheKeepersOwnLinesSayItBehindTheirTimeToo) {
  EXPECT_EQ(
      R"({"name":"api","stream":"keeper","msg":"2026-11-20T17:24:00.123+01:00 [keeper] started","cursor":"x"})"
      "\n",
      log_line_json(
          {"api", {}, "all", {}, "2026-11-20T17:24:00.123+01:00 [keeper] started", false, false, "x"}));
}

TEST(LogLines, AsJsonPiecesOfALongLineSayWhichTheyAre) {
  EXPECT_EQ(R"({"name":"api","stream":"all","partial":true,"continued":true,"msg":"x","cursor":"x"})"
            "\n",
            log_line_json({"api", {}, "all", {}, "x", true, true, "x"}));
}

TEST(LogLines, AsJsonAnObjectOfTheLogKeepsItsMembers) {
  EXPECT_EQ(
      R"({"t":"2026-11-20T17:24:00.123+01:00","stream":"out","name":"api","pid":7,"data":{"a":1},"cursor":"x"})"
      "\n",
      log_line_json(
          {"api",
           1,
           "all",
           {},
           R"({"t":"2026-11-20T17:24:00.123+01:00","stream":"out","name":"api","pid":7,"data":{"a":1}})",
           false,
           false,
           "x"}));
  EXPECT_EQ(
      R"({"t":"now","stream":"out","msg":"","name":"api","instance":1,"cursor":"x"})"
      "\n",
      log_line_json({"api", 1, "all", {}, R"({"t":"now","stream":"out","msg":""})", false, false, "x"}));
}

TEST(Escape, OfJsonLeavesItJson) {
  EXPECT_EQ("{\"a\":\"x\\u202ey\\u009bz ü\\n\"}\n", escaped_json("{\"a\":\"x\u202Ey\xC2\x9Bz ü\\n\"}\n"));
}

TEST(Escape, OfLinesLeavesTheirEnds) {
  EXPECT_EQ("a\nb\\x1b\n", escaped_lines("a\nb\x1b\n"));
}

}  // namespace
}  // namespace keeper
