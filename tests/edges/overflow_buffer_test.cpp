// What a log could not take: in memory that the next keeper goes on with.
#include "keeper/log/overflow_buffer.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/edges/support/place.hpp"

namespace keeper {
namespace {

using std::string;

constexpr std::size_t kMost = 1 << 20;

/// The one of a keeper that goes on after the one of `before` was killed.
struct Next {
  OverflowBuffer buffer{kMost, false};
  explicit Next(const OverflowBuffer& before) { buffer.take_over(Fd(dup(before.memory()))); }
};

off_t bytes_of(const OverflowBuffer& buffer) {
  struct stat st {};
  return fstat(buffer.memory(), &st) == 0 ? st.st_blocks * 512 : -1;
}

TEST(OverflowBuffer, HasNoMemoryBeforeItKeepsSomething) {
  OverflowBuffer buffer(kMost, false);
  EXPECT_EQ(-1, buffer.memory());
  int told = -1;
  buffer.on_memory([&](int fd) { told = fd; });
  buffer.keep("one\n");
  EXPECT_GE(told, 0);
  EXPECT_EQ(told, buffer.memory());
}

TEST(OverflowBuffer, IsGoneOnWithByTheNextKeeper) {
  OverflowBuffer buffer(kMost, false);
  buffer.keep("one\ntwo\n");
  buffer.sent(4);
  buffer.keep(string(600'000, 'x') + "\n");
  Next next(buffer);
  EXPECT_EQ("two\n" + string(600'000, 'x') + "\n", next.buffer.rest());
  next.buffer.sent(next.buffer.size());
  EXPECT_TRUE(next.buffer.empty());
  next.buffer.keep("three\n");
  Next third(next.buffer);
  EXPECT_EQ("three\n", third.buffer.rest());
}

TEST(OverflowBuffer, RemembersWhatWasDropped) {
  OverflowBuffer buffer(10, false);
  buffer.keep("one\ntwo\nthree");
  EXPECT_EQ("one\ntwo\n", buffer.rest());
  Next next(buffer);
  EXPECT_TRUE(next.buffer.dropping());
  EXPECT_EQ(5u, next.buffer.dropped());
  EXPECT_EQ("four\n", next.buffer.go_on(" end\nfour\n"));
  EXPECT_EQ(10u, next.buffer.take_unsaid());
  EXPECT_EQ(0u, Next(next.buffer).buffer.take_unsaid()) << "said once";
}

TEST(OverflowBuffer, APieceThatComesAgainIsTakenBack) {
  OverflowBuffer buffer(10, false);
  buffer.keep("one\n");
  buffer.begin_piece(1);
  buffer.keep("two\nthree\n");
  Next next(buffer);
  EXPECT_EQ(1, next.buffer.open_piece());
  next.buffer.take_back_piece();
  EXPECT_EQ("one\n", next.buffer.rest());
  EXPECT_FALSE(next.buffer.dropping());
  EXPECT_EQ(0u, next.buffer.take_unsaid());
  EXPECT_FALSE(next.buffer.open_piece());
}

TEST(OverflowBuffer, APieceThatBeginsBeforeThereIsMemoryIsTakenBackToo) {
  OverflowBuffer buffer(kMost, false);
  buffer.begin_piece(1);
  buffer.keep("one\n");
  Next next(buffer);
  EXPECT_EQ(1, next.buffer.open_piece());
  next.buffer.take_back_piece();
  EXPECT_TRUE(next.buffer.empty());
}

TEST(OverflowBuffer, APieceOfWhichNothingWaitsLeavesTheWordAlone) {
  OverflowBuffer buffer(10, false);
  std::uint64_t word = 0;
  buffer.note_in(&word);
  word = 77;
  buffer.begin_piece(0);
  buffer.end_piece();
  EXPECT_EQ(77u, word);
  buffer.begin_piece(0);
  buffer.keep("one\n");
  EXPECT_EQ(77u, word) << "the piece is still in its pipe";
  buffer.end_piece();
  EXPECT_EQ(4u, OverflowLoss::of(word).bytes);
}

TEST(OverflowBuffer, APieceThatWasTakenStays) {
  OverflowBuffer buffer(kMost, false);
  buffer.begin_piece(0);
  buffer.keep("two\n");
  Next next(buffer);
  EXPECT_EQ(0, next.buffer.open_piece());
  next.buffer.end_piece();
  EXPECT_EQ("two\n", Next(next.buffer).buffer.rest());
}

TEST(OverflowBuffer, SaysWhereItWasBeingSent) {
  OverflowBuffer buffer(kMost, false);
  buffer.keep("one\n");
  buffer.begin_sending(7, 100);
  EXPECT_EQ(7u, Next(buffer).buffer.sending().inode);
  EXPECT_EQ(100u, Next(buffer).buffer.sending().offset);
  buffer.sent(2);
  EXPECT_EQ(0u, Next(buffer).buffer.sending().inode);
}

TEST(OverflowBuffer, GivesMemoryBackAsItIsSent) {
  OverflowBuffer buffer(8 * kMost, false);
  buffer.keep(string(4 * kMost, 'x'));
  EXPECT_GE(bytes_of(buffer), static_cast<off_t>(4 * kMost));
  buffer.sent(3 * kMost);
  EXPECT_LT(bytes_of(buffer), static_cast<off_t>(2 * kMost));
  EXPECT_EQ(string(kMost, 'x'), buffer.rest());
  buffer.sent(kMost);
  EXPECT_LE(bytes_of(buffer), 4096);
}

/// What somebody else has written there, or nothing at all.
TEST(OverflowBuffer, PassesOverRubbish) {
  OverflowBuffer buffer(kMost, false);
  buffer.keep("one\n");
  const string rubbish(4096, '\x7f');
  ASSERT_EQ(4096, pwrite(buffer.memory(), rubbish.data(), rubbish.size(), 0));
  Next next(buffer);
  EXPECT_TRUE(next.buffer.empty());
  next.buffer.keep("two\n");
  EXPECT_EQ("two\n", Next(next.buffer).buffer.rest());
  ASSERT_EQ(0, ftruncate(next.buffer.memory(), 10));
  Next third(next.buffer);
  third.buffer.keep("three\n");
  EXPECT_EQ("three\n", third.buffer.rest());
}

/// A limit of the size of files (setrlimit(2)) counts for it as well.
TEST(OverflowBuffer, KeepsInItsOwnMemoryWhatTheOtherCannotTake) {
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  OverflowBuffer buffer(8 * kMost, false);
  const string first(200'000, 'a'), second(600'000, 'b');
  buffer.keep(first);
  const Fd memory(dup(buffer.memory()));
  const rlimit small{400'000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const auto ignored = signal(SIGXFSZ, SIG_IGN);
  buffer.keep(second);
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, ignored);
  EXPECT_EQ(first + second, buffer.rest());
  EXPECT_EQ(-1, buffer.memory());
  OverflowBuffer next(kMost, false);
  next.take_over(Fd(dup(memory.get())));
  EXPECT_TRUE(next.empty()) << "it would be written twice";
  // Once it was empty it tries again.
  buffer.sent(buffer.size());
  buffer.keep("third\n");
  EXPECT_EQ("third\n", Next(buffer).buffer.rest());
}

TEST(OverflowBuffer, TellsWhatIsLostWithBothHalves) {
  OverflowBuffer buffer(10, false);
  std::uint64_t word = 0;
  buffer.note_in(&word);
  EXPECT_EQ(0u, word);
  buffer.keep("one\ntwo");
  EXPECT_EQ(7u, OverflowLoss::of(word).bytes);
  EXPECT_TRUE(OverflowLoss::of(word).in_line);
  buffer.begin_piece(0);
  buffer.keep("\n");
  EXPECT_EQ(7u, OverflowLoss::of(word).bytes) << "it comes again";
  buffer.end_piece();
  EXPECT_EQ(8u, OverflowLoss::of(word).bytes);
  EXPECT_FALSE(OverflowLoss::of(word).in_line);
  OverflowBuffer next(10, false);
  next.lose(OverflowLoss::of(word));
  next.note_in(&word);
  EXPECT_EQ(8u, OverflowLoss::of(word).bytes) << "until it is said";
  EXPECT_EQ(8u, next.dropped());
  EXPECT_EQ("three\n", next.go_on("three\n")) << "a line begins";
  EXPECT_EQ(8u, next.take_unsaid());
  EXPECT_EQ(0u, word);
  next.keep("four\n");
  next.give_up(0);
  EXPECT_EQ(0u, word) << "who ends it says so";
}

}  // namespace
}  // namespace keeper
