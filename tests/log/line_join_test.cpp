#include "keeper/log/line_join.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <utility>
#include <vector>

namespace keeper {
namespace {

using std::string;
using Words = std::vector<string>;

class LineJoinTest : public testing::Test {
 protected:
  void line(const LinePiece& piece) { join.feed(piece, take); }
  void lines(std::initializer_list<const char*> all) {
    for (const char* text : all)
      line({text});
  }
  Words taken() { return std::exchange(words, {}); }

  Words words;
  std::function<void(const LinePiece&)> take = [this](const LinePiece& piece) {
    words.push_back((piece.continued ? "..." : "") + string(piece.bytes) + (piece.partial ? "..." : ""));
  };
  LineJoin join{*LineMatcher::make("^[0-9]")};
};

using Join = LineJoinTest;

TEST_F(Join, GivesARecordWhenTheNextOneBegins) {
  lines({"1 error", " at a", "", " at b", "2 fine", "3 fine"});
  EXPECT_EQ(taken(), (Words{"1 error\n at a\n\n at b", "2 fine"}));
  EXPECT_TRUE(join.waits());
  join.end(take);
  EXPECT_EQ(taken(), Words{"3 fine"});
  EXPECT_FALSE(join.waits());
}

TEST_F(Join, JoinsWhatComesBeforeTheFirstRecord) {
  lines({"hello", "world", "1"});
  EXPECT_EQ(taken(), Words{"hello\nworld"});
}

TEST_F(Join, GivesARecordThatIsAskedForAndMarksWhatComesLater) {
  lines({"1 error", " at a"});
  join.flush(take);
  join.flush(take);
  EXPECT_EQ(taken(), Words{"1 error\n at a"});
  lines({" at b", " at c", "2"});
  EXPECT_EQ(taken(), Words{"... at b\n at c"});
  join.end(take);
  lines({" next run"});
  join.end(take);
  EXPECT_EQ(taken(), (Words{"2", " next run"}));
}

TEST_F(Join, PutsThePiecesOfALineTogether) {
  line({"1 lo", true, false});
  line({"2 ng", true, true});  // looks like a beginning, and is none
  line({" line", false, true});
  lines({" at a", "2"});
  EXPECT_EQ(taken(), Words{"1 lo2 ng line\n at a"});
}

TEST_F(Join, SaysThatTheLastLineIsAPiece) {
  line({"1 Password: ", true, false});
  join.flush(take);
  line({"ok", false, true});
  join.end(take);
  EXPECT_EQ(taken(), (Words{"1 Password: ...", "...ok"}));
}

TEST_F(Join, EndsARecordOf64KiB) {
  string half(LineJoin::kMostBytes / 2, 'x');
  line({"1"});
  line({half});
  line({half});
  line({"y"});
  line({"2"});
  EXPECT_EQ(taken(), (Words{"1\n" + half + "...", "..." + half + "\ny"}));
}

TEST_F(Join, EndsARecordOfAThousandLines) {
  line({"1"});
  for (int i = 0; i < 2000; ++i)
    line({""});
  join.end(take);
  ASSERT_EQ(words.size(), 3u);
  EXPECT_EQ(words[0], "1" + string(999, '\n') + "...");
  EXPECT_EQ(words[1], "..." + string(999, '\n') + "...");
  EXPECT_EQ(words[2], "...");
}

TEST_F(Join, OfAMatcherThatCannotBeMadeSaysWhy) {
  auto matcher = LineMatcher::make("(");
  ASSERT_FALSE(matcher);
  EXPECT_EQ(matcher.error().reason, Reason::invalid);
}

}  // namespace
}  // namespace keeper
