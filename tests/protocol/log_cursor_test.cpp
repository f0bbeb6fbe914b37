// Coming back to a place in a log.
#include "protocol/logs/cursor.hpp"

#include <gtest/gtest.h>

#include "log_place.hpp"
#include "protocol/logs/follower.hpp"

namespace keeper {
namespace {

using std::string;

class CursorTest : public testing::Test {
 protected:
  CursorTest() { place.write(place.path, "1\n2\n3\n"); }

  /// Behind these bytes of the log as it is.
  LogCursor behind(const string& bytes) const {
    FileFacts facts;
    look_at_file(place.path, facts);
    return {"api",
            "all",
            facts.inode,
            bytes.size(),
            facts.born,
            static_cast<std::uint32_t>(bytes.size()),
            checksum_of(bytes)};
  }
  string rest(const LogCursor& cursor, bool gone = false) const {
    auto found = place_of(place.path, cursor);
    if (!found) return found.error().text();
    EXPECT_EQ(gone, found->gone);
    auto follower = LogFollower::open_at(place.path, found->spot, LogFollower::Watch::no);
    string out;
    for (auto piece = follower->read(100); piece && !piece->empty(); piece = follower->read(100))
      out += *piece;
    return out;
  }

  LogPlace place;
};

TEST_F(CursorTest, IsTextThatIsReadBack) {
  LogCursor cursor = behind("1\n");
  cursor.stem = "api:2";
  auto read = LogCursor::parse(cursor.text());
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(cursor.text(), read->text());
  EXPECT_EQ("3\n", rest(*LogCursor::parse(behind("1\n2\n").text())));
}

TEST_F(CursorTest, WhatIsNoneIsRefused) {
  string good = behind("1\n").text();
  for (const string& text :
       {string(), string("x"), good + "~", good.substr(0, good.rfind('~')), good + "z",
        string("api~all~1~2~3~ffff~5"), string("api~all~1~2~3~9~5"), string("~all~1~2~3~1~5")})
    EXPECT_FALSE(LogCursor::parse(text)) << text;
}

TEST_F(CursorTest, IsFoundAgainAfterRotations) {
  LogCursor cursor = behind("1\n2\n");
  for (int i = 4; i < 7; ++i) {
    place.rotate(9);
    place.append(place.path, std::to_string(i) + "\n");
  }
  EXPECT_EQ("3\n4\n5\n6\n", rest(cursor));
}

TEST_F(CursorTest, IsFoundAgainInAFileThatWasPacked) {
  for (bool indexed : {true, false}) {
    place.write(place.path, "1\n2\n3\n");
    if (indexed) place.index({{"2026-11-20T10:00:00.000Z", 0}});
    LogCursor cursor = behind("1\n2\n");
    place.rotate(9);
    place.write(place.path, "another\n");
    place.pack(place.backup(1));
    EXPECT_EQ("3\nanother\n", rest(cursor)) << indexed;
    for (const char* end : {".gz", ".idx"})
      place.remove(place.backup(1) + end);
  }
}

TEST_F(CursorTest, OfAFileThatIsGoneGoesOnWithTheOldestThatWasMadeSince) {
  LogCursor cursor = behind("1\n2\n");
  place.rotate(9);
  place.write(place.path, "4\n");
  place.rotate(9);
  place.write(place.path, "5\n");
  cursor.born -= 1;  // the clock of files is coarse
  place.remove(place.backup(2));
  EXPECT_EQ("4\n5\n", rest(cursor, true));
}

TEST_F(CursorTest, OfAFileThatWasEmptiedBeginsAnew) {
  LogCursor cursor = behind("1\n2\n");
  std::filesystem::resize_file(place.path, 0);
  place.append(place.path, "9\n8\n7\n");
  EXPECT_EQ("9\n8\n7\n", rest(cursor, true));
}

}  // namespace
}  // namespace keeper
