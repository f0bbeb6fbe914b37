// What is known of a piece of output whose writer was killed on the way.
#include "keeper/log/piece.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "tests/edges/support/place.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

struct Scene {
  Place place;
  Pipe pipe;
  PieceMark mark{};
  CopyPipe second = std::move(*CopyPipe::make());
  string log = (place / "x.log").string();

  Scene(const string& in_file, const string& in_pipe) {
    write_text(log, in_file);
    fcntl(pipe.reading.get(), F_SETFL, O_NONBLOCK);
    EXPECT_EQ(static_cast<ssize_t>(in_pipe.size()),
              write(pipe.writing.get(), in_pipe.data(), in_pipe.size()));
  }
  std::uint64_t inode(const string& path) {
    struct stat st {};
    stat(path.c_str(), &st);
    return st.st_ino;
  }
  void begin(PieceMark::Kind kind, std::uint64_t offset, std::size_t bytes) {
    begin_piece(&mark, kind, inode(log), offset, bytes);
  }
  bool settle() { return settle_piece(mark, log, pipe.reading.get(), second); }
  /// As the next keeper has it from the guard.
  void outlive() { second = std::move(*CopyPipe::of(Fd(dup(second.reading())))); }
  string rest() {
    char text[100];
    const ssize_t got = read(pipe.reading.get(), text, sizeof text);
    return string(text, got > 0 ? static_cast<std::size_t>(got) : 0);
  }
};

TEST(Piece, WithoutAMarkNothingIsTouched) {
  Scene s("one\n", "two\n");
  EXPECT_FALSE(s.settle());
  s.begin(PieceMark::made, 0, 4);
  end_piece(&s.mark, 0);
  EXPECT_FALSE(s.settle());
  EXPECT_EQ("one\n", read_text(s.log));
  EXPECT_EQ("two\n", s.rest());
}

TEST(Piece, OfCopiedBytesThoseInTheFileLeaveThePipe) {
  Scene s("one\ntwo", "two\nthree\n");
  s.begin(PieceMark::copied, 4, 4);
  EXPECT_TRUE(s.settle());
  EXPECT_EQ("one\ntwo", read_text(s.log));
  EXPECT_EQ("\nthree\n", s.rest());
  EXPECT_FALSE(s.settle()) << "once";
}

TEST(Piece, OfCopiedBytesNoMoreThanThePieceLeaveThePipe) {
  Scene s("one\ntwo\n[keeper] a line of ours\n", "two\nthree\n");
  s.begin(PieceMark::copied, 4, 4);
  EXPECT_TRUE(s.settle());
  EXPECT_EQ("three\n", s.rest());
}

/// A reader of the log does not see it shrink meanwhile.
TEST(Piece, WhatWasMadeOfBytesKeepsItsMarkToBeMadeAgainInItsPlace) {
  Scene s("one\n2026 tw", "two\n");
  s.begin(PieceMark::made, 4, 4);
  EXPECT_TRUE(s.settle());
  EXPECT_EQ("one\n2026 tw", read_text(s.log));
  EXPECT_EQ(PieceMark::made, s.mark.kind());
  EXPECT_EQ(4u, s.mark.offset);
  EXPECT_EQ("two\n", s.rest());
}

TEST(Piece, OfWhatWasEmptiedMeanwhileNothingIsMadeInItsPlace) {
  Scene s("", "two\n");
  s.begin(PieceMark::made, 4, 4);
  EXPECT_TRUE(s.settle());
  EXPECT_EQ(PieceMark::none, s.mark.kind());
  EXPECT_EQ("two\n", s.rest());
}

TEST(Piece, IsTakenOutOfThePipeAndLeavesTheSecondOneEmpty) {
  Scene s("", "two\nthree\n");
  take_piece(&s.mark, s.pipe.reading.get(), s.second, 4, 3);
  EXPECT_EQ(PieceMark::none, s.mark.kind());
  EXPECT_EQ(3, s.mark.lines());
  EXPECT_EQ(0u, s.second.waiting());
  EXPECT_EQ("three\n", s.rest());
}

