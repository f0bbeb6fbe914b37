// Readiness by a line of output.
#include "keeper/ready/log_match.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace keeper {
namespace {

using std::string;
using std::string_view;

std::unique_ptr<LogMatch> of(const string& expression) {
  auto made = LogMatch::make(expression);
  EXPECT_TRUE(made) << made.error().text();
  return std::move(*made);
}

bool in_one(const string& expression, string_view text) {
  return of(expression)->feed(text);
}

TEST(LogMatch, FindsALineAnywhereInTheOutput) {
  EXPECT_TRUE(in_one("listening on [0-9]+", "starting\nserver listening on 8080 now\nmore"));
  EXPECT_FALSE(in_one("listening on [0-9]+", "starting\nlistening on\n8080\n"));
}

TEST(LogMatch, WaitsForTheEndOfTheLine) {
  auto match = of("ready");
  EXPECT_FALSE(match->feed("ready"));
  EXPECT_FALSE(match->feed(" soon"));
  EXPECT_TRUE(match->feed("\n"));
  EXPECT_FALSE(match->feed("\n")) << "the next line is another one";
}

TEST(LogMatch, PutsALineTogetherHoweverItIsCut) {
  const string text = "one\nserver is ready now\nthree\n";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    auto match = of("^server is ready now$");
    bool found = false;
    for (std::size_t at = 0; at < text.size(); at += size)
      found |= match->feed(string_view(text).substr(at, size));
    EXPECT_TRUE(found) << size;
  }
}

TEST(LogMatch, KnowsTheStartAndTheEndOfALine) {
  EXPECT_TRUE(in_one("^up$", "down\nup\n"));
  EXPECT_TRUE(in_one("^up$", "up\r\n"));
  EXPECT_FALSE(in_one("^up$", "upper\nsup\n"));
  EXPECT_TRUE(in_one("^$", "\n"));
  EXPECT_TRUE(in_one("no|^up", "up\n"));
  EXPECT_FALSE(in_one("no|^up", "sup\n"));
}

TEST(LogMatch, TakesNulAndOtherBytesAsTheyAre) {
  EXPECT_TRUE(in_one("^a[^x]ready$", string_view("a\0ready\n", 8)));
  EXPECT_TRUE(in_one("\xE9t\xE9", "l'\xE9t\xE9\n"));
  EXPECT_FALSE(in_one("ready", string_view("re\0ady\n", 7)));
}

TEST(LogMatch, LooksAtTheFirstEightKibibytesOfALine) {
  const string front(8192 - 5, 'x');
  EXPECT_TRUE(in_one("ready", front + "ready and more\n"));
  EXPECT_FALSE(in_one("ready", front + "xready\n"));
  auto match = of("ready");
  ASSERT_FALSE(match->feed(string(9000, 'x')));
  for (int i = 0; i < 100; ++i)
    ASSERT_FALSE(match->feed("ready, but late"));
  EXPECT_FALSE(match->feed("\n"));
  EXPECT_TRUE(match->feed("ready\n"));
}

TEST(LogMatch, TakesNoLongerForALineThatAlmostMatchesEverywhere) {
  auto match = of("(a.*)*b$");
  string line(8000, 'a');
  line += '\n';
  auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i)
    ASSERT_FALSE(match->feed(line));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5))
      << "tried anew from each character it is a minute";
}

TEST(LogMatch, GoesOnForAsLongAsItIsFed) {
  auto match = of("(a|b)*a(a|b){6}$");
  string line;
  for (int i = 0; i < 3'000; ++i)
    line += i % 3 == 0 ? "ab" : "bb";
  line += "bbbbbbbb\n";
  for (int i = 0; i < 400; ++i)
    ASSERT_FALSE(match->feed(line));
  EXPECT_TRUE(match->feed("abbbbbb\n"));
}

TEST(LogMatch, SaysWhatIsWrongWithAnExpression) {
  auto made = LogMatch::make("(");
  ASSERT_FALSE(made);
  EXPECT_NE(string::npos, made.error().text().find("Unmatched (")) << made.error().text();
}

}  // namespace
}  // namespace keeper
