// The two ends of the child's output: read from its pipe, and shown on a stdout of any kind.
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <asio/io_context.hpp>

#include "keeper/log/capture.hpp"
#include "keeper/log/echo.hpp"
#include "tests/edges/support/place.hpp"

namespace keeper {
namespace {

using std::string;

bool blocks(int fd) {
  return (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

/// What can be read now.
string take(int fd) {
  string out;
  char chunk[64 * 1024];
  pollfd p{fd, POLLIN, 0};
  while (poll(&p, 1, 0) == 1) {
    ssize_t got = read(fd, chunk, sizeof chunk);
    if (got <= 0) break;
    out.append(chunk, static_cast<std::size_t>(got));
  }
  return out;
}

string numbered(int lines) {
  string out;
  for (int i = 0; i < lines; ++i)
    out += "line " + std::to_string(i) + "\n";
  return out;
}

// --- Capture
// ------------------------------------------------------------------------------------------------------------

struct Captured {
  Captured() : pipe(std::move(*make_output_pipe())) {
    fcntl(pipe.writing.get(), F_SETFL, O_NONBLOCK);
    capture = std::move(*Capture::make(io, std::move(pipe.reading), std::move(*CopyPipe::make()),
                                       [this](std::size_t) { return take_some(); }));
  }
  Capture::Took take_some() {
    if (refuses) return Capture::Took::nothing;
    std::size_t there = capture->peek(most);
    if (there == 0) return Capture::Took::all;
    string bytes(there, '\0');
    EXPECT_EQ(static_cast<ssize_t>(there), read(capture->copy(), bytes.data(), there));
    text += bytes;
    capture->took(there);
    return Capture::Took::more;
  }
  asio::io_context io;
  OutputPipe pipe;
  string text;
  bool refuses = false;
  std::size_t most = 64 << 10;
  std::unique_ptr<Capture> capture;
};

std::size_t size_of_pipe(int fd) {
  return static_cast<std::size_t>(fcntl(fd, F_GETPIPE_SZ));
}

TEST(Capture, HandsOnEverythingInOrder) {
  Captured c;
  string all = numbered(100'000);
  std::size_t sent = 0;
  EXPECT_TRUE(eventually([&] { return c.text.size() == all.size(); },
                         [&] {
                           ssize_t put = write(c.pipe.writing.get(), all.data() + sent, all.size() - sent);
                           if (put > 0) sent += static_cast<std::size_t>(put);
                           c.io.poll();
                         }));
  EXPECT_TRUE(all == c.text);
}

TEST(Capture, DrainsWhatIsThereUpToABound) {
  Captured c;
  fcntl(c.pipe.writing.get(), F_SETPIPE_SZ, 1 << 20);
  string bytes(300'000, 'x');
  ASSERT_EQ(300'000, write(c.pipe.writing.get(), bytes.data(), bytes.size()));
  c.capture->drain(100'000);
  EXPECT_GE(c.text.size(), 100'000u);
  EXPECT_LT(c.text.size(), 300'000u);
  c.capture->drain(1 << 20);
  EXPECT_EQ(300'000u, c.text.size());
  c.capture->drain(1);  // an empty pipe is no end, and nothing to wait for
}

/// A program that drops its rights opens it again by its name.
TEST(Capture, MayBeOpenedForWritingByAnybodyWhoFindsIt) {
  Captured c;
  struct stat st {};
  ASSERT_EQ(0, fstat(c.pipe.writing.get(), &st));
  EXPECT_EQ(0622u, st.st_mode & 0777u);
}

TEST(Capture, GrowsAPipeThatItsProgramHasShrunk) {
  Captured c;
  const int pipe = c.pipe.writing.get();
  ASSERT_EQ(4096, fcntl(pipe, F_SETPIPE_SZ, 4096));
  const string page(4096, 'x');
  EXPECT_TRUE(eventually([&] { return size_of_pipe(pipe) > 64 << 10; },
                         [&] {
                           [[maybe_unused]] const ssize_t put = write(pipe, page.data(), page.size());
                           c.io.poll();
                         }));
}

TEST(Capture, GivesTheNextRunAPipeOfTheUsualSize) {
  Captured c;
  ASSERT_EQ(4096, fcntl(c.pipe.writing.get(), F_SETPIPE_SZ, 4096));
  c.capture->begin_anew();
  EXPECT_EQ(64u << 10, size_of_pipe(c.pipe.writing.get()));
}

TEST(Capture, WhatWasOnlyLookedAtIsStillInThePipe) {
  Captured c;
  ASSERT_EQ(6, write(c.pipe.writing.get(), "abcdef", 6));
  ASSERT_EQ(6u, c.capture->peek(100));
  c.capture->leave(6);
  c.capture->took(2);  // two of them are stored, none of the copy was read
  string bytes(10, '\0');
  ASSERT_EQ(4u, c.capture->peek(100));
  EXPECT_EQ(4, read(c.capture->copy(), bytes.data(), bytes.size()));
  EXPECT_EQ("cdef", bytes.substr(0, 4));
  c.capture->took(4);
  EXPECT_EQ(0u, c.capture->peek(100));
}

// Two pages, though there is room for all in one: the first was full when the rest came.
TEST(Capture, SeesAllOfALineThatStandsInTwoPages) {
  Captured c;
  string page(4096, 'x');
  ASSERT_EQ(4096, write(c.pipe.writing.get(), page.data(), page.size()));
  ASSERT_EQ(6, write(c.pipe.writing.get(), "abcdef", 6));
  ASSERT_EQ(4000u, c.capture->peek(4000));
  c.capture->leave(4000);
  c.capture->took(4000);
  EXPECT_EQ(102u, c.capture->peek(1 << 20));
  c.capture->leave(102);
  c.capture->took(102);
}

TEST(Capture, GoesOnWhenThereIsRoomAgain) {
  Captured c;
  c.refuses = true;
  ASSERT_EQ(3, write(c.pipe.writing.get(), "one", 3));
  c.io.poll();
  EXPECT_EQ("", c.text);
  c.io.restart();
  c.io.poll();
  c.refuses = false;
  c.capture->go_on();
  EXPECT_EQ("one", c.text);
  ASSERT_EQ(3, write(c.pipe.writing.get(), "two", 3));
  EXPECT_TRUE(eventually([&] { return c.text == "onetwo"; },
                         [&] {
                           c.io.restart();
                           c.io.poll();
                         }));
}

TEST(Capture, ThePipeGrowsWhenItIsFoundFullAndShrinksWhenItIsQuiet) {
  Captured c;
  int pipe = c.pipe.writing.get();
  std::size_t before = size_of_pipe(pipe);
  string bytes(before, 'x');
  ASSERT_EQ(static_cast<ssize_t>(before), write(pipe, bytes.data(), bytes.size()));
  EXPECT_TRUE(eventually([&] { return size_of_pipe(pipe) > before; }, [&] { c.io.poll(); }));
  EXPECT_EQ(before, c.text.size());
  EXPECT_TRUE(eventually([&] { return size_of_pipe(pipe) == before; }, [&] { c.io.poll(); }));
}

TEST(Capture, ThePipesEndsArePassedOnToNobody) {
  auto pipe = make_output_pipe();
  ASSERT_TRUE(pipe);
  EXPECT_NE(0, fcntl(pipe->reading.get(), F_GETFD) & FD_CLOEXEC);
  EXPECT_NE(0, fcntl(pipe->writing.get(), F_GETFD) & FD_CLOEXEC);
  EXPECT_FALSE(blocks(pipe->reading.get()));
  EXPECT_TRUE(blocks(pipe->writing.get()));
}

// --- Echo
// ---------------------------------------------------------------------------------------------------------------

TEST(Echo, ShowsWhatItIsGiven) {
  asio::io_context io;
  Pipe pipe;
  Echo echo(io, pipe.writing.get());
  echo.write("one\n");
  echo.write("two\n");
  EXPECT_EQ("one\ntwo\n", take(pipe.reading.get()));
  EXPECT_TRUE(blocks(pipe.writing.get()));
}

TEST(Echo, AFullPipeHoldsNobodyUpAndWhatIsDroppedIsCounted) {
  asio::io_context io;
  Pipe pipe;
  Echo echo(io, pipe.writing.get());
  string all = numbered(200'000);
  for (std::size_t at = 0; at < all.size(); at += 4096)
    echo.write(std::string_view(all).substr(at, 4096));
  EXPECT_TRUE(blocks(pipe.writing.get())) << "the descriptor is shared with others";
  std::uint64_t dropped = echo.take_dropped();
  EXPECT_GT(dropped, 0u);
  EXPECT_EQ(0u, echo.take_dropped());
  string shown;
  EXPECT_TRUE(eventually([&] { return shown.size() + dropped == all.size(); },
                         [&] {
                           io.poll();
                           shown += take(pipe.reading.get());
                         }))
      << shown.size() << " shown and " << dropped << " dropped of " << all.size();
  EXPECT_TRUE(all.starts_with(shown)) << "what was kept comes first, and in order";
  echo.write("after\n");
  EXPECT_EQ("after\n", take(pipe.reading.get()));
}

TEST(Echo, AReaderThatIsGoneIsDoneWithout) {
  signal(SIGPIPE, SIG_IGN);
  asio::io_context io;
  Pipe pipe;
  Echo echo(io, pipe.writing.get());
  pipe.reading.reset();
  for (int i = 0; i < 1000; ++i)
    echo.write(string(1000, 'x'));
  io.poll();
  EXPECT_EQ(0u, echo.take_dropped()) << "there is nobody to be told";
}

TEST(Echo, AReaderThatGoesWhileItIsWaitedForIsDoneWithout) {
  signal(SIGPIPE, SIG_IGN);
  asio::io_context io;
  Pipe pipe;
  Echo echo(io, pipe.writing.get());
  echo.write(string(200'000, 'x'));
  pipe.reading.reset();
  io.poll();
  echo.take_dropped();
  echo.write(string(1 << 20, 'x'));
  EXPECT_EQ(0u, echo.take_dropped());
}

TEST(Echo, AClosedDescriptorIsDoneWithout) {
  asio::io_context io;
  Echo echo(io, 987);
  echo.write("nobody sees this\n");
  echo.finish(Millis(100));
  EXPECT_EQ(0u, echo.take_dropped());
}

TEST(Echo, AFileIsWrittenWhereItsOffsetIs) {
  Place place;
  write_text(place / "shown", "before\n");
  Fd file(open((place / "shown").c_str(), O_WRONLY | O_CLOEXEC));
  lseek(file.get(), 0, SEEK_END);
  asio::io_context io;
  Echo echo(io, file.get());
  echo.write("one\n");
  ASSERT_EQ(7, write(file.get(), "others\n", 7));
  echo.write("two\n");
  EXPECT_EQ("before\none\nothers\ntwo\n", read_text(place / "shown"));
}

TEST(Echo, ASocketHoldsNobodyUp) {
  int ends[2];
  ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
  Fd reading(ends[0]), writing(ends[1]);
  asio::io_context io;
  Echo echo(io, writing.get());
  string all = numbered(300'000);
  echo.write(all);
  EXPECT_TRUE(blocks(writing.get()));
  std::uint64_t dropped = echo.take_dropped();
  EXPECT_GT(dropped, 0u);
  string shown;
  EXPECT_TRUE(eventually([&] { return shown.size() + dropped == all.size(); },
                         [&] {
                           io.poll();
                           shown += take(reading.get());
                         }));
  EXPECT_TRUE(all.starts_with(shown));
}

TEST(Echo, AtTheEndWhatIsKeptIsPutOut) {
  asio::io_context io;
  Pipe pipe;
  Echo echo(io, pipe.writing.get());
  string all = numbered(20'000);
  echo.write(all);
  string shown = take(pipe.reading.get());
  EXPECT_LT(shown.size(), all.size());
  for (std::size_t before = 0; shown.size() > before;) {
    before = shown.size();
    echo.finish(Millis(0));  // there is no loop any more
    shown += take(pipe.reading.get());
  }
  EXPECT_TRUE(all == shown) << shown.size() << " of " << all.size();
}

TEST(Echo, AtTheEndAReaderThatSleepsIsNotWaitedForLong) {
  asio::io_context io;
  Pipe pipe;
  Echo echo(io, pipe.writing.get());
  echo.write(string(200'000, 'x'));
  Deadline deadline(kLimit);
  echo.finish(Millis(20));
  EXPECT_FALSE(deadline.passed());
}

}  // namespace
}  // namespace keeper