/// The second pipe has room for a page at a time here.
TEST(Piece, ThatDoesNotFitIntoTheSecondPipeIsTakenInParts) {
  const string bytes = string(20'000, 'x') + "end";
  Scene s("", bytes);
  take_piece(&s.mark, s.pipe.reading.get(), s.second, 20'000, 0);
  EXPECT_EQ(4096u, s.second.capacity());
  EXPECT_EQ(PieceMark::none, s.mark.kind());
  EXPECT_EQ(0u, s.second.waiting());
  EXPECT_EQ("end", s.rest());
}

TEST(Piece, ThatWasStoredLeavesThePipe) {
  Scene s("", "two\nthree\n");
  s.mark.set(PieceMark::stored, 4, 1);
  EXPECT_TRUE(s.settle());
  EXPECT_EQ("three\n", s.rest());
  EXPECT_EQ(PieceMark::none, s.mark.kind());
  EXPECT_EQ(1, s.mark.lines());
}

TEST(Piece, OfWhatWasBeingTakenOnlyTheRestLeavesThePipe) {
  for (std::size_t taken : {0u, 3u, 8u}) {
    Scene s("", "two\n+++\nthree\n");
    s.mark.set(PieceMark::taking, 8, 2);
    EXPECT_EQ(taken, s.second.move(s.pipe.reading.get(), taken));
    s.outlive();
    EXPECT_TRUE(s.settle());
    EXPECT_EQ("three\n", s.rest()) << taken;
    EXPECT_EQ(PieceMark::none, s.mark.kind());
    EXPECT_EQ(2, s.mark.lines());
    EXPECT_EQ(0u, s.second.waiting());
  }
}

/// Nothing says whether these bytes are of the piece: doubtful bytes are written twice.
TEST(Piece, WithoutTheSecondPipeOfItsKeeperNothingMoreIsTaken) {
  Scene s("", "two\nthree\n");
  s.mark.set(PieceMark::taking, 4, 0);
  EXPECT_TRUE(s.settle());
  EXPECT_EQ("two\nthree\n", s.rest());
  EXPECT_EQ(PieceMark::none, s.mark.kind());
}

TEST(Piece, AnEarlierKeepersCopyIsForgotten) {
  Scene s("one\ntwo", "two\nthree\n");
  s.begin(PieceMark::copied, 4, 4);
  EXPECT_EQ(4u, s.second.copy(s.pipe.reading.get(), 4));
  s.outlive();
  EXPECT_TRUE(s.settle());
  EXPECT_EQ(0u, s.second.waiting());
  EXPECT_EQ("\nthree\n", s.rest());
}

/// A page of a version that knew the kinds 0 to 2 in a word of their own, behind the bytes.
TEST(Piece, MarkOfAnEarlierVersionIsRead) {
  struct {
    std::uint64_t inode, offset;
    std::uint32_t bytes, kind;
  } before{7, 8, 9, 1};
  PieceMark mark{};
  static_assert(sizeof before <= sizeof mark);
  memcpy(static_cast<void*>(&mark), &before, sizeof before);
  EXPECT_EQ(PieceMark::copied, mark.kind());
  EXPECT_EQ(9u, mark.bytes());
  EXPECT_EQ(0, mark.lines());
}

TEST(Piece, ThatLedToARotationIsCutOffInBothFiles) {
  Scene s("one\nmade", "pipe\n");
  s.begin(PieceMark::made, 4, 4);
  fs::rename(s.log, s.log + ".1");
  write_text(s.log, " of it\n");
  EXPECT_TRUE(s.settle());
  EXPECT_EQ("one\n", read_text(s.log + ".1"));
  EXPECT_EQ("", read_text(s.log));
  EXPECT_EQ("pipe\n", s.rest());
}

/// A piece may be larger than the files are.
TEST(Piece, ThatLedToRotationsIsCutOffInAllFiles) {
  Scene s("one\nmade", "pipe\n");
  s.begin(PieceMark::made, 4, 4);
  write_text(s.log + ".5", "older\n");
  fs::rename(s.log, s.log + ".4");
  write_text(s.log + ".3", " of it\n");
  write_text(s.log + ".1", " on its way to .2\n");
  write_text(s.log, " and more\n");
  EXPECT_TRUE(s.settle());
  EXPECT_EQ("older\n", read_text(s.log + ".5"));
  EXPECT_EQ("one\n", read_text(s.log + ".4"));
  EXPECT_EQ("", read_text(s.log + ".3"));
  EXPECT_FALSE(fs::exists(s.log + ".2"));
  EXPECT_EQ("", read_text(s.log + ".1"));
  EXPECT_EQ("", read_text(s.log));
  EXPECT_EQ("pipe\n", s.rest());
}

TEST(Piece, IsFoundBehindANameThatADirectoryHas) {
  Scene s("one\nmade", "pipe\n");
  s.begin(PieceMark::made, 4, 4);
  fs::create_directory(s.log + ".1");
  fs::rename(s.log, s.log + ".2");
  EXPECT_TRUE(s.settle());
  EXPECT_EQ("one\n", read_text(s.log + ".2"));
}

TEST(Piece, OfAFileThatIsNotThereAnyMoreIsWrittenAgain) {
  Scene s("one\nmade", "pipe\n");
  s.begin(PieceMark::copied, 4, 4);
  fs::rename(s.log, s.log + ".elsewhere");
  write_text(s.log, "another file, and longer than that one was\n");
  EXPECT_TRUE(s.settle());
  EXPECT_EQ("pipe\n", s.rest());
}

}  // namespace
}  // namespace keeper
