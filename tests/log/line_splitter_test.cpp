#include "keeper/log/line_splitter.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace keeper {
namespace {

using std::string;
using std::string_view;

/// Pieces as words: "text", with "..." where the line goes on behind it, or has begun before it.
struct Pieces {
  std::vector<string> words;
  void operator()(const LinePiece& piece) {
    words.push_back((piece.continued ? "..." : "") + string(piece.bytes) + (piece.partial ? "..." : ""));
  }
};

std::vector<string> pieces_of(string_view text, std::size_t chunk, std::size_t most) {
  LineSplitter splitter(most);
  Pieces out;
  for (; !text.empty(); text.remove_prefix(std::min(chunk, text.size()))) {
    splitter.feed(text.substr(0, chunk), out);
    EXPECT_LE(splitter.waiting(), most);
  }
  splitter.end(out);
  return out.words;
}

using Words = std::vector<string>;

TEST(LineSplitter, GivesTheSameLinesHoweverTheBytesArrive) {
  for (std::size_t chunk = 1; chunk < 20; ++chunk)
    EXPECT_EQ(pieces_of("one\ntwo\n\n\nthree\n", chunk, 100), (Words{"one", "two", "", "", "three"}))
        << chunk;
}

TEST(LineSplitter, GivesALineThatIsThereAsItLiesThere) {
  const string_view text = "one\ntwo\n";
  std::vector<const char*> places;
  LineSplitter splitter;
  splitter.feed(text, [&](const LinePiece& piece) { places.push_back(piece.bytes.data()); });
  EXPECT_EQ(places, (std::vector<const char*>{text.data(), text.data() + 4}));
}

TEST(LineSplitter, PassesEveryByteOn) {
  const string text("a\0b\r\xFF\n\r\n", 8);
  for (std::size_t chunk = 1; chunk < 9; ++chunk)
    EXPECT_EQ(pieces_of(text, chunk, 100), (Words{string("a\0b\r\xFF", 5), "\r"})) << chunk;
}

TEST(LineSplitter, CutsALongLineIntoPiecesThatSaySo) {
  for (std::size_t chunk = 1; chunk < 20; ++chunk) {
    EXPECT_EQ(pieces_of("12345\nx\n", chunk, 5), (Words{"12345", "x"})) << chunk;
    EXPECT_EQ(pieces_of("123456\nx\n", chunk, 5), (Words{"12345...", "...6", "x"})) << chunk;
    EXPECT_EQ(pieces_of("1234567890\n\nx", chunk, 5), (Words{"12345...", "...67890", "", "x..."})) << chunk;
    EXPECT_EQ(pieces_of("a\n12345678901\n", chunk, 5), (Words{"a", "12345...", "...67890...", "...1"}))
        << chunk;
  }
}

TEST(LineSplitter, DoesNotCutWithinACharacter) {
  // One byte, two, three and four.
  const string text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xb1";
  for (std::size_t chunk = 1; chunk < 12; ++chunk) {
    EXPECT_EQ(pieces_of(text + "\n", chunk, 5),
              (Words{"a\xc3\xa9...", "...\xe2\x82\xac...", "...\xf0\x9f\x90\xb1"}));
    EXPECT_EQ(pieces_of(text + "\n", chunk, 9), (Words{"a\xc3\xa9\xe2\x82\xac...", "...\xf0\x9f\x90\xb1"}));
    // What is none is cut where it has to be.
    EXPECT_EQ(pieces_of("\x80\x80\x80\x80\x80\x80\n", chunk, 5),
              (Words{"\x80\x80\x80\x80\x80...", "...\x80"}));
  }
}

TEST(LineSplitter, HasABoundOf64KiBForOneLine) {
  string line(LineSplitter::kMostLine, 'x');
  EXPECT_EQ(pieces_of(line + "\n", 1000, LineSplitter::kMostLine), Words{line});
  EXPECT_EQ(pieces_of(line + "y\n", 1000, LineSplitter::kMostLine), (Words{line + "...", "...y"}));
}

TEST(LineSplitter, GivesAPartialLineWhenItIsAskedTo) {
  LineSplitter splitter;
  Pieces out;
  splitter.feed("one\nPassword: ", out);
  EXPECT_TRUE(splitter.waits());
  splitter.flush(out);
  EXPECT_FALSE(splitter.waits());
  splitter.flush(out);
  splitter.feed("ok", out);
  splitter.flush(out);
  splitter.feed(", thanks\ntwo\n", out);
  EXPECT_EQ(out.words, (Words{"one", "Password: ...", "...ok...", "..., thanks", "two"}));
}

TEST(LineSplitter, EndsAPartialLineWithAnEmptyPieceWhenOnlyItsNewlineWasMissing) {
  LineSplitter splitter;
  Pieces out;
  splitter.feed("a", out);
  splitter.flush(out);
  splitter.feed("\nb\n", out);
  EXPECT_EQ(out.words, (Words{"a...", "...", "b"}));
}

TEST(LineSplitter, BeginsALineAfterTheEndOfARun) {
  LineSplitter splitter;
  Pieces out;
  splitter.feed("dying wor", out);
  splitter.end(out);
  splitter.feed("hello\n", out);
  splitter.feed("x", out);
  splitter.flush(out);
  splitter.end(out);  // nothing waits, yet the line is over
  splitter.feed("y\n", out);
  EXPECT_EQ(out.words, (Words{"dying wor...", "hello", "x...", "y"}));
}

}  // namespace
}  // namespace keeper
