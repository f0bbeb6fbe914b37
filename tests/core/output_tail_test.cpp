// The last lines of a text. (What an OutputTail holds is seen in the records: recorder_test.cpp.)
#include "keeper/core/output_tail.hpp"

#include <gtest/gtest.h>

namespace keeper {
namespace {

TEST(LastLines, AreAsManyAsAreAskedForOrAllOfThem) {
  EXPECT_EQ("", last_lines("one\ntwo\nthree", 0));
  EXPECT_EQ("three", last_lines("one\ntwo\nthree", 1));
  EXPECT_EQ("two\nthree", last_lines("one\ntwo\nthree", 2));
  EXPECT_EQ("one\ntwo\nthree", last_lines("one\ntwo\nthree", 3));
  EXPECT_EQ("one\ntwo\nthree", last_lines("one\ntwo\nthree", ~0ull));
}

TEST(LastLines, MayBeEmptyOnes) {
  EXPECT_EQ("", last_lines("", 1));
  EXPECT_EQ("", last_lines("one\n", 1));
  EXPECT_EQ("one\n", last_lines("one\n", 2));
  EXPECT_EQ("\n", last_lines("one\n\n", 2));
}

}  // namespace
}  // namespace keeper
