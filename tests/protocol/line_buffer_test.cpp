#include "protocol/base/line_buffer.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace keeper {
namespace {

using Lines = std::vector<std::string>;

Lines take_all(LineBuffer& buffer) {
  Lines out;
  while (auto line = buffer.next())
    out.emplace_back(*line);
  return out;
}

Lines lines_of(std::string_view text, std::size_t chunk, std::size_t most = 100) {
  LineBuffer buffer(most);
  Lines out;
  for (; !text.empty(); text.remove_prefix(std::min(chunk, text.size()))) {
    buffer.add(text.substr(0, chunk));
    for (std::string& line : take_all(buffer))
      out.push_back(std::move(line));
  }
  return out;
}

TEST(LineBuffer, HasNothingAtFirst) {
  LineBuffer buffer(10);
  EXPECT_FALSE(buffer.next());
  EXPECT_EQ(buffer.pending(), 0u);
  EXPECT_FALSE(buffer.too_long());
}

TEST(LineBuffer, GivesTheSameLinesHoweverTheBytesArrive) {
  for (std::size_t chunk = 1; chunk < 20; ++chunk)
    EXPECT_EQ(lines_of("one\ntwo\r\n\n\r\nfive\nrest", chunk), (Lines{"one", "two", "", "", "five"}))
        << chunk;
}

TEST(LineBuffer, KeepsWhatIsNoWholeLineYet) {
  LineBuffer buffer(10);
  buffer.add("ab");
  EXPECT_FALSE(buffer.next());
  EXPECT_EQ(buffer.pending(), 2u);
  buffer.add("c\nd");
  EXPECT_EQ(take_all(buffer), Lines{"abc"});
  EXPECT_EQ(buffer.pending(), 1u);
}

TEST(LineBuffer, TakesOneCarriageReturnFromTheEndOnly) {
  EXPECT_EQ(lines_of("a\rb\r\r\n", 100), Lines{"a\rb\r"});
}

TEST(LineBuffer, PassesNulAndOtherBytesOn) {
  std::string bytes("a\0b\xFF\n", 5);
  EXPECT_EQ(lines_of(bytes, 2), Lines{std::string("a\0b\xFF", 4)});
}

TEST(LineBuffer, TakesALineOfExactlyTheMaximum) {
  for (std::size_t chunk : {1u, 3u, 100u})
    EXPECT_EQ(lines_of("12345\n", chunk, 5), Lines{"12345"});
}

TEST(LineBuffer, RefusesALineOverTheMaximumHoweverItArrives) {
  for (std::size_t chunk : {1u, 3u, 7u, 100u}) {
    EXPECT_EQ(lines_of("ok\n123456\nmore\n", chunk, 5), Lines{"ok"}) << chunk;
  }
}

TEST(LineBuffer, GivesTheLinesBeforeTheOneThatIsTooLong) {
  LineBuffer buffer(5);
  buffer.add("a\nb\n123456");
  EXPECT_EQ(take_all(buffer), (Lines{"a", "b"}));
  EXPECT_TRUE(buffer.too_long());
}

TEST(LineBuffer, KeepsNothingMoreOnceALineWasTooLong) {
  LineBuffer buffer(5);
  buffer.add("123456");
  EXPECT_FALSE(buffer.next());
  ASSERT_TRUE(buffer.too_long());
  buffer.add("\nok\n");
  EXPECT_FALSE(buffer.next());
  EXPECT_EQ(buffer.pending(), 0u);
}

TEST(LineBuffer, WaitsForTheEndOfALineOfTheMaximum) {
  LineBuffer buffer(5);
  buffer.add("12345");
  EXPECT_FALSE(buffer.next());
  EXPECT_FALSE(buffer.too_long());
  buffer.add("\n");
  EXPECT_EQ(take_all(buffer), Lines{"12345"});
}

TEST(SplitLines, OfAWholeTextEndWithOrWithoutANewline) {
  EXPECT_EQ(Lines{}, split_lines(""));
  EXPECT_EQ((Lines{"a", "", "b"}), split_lines("a\n\nb"));
  EXPECT_EQ((Lines{"a", "", "b"}), split_lines("a\n\nb\n"));
  EXPECT_EQ(Lines{""}, split_lines("\n"));
}

TEST(LineBuffer, LooksAtEveryByteOnceWhileALineGrows) {
  // A million pieces of one line: were each of them searched from the start, this would take minutes.
  LineBuffer buffer(2 << 20);
  for (int i = 0; i < 1'000'000; ++i) {
    buffer.add("x");
    ASSERT_FALSE(buffer.next());
  }
  buffer.add("\n");
  auto line = buffer.next();
  ASSERT_TRUE(line);
  EXPECT_EQ(line->size(), 1'000'000u);
}

}  // namespace
}  // namespace keeper
