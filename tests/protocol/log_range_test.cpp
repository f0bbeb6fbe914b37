// Parts of a log: by time, by run, the last lines.
#include "protocol/logs/range.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "log_place.hpp"
#include "protocol/logs/follower.hpp"
#include "protocol/logs/lines_in.hpp"

namespace keeper {
namespace {

using std::string;

WallTime at(const char* clock) {
  return *parse_time("2026-11-20T" + string(clock) + "Z");
}

LogRange all(const LogPlace& place) {
  auto range = whole_log(place.path);
  EXPECT_TRUE(range) << range.error().text();
  return *range;
}

/// The bytes of a range.
string text_of(const LogPlace& place, const LogRange& range) {
  string out;
  if (range.empty()) return out;
  auto follower = LogFollower::open_at(place.path, range.begin, LogFollower::Watch::no);
  follower->stop_at(range.end);
  for (;;) {
    auto piece = follower->read(1000);
    if (!piece || piece->empty()) return out;
    out += *piece;
  }
}

string between(const LogPlace& place, const char* since, const char* until, bool rough = false) {
  std::optional<WallTime> from, to;
  if (*since != 0) from = at(since);
  if (*until != 0) to = at(until);
  auto range = written_between(place.path, all(place), from, to);
  EXPECT_TRUE(range) << range.error().text();
  EXPECT_EQ(rough, range->rough);
  return text_of(place, *range);
}

string run(const LogPlace& place, const RunWanted& wanted) {
  auto range = range_of_run(place.path, all(place), wanted);
  EXPECT_TRUE(range) << range.error().text();
  return *range ? text_of(place, **range) : "no such run";
}

string stamped(const char* clock, const string& text) {
  return "2026-11-20T" + string(clock) + "Z " + text + "\n";
}

string marked(const char* clock, const string& text) {
  return "[keeper] 2026-11-20T" + string(clock) + "Z " + text + "\n";
}

TEST(LinesIn, AreTheSameForwardsAndBackwards) {
  LogPlace place;
  for (const string& text :
       {string("a\nbb\n\nccc\n"), string("a\nb"), string("\n"), string(""),
        string(200'000, 'x') + "\n" + string(65536, 'y') + "\n" + string(65535, 'z') + "\nend"}) {
    place.write(place.path, text);
    LogContent log(Fd(open(place.path.c_str(), O_RDONLY)), false);
    std::vector<string> forward, backward;
    LinesForward lines(log, 0, text.size());
    for (auto line = lines.next(); line && *line; line = lines.next())
      forward.push_back(std::to_string((*line)->begin) + "-" + std::to_string((*line)->end) +
                        string((*line)->text));
    LinesBackward back(log, 0, text.size());
    for (auto line = back.next(); line && *line; line = back.next())
      backward.insert(backward.begin(), std::to_string((*line)->begin) + "-" + std::to_string((*line)->end) +
                                            string((*line)->text));
    EXPECT_EQ(forward, backward);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n') + (!text.empty() && text.back() != '\n' ? 1 : 0),
              static_cast<std::ptrdiff_t>(forward.size()));
  }
}

TEST(WrittenBetween, LinesThatSayWhenAreTakenExactly) {
  LogPlace place;
  place.write(place.path,
              stamped("10:00:00.000", "a") + stamped("10:00:00.500", "b") + stamped("10:00:01.000", "c"));
  EXPECT_EQ(stamped("10:00:00.500", "b") + stamped("10:00:01.000", "c"), between(place, "10:00:00.500", ""));
  EXPECT_EQ(stamped("10:00:00.000", "a") + stamped("10:00:00.500", "b"), between(place, "", "10:00:00.500"));
  EXPECT_EQ(stamped("10:00:00.500", "b"), between(place, "10:00:00.001", "10:00:00.999"));
  EXPECT_EQ("", between(place, "10:00:00.600", "10:00:00.999"));
  EXPECT_EQ("", between(place, "11:00:00.000", ""));
  EXPECT_EQ("", between(place, "", "09:00:00.000"));
}

TEST(WrittenBetween, IsFoundInALargeLogOfLinesThatSayWhen) {
  LogPlace place;
  string text;
  for (int i = 0; i < 3600; ++i) {
    char clock[40];
    std::snprintf(clock, sizeof clock, "10:%02d:%02d.000", i / 60, i % 60);
    text += stamped(clock, std::to_string(i) + string(200, '.'));
  }
  place.write(place.path, text);
  for (int i : {0, 1, 1799, 3598}) {
    char since[40], until[40];
    std::snprintf(since, sizeof since, "10:%02d:%02d.000", i / 60, i % 60);
    std::snprintf(until, sizeof until, "10:%02d:%02d.000", (i + 1) / 60, (i + 1) % 60);
    EXPECT_EQ(stamped(since, std::to_string(i) + string(200, '.')) +
                  stamped(until, std::to_string(i + 1) + string(200, '.')),
              between(place, since, until));
  }
}

TEST(WrittenBetween, ARawLogIsFoundThroughItsIndex) {
  LogPlace place;
  place.write(place.path, "aa\nbb\ncc\ndd\n");
  place.index({{"2026-11-20T10:00:00.000Z", 0},
               {"2026-11-20T10:00:05.000Z", 3},
               {"2026-11-20T10:00:06.200Z", 6},
               {"2026-11-20T11:00:00.000Z", 9}});
  EXPECT_EQ("cc\ndd\n", between(place, "10:00:06.200", ""));
  EXPECT_EQ("cc\ndd\n", between(place, "10:00:06.000", ""));
  EXPECT_EQ("bb\ncc\ndd\n", between(place, "10:00:05.500", ""));  // bb: at 5.0, or as late as 5.999
  EXPECT_EQ("dd\n", between(place, "10:30:00.000", ""));
  EXPECT_EQ("aa\nbb\n", between(place, "", "10:00:05.000"));
  EXPECT_EQ("aa\n", between(place, "", "10:00:04.999"));
  EXPECT_EQ("bb\ncc\n", between(place, "10:00:05.000", "10:59:00.000"));
}

TEST(WrittenBetween, AnIndexOfAnotherFileIsNotBelieved) {
  LogPlace place;
  place.write(place.path, marked("10:00:00.000", "started pid 1") + "aa\n" +
                              marked("10:00:10.000", "pid 1 ended with code 0"));
  place.write_index(place.path + ".idx", 1, {{"2026-11-20T09:00:00.000Z", 3}});
  EXPECT_EQ("aa\n" + marked("10:00:10.000", "pid 1 ended with code 0"),
            between(place, "10:00:05.000", "", true));
}

TEST(WrittenBetween, AnIndexOfNonsenseDoesNoHarm) {
  LogPlace place;
  string text = stamped("10:00:00.000", "a") + stamped("10:00:05.000", "b");
  place.write(place.path, text);
  place.write_index(place.path + ".idx", place.inode_of(place.path),
                    {{"2026-11-20T10:00:04.000Z", 1'000'000},
                     {"2026-11-20T10:00:02.000Z", 7},
                     {"2026-11-20T10:00:01.000Z", 999}});
  for (const char* since : {"09:00:00.000", "10:00:01.000", "10:00:03.000", "10:00:05.000"})
    EXPECT_TRUE(between(place, since, "").ends_with(stamped("10:00:05.000", "b"))) << since;
}

TEST(WrittenBetween, AnEntryInTheMiddleOfALineBeginsAtTheNext) {
  LogPlace place;
  place.write(place.path, "first line\nsecond\n");
  place.index({{"2026-11-20T10:00:00.000Z", 0}, {"2026-11-20T10:00:05.000Z", 6}});
  EXPECT_EQ("second\n", between(place, "10:00:05.000", ""));
  EXPECT_EQ("first line\n", between(place, "", "10:00:04.000"));
}

TEST(WrittenBetween, ReachesOverBackupsAndPackedOnes) {
  LogPlace place;
  Entries entries = {{"2026-11-20T10:00:00.000Z", 0}};
  const char* hours[] = {"2026-11-20T10:00:00.000Z", "2026-11-20T11:00:00.000Z", "2026-11-20T12:00:00.000Z",
                         "2026-11-20T13:00:00.000Z"};
  place.write(place.path, "1\n");
  for (int i = 0; i < 4; ++i) {
    if (i > 0) {
      place.rotate(4);
      place.append(place.path, std::to_string(i + 1) + "\n");
    }
    place.index({{hours[i], 0}});
  }
  place.pack(place.backup(3));
  place.pack(place.backup(2));
  EXPECT_EQ("2\n3\n", between(place, "10:30:00.000", "12:30:00.000"));
  EXPECT_EQ("1\n", between(place, "", "10:30:00.000"));
  EXPECT_EQ("4\n", between(place, "12:30:00.000", ""));
  EXPECT_EQ("1\n2\n3\n4\n", between(place, "09:00:00.000", ""));
}

TEST(WrittenBetween, ALogThatSaysNothingIsShownWhereItMayBeMeant) {
  LogPlace place;
  place.write(place.path, "aa\nbb\n");
  auto range = written_between(
      place.path, all(place),
      std::chrono::floor<Millis>(std::chrono::system_clock::now()) + std::chrono::hours(1), {});
  EXPECT_EQ("", text_of(place, *range));  // it was last written to before that
  range = written_between(
      place.path, all(place),
      std::chrono::floor<Millis>(std::chrono::system_clock::now()) - std::chrono::hours(1), {});
  EXPECT_EQ("aa\nbb\n", text_of(place, *range));  // it was made after that
  EXPECT_FALSE(range->rough);
}

TEST(WrittenBetween, TheClockOfFilesMayBeBehindThatOfTheRecords) {
  LogPlace place;
  place.write(place.path, "aa\n");
  FileFacts facts;
  look_at_file(place.path, facts);
  WallTime changed(Millis(facts.changed / 1'000'000));
  EXPECT_EQ("aa\n", text_of(place, *written_between(place.path, all(place), changed + Millis(9), {})));
  EXPECT_EQ("", text_of(place, *written_between(place.path, all(place), changed + Millis(50), {})));
}

TEST(LastLines, AreCountedWithinARangeAndAmongThoseThatAreWanted) {
  LogPlace place;
  place.write(place.backup(1), "a1\nb1\na2\n");
  place.write(place.path, "b2\na3\nb3\n");
  auto wants_a = [](std::string_view line) { return line.starts_with('a'); };
  EXPECT_EQ("a3\nb3\n", text_of(place, *last_lines(place.path, all(place), 1, wants_a)));
  EXPECT_EQ("a2\nb2\na3\nb3\n", text_of(place, *last_lines(place.path, all(place), 2, wants_a)));
  EXPECT_EQ("a1\nb1\na2\nb2\na3\nb3\n", text_of(place, *last_lines(place.path, all(place), 9, wants_a)));
  EXPECT_EQ("a2\nb2\na3\nb3\n", text_of(place, *last_lines(place.path, all(place), 4, nullptr)));
  EXPECT_EQ("", text_of(place, *last_lines(place.path, all(place), 0, nullptr)));
  LogRange part = all(place);
  part.begin.offset = 6;
  part.end.offset = 6;
  EXPECT_EQ("b2\na3\n", text_of(place, *last_lines(place.path, part, 2, nullptr)));
  EXPECT_EQ("a2\nb2\na3\n", text_of(place, *last_lines(place.path, part, 9, nullptr)));
  EXPECT_EQ("", text_of(place, *last_lines(place.path + ".none", LogRange{}, 9, nullptr)));
}

class RunOfLog : public testing::Test {
 protected:
  RunOfLog() {
    place.write(place.backup(1), marked("10:00:00.000", "started pid 5") + "one\n" +
                                     marked("10:00:10.000", "pid 5 ended with code 0 after 10 s") +
                                     marked("10:00:10.100", "started pid 6") + "two\n");
    place.write(place.path, "three\n" + marked("10:00:20.000", "pid 6 was ended by SIGKILL after 10 s") +
                                marked("10:00:20.100", "started pid 5") + "four\n");
  }
  LogPlace place;
};

TEST_F(RunOfLog, IsWhatStandsBetweenItsMarks) {
  EXPECT_EQ(marked("10:00:10.100", "started pid 6") + "two\nthree\n" +
                marked("10:00:20.000", "pid 6 was ended by SIGKILL after 10 s"),
            run(place, {6, {}, {}, false}));
  EXPECT_EQ(marked("10:00:10.100", "started pid 6") + "two\nthree\n" +
                marked("10:00:20.000", "pid 6 was ended by SIGKILL after 10 s"),
            run(place, {6, at("10:00:10.099"), at("10:00:20.001"), false}));
}

TEST_F(RunOfLog, OfAPidThatCameAgainIsTheNewest) {
  EXPECT_EQ(marked("10:00:20.100", "started pid 5") + "four\n", run(place, {5, {}, {}, false}));
  EXPECT_EQ(marked("10:00:20.100", "started pid 5") + "four\n",
            run(place, {5, at("10:00:20.100"), {}, true}));
}

TEST_F(RunOfLog, ThatTheRecordKnowsTheTimesOfIsThatOne) {
  EXPECT_EQ(marked("10:00:00.000", "started pid 5") + "one\n" +
                marked("10:00:10.000", "pid 5 ended with code 0 after 10 s"),
            run(place, {5, at("10:00:00.000"), at("10:00:10.000"), false}));
}

TEST_F(RunOfLog, ThatNothingIsKnownOfIsNone) {
  EXPECT_EQ("no such run", run(place, {7, {}, {}, false}));
}

TEST_F(RunOfLog, WithoutMarksIsKnownByItsTimes) {
  place.remove(place.backup(1));
  place.write(place.path, "aa\nbb\ncc\n");
  place.index(
      {{"2026-11-20T10:00:00.000Z", 0}, {"2026-11-20T10:00:05.000Z", 3}, {"2026-11-20T10:01:00.000Z", 6}});
  EXPECT_EQ("bb\n", run(place, {6, at("10:00:04.900"), at("10:00:59.000"), false}));
  EXPECT_EQ("bb\ncc\n", run(place, {6, at("10:00:05.000"), {}, true}));
}

}  // namespace
}  // namespace keeper
