#include "keeper/log/line_formatter.hpp"

#include <gtest/gtest.h>

namespace keeper {
namespace {

using std::string;
using std::string_view;

const WallTime kTime{Millis(1'795'000'000'000)};

std::unique_ptr<LineMatcher> matcher(const string& expression) {
  auto made = LineMatcher::make(expression);
  EXPECT_TRUE(made);
  return std::move(*made);
}

/// Fed as the log feeds it: what is not used is handed in again with what comes behind it.
class Fed {
 public:
  explicit Fed(LineFormatter::Format format, std::unique_ptr<LineMatcher> starts = nullptr)
      : formatter_(std::move(format), LogStream::out, std::move(starts)) {}
  Fed& feed(string_view bytes) {
    waiting_ += bytes;
    waiting_.erase(0, formatter_.feed(waiting_, kTime, 7));
    return *this;
  }
  Fed& finish() {
    formatter_.finish(waiting_, kTime, 7);
    waiting_.clear();
    return *this;
  }
  Fed& end_run() {
    formatter_.end_run();
    return *this;
  }
  const string& waiting() const { return waiting_; }
  /// What is ready, each line without its time.
  string take() {
    string out;
    string_view rest = formatter_.out();
    for (auto end = rest.find('\n'); end != string_view::npos; end = rest.find('\n')) {
      string_view line = rest.substr(0, end + 1);
      auto space = line.starts_with("20") ? line.find(' ') + 1 : 0;
      out += line.substr(space);
      rest.remove_prefix(end + 1);
    }
    formatter_.clear();
    return out + string(rest);
  }
  LineFormatter& formatter() { return formatter_; }

 private:
  LineFormatter formatter_;
  string waiting_;
};

TEST(LineFormatter, LeavesTheBeginningOfALineToItsEnd) {
  Fed fed{TimeFormat()};
  EXPECT_EQ("one\n", fed.feed("one\ntw").take());
  EXPECT_EQ("tw", fed.waiting());
  EXPECT_EQ("", fed.feed("o").take());
  EXPECT_EQ("two\n", fed.feed("\n").take());
  EXPECT_EQ("", fed.waiting());
}

TEST(LineFormatter, SaysOfPiecesThatTheyAreSome) {
  Fed fed{TimeFormat()};
  EXPECT_EQ("pass [partial]\n", fed.feed("pass").finish().take());
  EXPECT_EQ("[continued] word\nnext\n", fed.feed("word\nnext\n").take());
  // A run that ended has no lines that go on.
  EXPECT_EQ("half [partial]\n", fed.feed("half").finish().end_run().take());
  EXPECT_EQ("new\n", fed.feed("new\n").take());
}

TEST(LineFormatter, CutsALineAtItsMostAndKeepsAllOfIt) {
  Fed fed{TimeFormat()};
  string out = fed.feed(string(LineSplitter::kMostLine + 10, 'x') + "\n").take();
  EXPECT_EQ(string(LineSplitter::kMostLine, 'x') + " [partial]\n[continued] xxxxxxxxxx\n", out);
  EXPECT_EQ("", fed.waiting());
}

TEST(LineFormatter, LeavesAWholeRecordUntilTheNextBegins) {
  Fed fed{TimeFormat(), matcher("^[^ ]")};
  EXPECT_EQ("", fed.feed("first\n  more\n  and ").take());
  EXPECT_EQ("first\n  more\n  and ", fed.waiting());
  EXPECT_EQ("first\n  more\n  and more\n", fed.feed("more\nsecond\n").take());
  EXPECT_EQ("second\n", fed.waiting());
  EXPECT_EQ("second\n", fed.finish().take());
  EXPECT_EQ("", fed.waiting());
  EXPECT_EQ("[continued]   late\n", fed.feed("  late\n").finish().take());
  EXPECT_EQ("third\n", fed.feed("third\n").finish().end_run().take());
}

TEST(LineFormatter, StopsBehindTheLineThatIsEnough) {
  LineFormatter formatter(TimeFormat(), LogStream::out, nullptr);
  EXPECT_EQ(4u, formatter.feed("one\ntwo\nthr", kTime, 7, 1));
  formatter.clear();
  EXPECT_EQ(4u, formatter.feed("two\nthr", kTime, 7, 1));
  formatter.clear();
  EXPECT_EQ(0u, formatter.feed("thr", kTime, 7, 1));
}

TEST(LineFormatter, StopsBehindTheRecordThatIsEnough) {
  LineFormatter formatter(TimeFormat(), LogStream::out, matcher("^[^ ]"));
  EXPECT_EQ(12u, formatter.feed("first\n more\nsecond\n more\nthird\n", kTime, 7, 1));
  EXPECT_TRUE(formatter.out().ends_with(" first\n more\n"));
}

/// All of a long line at once, with its end: the pieces that wait are handed in again.
TEST(LineFormatter, APieceThatIsHandedInAgainIsStillContinued) {
  const string x(LineSplitter::kMostLine, 'x'), y(LineSplitter::kMostLine, 'y');
  Fed fed{TimeFormat(), matcher("^[a-z]")};
  EXPECT_EQ(x + " [partial]\n[continued] " + y + " [partial]\n", fed.feed(x + y + "zz\n").take());
  EXPECT_EQ("zz\n", fed.waiting());
  EXPECT_EQ("[continued] zz\n", fed.finish().take());
}

/// Fed to formatters of which each goes on where the one before was, as keepers do, it comes to the same.
TEST(LineFormatter, AnotherOneGoesOnWithWhatTheStateSays) {
  const string x(LineSplitter::kMostLine, 'x'), text = "one\n" + x + x + "end\ntwo\n" + x + "\n  more\n";
  for (bool joins : {false, true}) {
    auto starts = [&] { return joins ? matcher("^[a-z]") : nullptr; };
    Fed one{TimeFormat(), starts()};
    string expected = one.feed(text).take();
    expected += one.finish().take();
    string actual, rest = text;
    std::uint8_t state = 0;
    while (!rest.empty()) {
      LineFormatter formatter(TimeFormat(), LogStream::out, starts());
      formatter.go_on(state);
      std::size_t used = formatter.feed(rest, kTime, 7, 1);
      if (used == 0) formatter.finish(rest, kTime, 7), used = rest.size();
      actual += formatter.out();
      state = formatter.state();
      rest.erase(0, used);
    }
    string stamp = one.formatter().own_line("", kTime, 7);
    stamp.resize(stamp.find(' ') + 1);
    for (auto at = actual.find(stamp); at != string::npos; at = actual.find(stamp))
      actual.erase(at, stamp.size());
    EXPECT_TRUE(expected == actual) << joins;
  }
}

TEST(LineFormatter, DressesKeepersOwnLines) {
  Fed time{TimeFormat()}, json{JsonFormat("api")};
  EXPECT_TRUE(time.formatter().own_line("started pid 7", kTime, 7).ends_with("Z [keeper] started pid 7\n"));
  string line = json.formatter().own_line("started pid 7", kTime, 7);
  EXPECT_NE(string::npos, line.find(R"("stream":"keeper","name":"api","pid":7,"msg":"started pid 7"})"))
      << line;
  EXPECT_EQ("", time.take());
}

}  // namespace
}  // namespace keeper
