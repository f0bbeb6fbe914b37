#include "protocol/logs/files.hpp"
#include "protocol/logs/follower.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

namespace {

// What happens just before the next look at a file, or the next watch: a rotation that comes between two
// steps of the code under test. Its system calls are met here, where the program's own functions of that name
// come first.
std::function<void()> around_look, before_watch;

void happen(const std::function<void()>& what) {
  if (what) what();
}

}  // namespace

extern "C" int statx(int at, const char* path, int flags, unsigned mask, struct statx* found) noexcept {
  happen(around_look);
  auto result = static_cast<int>(syscall(SYS_statx, at, path, flags, mask, found));
  int saved = errno;
  happen(around_look);
  errno = saved;
  return result;
}

extern "C" int inotify_add_watch(int fd, const char* path, std::uint32_t mask) noexcept {
  happen(before_watch);
  return static_cast<int>(syscall(SYS_inotify_add_watch, fd, path, mask));
}

namespace {
bool instances_are_used_up = false;
}

extern "C" int inotify_init1(int flags) noexcept {
  if (!instances_are_used_up) return static_cast<int>(syscall(SYS_inotify_init1, flags));
  errno = EMFILE;
  return -1;
}

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;
using Lines = std::vector<string>;
using Clock = std::chrono::steady_clock;

class LogFilesTest : public testing::Test {
 protected:
  LogFilesTest() {
    string name = (fs::temp_directory_path() / "keeper_log_test.XXXXXX").string();
    root_ = mkdtemp(name.data());
    log_ = root_ + "/api.log";
  }
  ~LogFilesTest() override {
    around_look = before_watch = nullptr;
    fs::remove_all(root_);
  }

  string backup(int number) const { return log_ + "." + std::to_string(number); }
  static void write(const string& path, const string& text) { std::ofstream(path, std::ios::binary) << text; }
  static void append(const string& path, const string& text) {
    std::ofstream(path, std::ios::binary | std::ios::app) << text;
  }
  /// Renames as a rotation does, the oldest first, and makes a new file.
  void rotate(int backups) const {
    for (int number = backups; number > 1; --number)
      rename(backup(number - 1).c_str(), backup(number).c_str());
    rename(log_.c_str(), backup(1).c_str());
    write(log_, "");
  }
  LogFollower follow(std::uint64_t lines) const {
    Result<LogFollower> follower = LogFollower::open(log_, lines);
    EXPECT_TRUE(follower) << follower.error().text();
    return *std::move(follower);
  }

  string root_;
  string log_;
};

Fd open_file(const string& path) {
  return Fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

string rest_from(const string& path, std::uint64_t offset) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  return {std::istreambuf_iterator<char>(file), {}};
}

string tail_of(const string& path, std::uint64_t count) {
  Result<std::uint64_t> offset = tail_offset(open_file(path).get(), count);
  EXPECT_TRUE(offset) << offset.error().text();
  return rest_from(path, *offset);
}

string numbered(int from, int to) {
  string text;
  for (int i = from; i < to; ++i)
    text += "line " + std::to_string(i) + "\n";
  return text;
}

/// Bytes that this process has read with system calls so far; 0 where the kernel does not count them
/// (proc(5), io).
std::uint64_t bytes_read() {
  std::ifstream io("/proc/self/io");
  string word;
  std::uint64_t count = 0;
  return io >> word >> count && word == "rchar:" ? count : 0;
}

/// All that can be read at once, in pieces of at most `most`.
string read_now(LogFollower& follower, std::size_t most = 1 << 16) {
  string all;
  for (;;) {
    Result<string> piece = follower.read(most);
    EXPECT_TRUE(piece) << piece.error().text();
    if (!piece || piece->empty()) return all;
    EXPECT_LE(piece->size(), most);
    all += *piece;
  }
}

bool is_readable(int fd, int milliseconds) {
  pollfd wanted{fd, POLLIN, 0};
  return poll(&wanted, 1, milliseconds) == 1;
}

/// Reads on until `size` bytes are there; waits for events as a program does. Less if none come for 30 s.
string read_until(LogFollower& follower, std::size_t size, std::size_t most = 1 << 16) {
  string all = read_now(follower, most);
  const auto end = Clock::now() + std::chrono::seconds(30);
  while (all.size() < size && Clock::now() < end) {
    if (follower.wait_fd() < 0)
      poll(nullptr, 0, 250);
    else if (!is_readable(follower.wait_fd(), 30'000))
      break;
    follower.drain_events();
    all += read_now(follower, most);
  }
  return all;
}

std::int64_t tick() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

/// Until files get another time than those that were made before.
void wait_for_the_next_tick() {
  for (std::int64_t now = tick(); tick() == now;)
    poll(nullptr, 0, 1);
}

// --- Where the last lines begin

TEST_F(LogFilesTest, TheLastLinesBeginWhereTheyBegin) {
  write(log_, "one\ntwo\nthree\n");
  EXPECT_EQ(tail_of(log_, 0), "");
  EXPECT_EQ(tail_of(log_, 1), "three\n");
  EXPECT_EQ(tail_of(log_, 2), "two\nthree\n");
  EXPECT_EQ(tail_of(log_, 3), "one\ntwo\nthree\n");
  EXPECT_EQ(tail_of(log_, 4), "one\ntwo\nthree\n");
  EXPECT_EQ(tail_of(log_, UINT64_MAX), "one\ntwo\nthree\n");
}

TEST_F(LogFilesTest, ALastLineWithoutNewlineCountsAsOne) {
  write(log_, "one\ntwo\nthr");
  EXPECT_EQ(tail_of(log_, 1), "thr");
  EXPECT_EQ(tail_of(log_, 2), "two\nthr");
}

TEST_F(LogFilesTest, EmptyLinesAreLines) {
  write(log_, "\n\n\n");
  EXPECT_EQ(tail_of(log_, 1), "\n");
  EXPECT_EQ(tail_of(log_, 2), "\n\n");
  EXPECT_EQ(tail_of(log_, 5), "\n\n\n");
  write(log_, "\n");
  EXPECT_EQ(tail_of(log_, 1), "\n");
  write(log_, "");
  EXPECT_EQ(tail_of(log_, 1), "");
}

TEST_F(LogFilesTest, TheLastLinesAreFoundWhereverBlocksEnd) {
  const std::size_t block = 64 << 10;
  for (std::size_t length :
       {block - 2, block - 1, block, block + 1, 2 * block - 1, 2 * block, 2 * block + 1}) {
    const string last = string(length - 1, 'x') + "\n";
    write(log_, "a\nb\n" + last);
    EXPECT_EQ(tail_of(log_, 1), last) << length;
    EXPECT_EQ(tail_of(log_, 2), "b\n" + last) << length;
    EXPECT_EQ(tail_of(log_, 3), "a\nb\n" + last) << length;
  }
}

TEST_F(LogFilesTest, AnyCountOfLinesOfAnyLengthIsFound) {
  unsigned random = 7;
  auto next = [&](unsigned below) { return (random = random * 1664525 + 1013904223) / 65536 % below; };
  Lines lines;
  string text;
  for (int i = 0; i < 300; ++i) {
    lines.push_back(string(next(next(10) == 0 ? 30'000 : 300), static_cast<char>('a' + i % 26)) + "\n");
    text += lines.back();
  }
  write(log_, text);
  string expected;
  for (std::size_t count = 1; count <= lines.size(); ++count) {
    expected = lines[lines.size() - count] + expected;
    Result<std::uint64_t> offset = tail_offset(open_file(log_).get(), count);
    ASSERT_TRUE(offset);
    ASSERT_EQ(*offset, text.size() - expected.size()) << count;
  }
}

TEST_F(LogFilesTest, TheEndOfALargeFileIsFoundWithoutReadingIt) {
  write(log_, "");
  fs::resize_file(log_, 200 << 20);
  append(log_, "\n" + numbered(0, 5));
  Fd file = open_file(log_);
  auto before = bytes_read();
  Result<std::uint64_t> offset = tail_offset(file.get(), 3);
  auto after = bytes_read();
  ASSERT_TRUE(offset);
  EXPECT_EQ(rest_from(log_, *offset), numbered(2, 5));
  EXPECT_LT(after - before, 200u << 10);
}

TEST_F(LogFilesTest, ALineMayBeHuge) {
  write(log_, "first\n");
  fs::resize_file(log_, 50 << 20);
  Fd file = open_file(log_);
  EXPECT_EQ(*tail_offset(file.get(), 1), 6u);
  EXPECT_EQ(*tail_offset(file.get(), 2), 0u);
}

TEST_F(LogFilesTest, AnOffsetOfWhatIsNotOpenIsAnError) {
  EXPECT_FALSE(tail_offset(-1, 3));
}

// --- The last lines

TEST_F(LogFilesTest, TheLastLinesAreRead) {
  write(log_, "one\ntwo\r\n\nlast");
  Result<Tail> tail = read_tail(log_, 3, 1000);
  ASSERT_TRUE(tail) << tail.error().text();
  EXPECT_EQ(tail->lines, (Lines{"two\r", "", "last"}));
  EXPECT_EQ(tail->bytes, 14u);
  EXPECT_FALSE(tail->truncated);
  EXPECT_EQ(read_tail(log_, 0, 1000)->lines, Lines{});
  EXPECT_EQ(read_tail(log_, 0, 1000)->bytes, 14u);
}

TEST_F(LogFilesTest, ALogThatIsNotThereHasNoLines) {
  for (const string& path : {log_, root_ + "/none/api.log"}) {
    Result<Tail> tail = read_tail(path, 10, 1000);
    ASSERT_TRUE(tail) << tail.error().text();
    EXPECT_TRUE(tail->lines.empty());
    EXPECT_EQ(tail->bytes, 0u);
    EXPECT_FALSE(tail->truncated);
  }
}

TEST_F(LogFilesTest, BackupsAreReadWhereTheLogHasTooFewLines) {
  write(backup(2), "1\n2\n");
  write(backup(1), "3\n4\n");
  write(log_, "5\n");
  EXPECT_EQ(read_tail(log_, 1, 1000)->lines, (Lines{"5"}));
  EXPECT_EQ(read_tail(log_, 2, 1000)->lines, (Lines{"4", "5"}));
  EXPECT_EQ(read_tail(log_, 4, 1000)->lines, (Lines{"2", "3", "4", "5"}));
  EXPECT_EQ(read_tail(log_, 9, 1000)->lines, (Lines{"1", "2", "3", "4", "5"}));
  EXPECT_EQ(read_tail(log_, 9, 1000)->bytes, 2u);
  EXPECT_FALSE(read_tail(log_, 9, 1000)->truncated);
}

TEST_F(LogFilesTest, BackupsAreReadWhileARotationIsHalfDone) {
  write(backup(3), "1\n");
  write(backup(1), "2\n");  // 2 was just renamed to 3, 1 is next
  write(log_, "3\n");
  EXPECT_EQ(read_tail(log_, 9, 1000)->lines, (Lines{"1", "2", "3"}));
  fs::rename(backup(1), backup(2));
  fs::rename(log_, backup(1));  // and the new file is not there yet
  Result<Tail> tail = read_tail(log_, 9, 1000);
  EXPECT_EQ(tail->lines, (Lines{"1", "2", "3"}));
  EXPECT_EQ(tail->bytes, 0u);
}

TEST_F(LogFilesTest, AnEmptyLogAfterARotationShowsTheLinesBefore) {
  write(log_, "1\n2\n");
  rotate(3);
  EXPECT_EQ(read_tail(log_, 5, 1000)->lines, (Lines{"1", "2"}));
}

TEST_F(LogFilesTest, WhatIsOlderThanTheBoundIsLeftOut) {
  write(backup(1), "1111\n");
  write(log_, "2222\n3333\n");
  struct Case {
    std::size_t most;
    Lines lines;
    bool truncated;
  };
  for (const Case& c : {Case{15, {"1111", "2222", "3333"}, false}, Case{14, {"2222", "3333"}, true},
                        Case{10, {"2222", "3333"}, true}, Case{9, {"3333"}, true}, Case{5, {"3333"}, true},
                        Case{3, {"33"}, true}, Case{0, {}, true}}) {
    Result<Tail> tail = read_tail(log_, 9, c.most);
    ASSERT_TRUE(tail);
    EXPECT_EQ(tail->lines, c.lines) << c.most;
    EXPECT_EQ(tail->truncated, c.truncated) << c.most;
  }
  EXPECT_FALSE(read_tail(log_, 2, 10)->truncated) << "all that was asked for is there";
}

TEST_F(LogFilesTest, ABoundIsABoundForReadingToo) {
  write(log_, "");
  fs::resize_file(log_, 200 << 20);
  append(log_, "\n" + numbered(0, 50));
  auto before = bytes_read();
  Result<Tail> tail = read_tail(log_, 1'000'000, 4096);
  auto after = bytes_read();
  ASSERT_TRUE(tail);
  EXPECT_TRUE(tail->truncated);
  EXPECT_EQ(tail->lines.back(), "line 49");
  EXPECT_LT(after - before, 200u << 10);
}

TEST_F(LogFilesTest, WhatIsNoRegularFileIsAnErrorAndWaitsForNobody) {
  ASSERT_EQ(mkfifo(log_.c_str(), 0600), 0);
  Result<Tail> tail = read_tail(log_, 1, 1000);
  ASSERT_FALSE(tail);
  EXPECT_NE(tail.error().text().find(log_), string::npos) << tail.error().text();
  EXPECT_FALSE(read_tail(root_, 1, 1000));
  EXPECT_FALSE(LogFollower::open(log_, 0));
}

// --- Following

TEST_F(LogFilesTest, FollowingBeginsAtTheEndOrSomeLinesBefore) {
  write(log_, "1\n2\n3\n");
  LogFollower end = follow(0), some = follow(2), all = follow(99);
  EXPECT_EQ(read_now(end), "");
  EXPECT_EQ(read_now(some), "2\n3\n");
  EXPECT_EQ(read_now(all), "1\n2\n3\n");
  append(log_, "4\n");
  EXPECT_EQ(read_now(end), "4\n");
  EXPECT_EQ(read_now(some), "4\n");
}

TEST_F(LogFilesTest, FollowingBeginsInABackupWhereTheLogHasTooFewLines) {
  write(backup(2), "1\n2\n");
  write(backup(1), "3\n4\n");
  write(log_, "5\n");
  LogFollower follower = follow(4);
  EXPECT_EQ(read_now(follower), "2\n3\n4\n5\n");
  LogFollower all = follow(100);
  EXPECT_EQ(read_now(all), "1\n2\n3\n4\n5\n");
}

TEST_F(LogFilesTest, FollowingGivesNoMoreThanWasAskedFor) {
  write(log_, numbered(0, 100));
  LogFollower follower = follow(100);
  EXPECT_EQ(read_now(follower, 7), numbered(0, 100));
  append(log_, "x\n");
  EXPECT_EQ(read_now(follower, 1), "x\n");
}

TEST_F(LogFilesTest, FollowingWakesWhenThereIsMore) {
  write(log_, "");
  LogFollower follower = follow(0);
  ASSERT_GE(follower.wait_fd(), 0);
  EXPECT_EQ(read_now(follower), "");
  follower.drain_events();
  EXPECT_EQ(read_now(follower), "");
  EXPECT_FALSE(is_readable(follower.wait_fd(), 0)) << "nothing happened";
  append(log_, "1\n");
  EXPECT_TRUE(is_readable(follower.wait_fd(), 30'000));
  follower.drain_events();
  EXPECT_FALSE(is_readable(follower.wait_fd(), 0));
  EXPECT_EQ(read_now(follower), "1\n");
}

TEST_F(LogFilesTest, FollowingIsNotWokenByOtherLogs) {
  write(log_, "");
  write(root_ + "/other.log", "");
  LogFollower follower = follow(0);
  EXPECT_EQ(read_now(follower), "");
  append(root_ + "/other.log", "x\n");
  EXPECT_FALSE(is_readable(follower.wait_fd(), 0));
}

TEST_F(LogFilesTest, FollowingGoesOnAtTheStartOfATruncatedFile) {
  write(log_, "1\n2\n");
  LogFollower follower = follow(9);
  EXPECT_EQ(read_now(follower), "1\n2\n");
  fs::resize_file(log_, 0);
  EXPECT_EQ(read_now(follower), "");
  append(log_, "3\n4\n");
  EXPECT_EQ(read_until(follower, 4), "3\n4\n");
  fs::resize_file(log_, 0);
  append(log_, "5\n");
  EXPECT_EQ(read_until(follower, 2), "5\n");
}

TEST_F(LogFilesTest, FollowingGoesOnInANewFileAfterTheOldOneWasRemoved) {
  write(backup(1), "old\n");
  wait_for_the_next_tick();
  write(log_, "1\n");
  LogFollower follower = follow(1);
  fs::remove(log_);
  EXPECT_EQ(read_now(follower), "1\n");
  EXPECT_EQ(read_now(follower), "");
  write(log_, "2\n");
  EXPECT_EQ(read_until(follower, 2), "2\n");
  append(log_, "3\n");
  EXPECT_EQ(read_until(follower, 2), "3\n");
}

TEST_F(LogFilesTest, FollowingBeginsBeforeThereIsAFile) {
  LogFollower follower = follow(10);
  EXPECT_EQ(read_now(follower), "");
  write(log_, "1\n");
  EXPECT_EQ(read_until(follower, 2), "1\n");
  append(log_, "2\n");
  EXPECT_EQ(read_until(follower, 2), "2\n");
}

TEST_F(LogFilesTest, FollowingBeginsBeforeThereIsAFileAndMissesNoRotation) {
  LogFollower follower = follow(0);
  wait_for_the_next_tick();
  write(log_, "1\n");
  rotate(5);
  append(log_, "2\n");
  rotate(5);
  append(log_, "3\n");
  EXPECT_EQ(read_now(follower), "1\n2\n3\n");
}

TEST_F(LogFilesTest, FollowingBeginsBeforeThereIsADirectory) {
  log_ = root_ + "/deep/er/api.log";
  LogFollower follower = follow(0);
  EXPECT_EQ(read_now(follower), "");
  ASSERT_GE(follower.wait_fd(), 0);
  fs::create_directory(root_ + "/deep");
  EXPECT_TRUE(is_readable(follower.wait_fd(), 30'000));
  follower.drain_events();
  EXPECT_EQ(read_now(follower), "");
  fs::create_directory(root_ + "/deep/er");
  write(log_, "1\n");
  EXPECT_EQ(read_until(follower, 2), "1\n");
}

TEST_F(LogFilesTest, FollowingOutlivesItsDirectory) {
  log_ = root_ + "/logs/api.log";
  fs::create_directory(root_ + "/logs");
  write(log_, "1\n");
  LogFollower follower = follow(1);
  EXPECT_EQ(read_now(follower), "1\n");
  fs::rename(root_ + "/logs", root_ + "/aside");
  follower.drain_events();
  EXPECT_EQ(read_now(follower), "");
  fs::create_directory(root_ + "/logs");
  write(log_, "2\n");
  EXPECT_EQ(read_until(follower, 2), "2\n");
  fs::remove_all(root_ + "/logs");
  follower.drain_events();
  EXPECT_EQ(read_now(follower), "");
  fs::create_directory(root_ + "/logs");
  write(log_, "3\n");
  EXPECT_EQ(read_until(follower, 2), "3\n");
}

TEST_F(LogFilesTest, FollowingReadsTheOldFileThenTheNewOne) {
  write(log_, "1\n");
  LogFollower follower = follow(0);
  EXPECT_EQ(read_now(follower), "");
  append(log_, "2\n");
  rotate(5);
  append(log_, "3\n");
  EXPECT_EQ(read_until(follower, 4), "2\n3\n");
}

TEST_F(LogFilesTest, FollowingReadsEveryBackupBetween) {
  write(log_, "0\n");
  LogFollower follower = follow(0);
  string expected;
  for (int i = 1; i <= 5; ++i) {
    append(log_, std::to_string(i) + "\n");
    expected += std::to_string(i) + "\n";
    if (i < 5) rotate(9);
  }
  EXPECT_EQ(read_now(follower, 3), expected);
}

TEST_F(LogFilesTest, FollowingReadsWhatIsStillWrittenToTheOldFileWhileTheNewOneIsEmpty) {
  write(log_, "1\n");
  LogFollower follower = follow(0);
  EXPECT_EQ(read_now(follower), "");
  rotate(5);
  EXPECT_EQ(read_now(follower), "");
  append(backup(1), "late\n");  // its writer has not opened the new file yet
  EXPECT_EQ(read_until(follower, 5), "late\n");
  append(log_, "new\n");
  EXPECT_EQ(read_until(follower, 4), "new\n");
}

TEST_F(LogFilesTest, FollowingWaitsThroughARotationThatIsHalfDone) {
  write(backup(1), "old\n");
  write(log_, "1\n");
  LogFollower follower = follow(0);
  fs::rename(backup(1), backup(2));
  append(log_, "2\n");
  fs::rename(log_, backup(1));
  EXPECT_EQ(read_now(follower), "2\n") << "there is no new file yet";
  write(log_, "3\n");
  fs::rename(backup(2), backup(3));
  fs::rename(backup(1), backup(2));  // the next rotation stops here: 1 is missing
  EXPECT_EQ(read_now(follower), "3\n");
  fs::rename(log_, backup(1));
  write(log_, "4\n");
  EXPECT_EQ(read_now(follower), "4\n");
}

TEST_F(LogFilesTest, FollowingGoesOnWithTheOldestFileThatIsLeft) {
  write(log_, "0\n");
  LogFollower follower = follow(0);
  for (int i = 1; i <= 5; ++i) {  // two backups: only 3, 4 and 5 are left
    wait_for_the_next_tick();
    rotate(2);
    append(log_, std::to_string(i) + "\n");
  }
  EXPECT_EQ(read_now(follower), "3\n4\n5\n");
}

TEST_F(LogFilesTest, FollowingWithoutInotifyLooksByItself) {
  write(log_, "1\n");
  instances_are_used_up = true;
  auto follower = LogFollower::open(log_, 1);
  instances_are_used_up = false;
  ASSERT_TRUE(follower) << follower.error().text();
  EXPECT_EQ(follower->wait_fd(), -1);
  follower->drain_events();
  EXPECT_EQ(read_now(*follower), "1\n");
  append(log_, "2\n");
  rotate(3);
  append(log_, "3\n");
  EXPECT_EQ(read_until(*follower, 4), "2\n3\n");
}

/// Calls `what` at these two of the places around looks; twice there if they are one.
std::function<void()> at_looks(int first, int second, std::function<void()> what) {
  return [=, place = 0]() mutable {
    ++place;
    if (place == first) what();
    if (place == second) what();
  };
}

TEST_F(LogFilesTest, FollowingBearsARotationBetweenAnyTwoLooks) {
  for (int first = 1; first <= 32; ++first) {
    for (int second = first; second <= 32; ++second) {
      for (int number = 1; number <= 9; ++number)
        fs::remove(backup(number));
      write(log_, "");
      LogFollower follower = follow(0);
      append(log_, "1\n");
      rotate(9);
      append(log_, "2\n");
      string expected = "1\n2\n";
      around_look = at_looks(first, second, [&] {
        append(log_, "old\n");
        rotate(9);
        append(log_, "new\n");
        expected += "old\nnew\n";
      });
      string copy = read_now(follower);
      around_look = nullptr;
      copy += read_now(follower);
      ASSERT_EQ(copy, expected) << "places " << first << " and " << second;
    }
  }
}

TEST_F(LogFilesTest, TheLastLinesBearARotationBetweenAnyTwoLooks) {
  for (int first = 1; first <= 32; ++first) {
    for (int second = first; second <= 32; ++second) {
      for (int number = 1; number <= 9; ++number)
        fs::remove(backup(number));
      write(backup(2), "1\n");
      write(backup(1), "2\n");
      write(log_, "3\n");
      int last = 3;
      around_look = at_looks(first, second, [&] {
        rotate(9);
        append(log_, std::to_string(++last) + "\n");
      });
      Result<Tail> tail = read_tail(log_, 99, 1000);
      around_look = nullptr;
      ASSERT_TRUE(tail) << tail.error().text();
      ASSERT_GE(tail->lines.size(), 3u) << "places " << first << " and " << second;
      for (std::size_t i = 0; i < tail->lines.size(); ++i)
        ASSERT_EQ(tail->lines[i], std::to_string(i + 1)) << "places " << first << " and " << second;
    }
  }
}

TEST_F(LogFilesTest, FollowingSleepsThroughNothingThatCameJustBeforeItsWatch) {
  write(log_, "1\n");
  LogFollower follower = follow(1);
  rotate(5);
  append(log_, "2\n");
  string expected = "1\n2\n";
  before_watch = [&] {
    if (expected.size() > 4) return;
    follower.drain_events();
    append(log_, "3\n");
    expected += "3\n";
  };
  string copy = read_until(follower, 6);
  EXPECT_EQ(copy, expected);
  EXPECT_EQ(expected, "1\n2\n3\n");
}

/// A writer in a process of its own: appends numbered lines, rotates after every few, as fast as it can. With
/// `credit` (a descriptor) it takes a byte from there for each file.
class Writer {
 public:
  struct Plan {
    string log;
    int lines;
    int per_file;
    int backups;
    int credit = -1;
  };
  explicit Writer(const Plan& plan) : pid_(fork()) {
    if (pid_ == 0) _exit(run(plan));
  }
  ~Writer() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  int exit_code() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }

 private:
  static int run(const Plan& plan) {
    for (int i = 0; i < plan.lines; i += plan.per_file) {
      char byte;
      if (plan.credit >= 0 && ::read(plan.credit, &byte, 1) != 1) return 1;
      Fd file(open(plan.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
      for (int line = i; line < std::min(i + plan.per_file, plan.lines); ++line) {
        string text = numbered(line, line + 1);
        if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) return 2;
      }
      rotate(plan);
    }
    return 0;
  }
  static void rotate(const Plan& plan) {
    auto name = [&](int number) { return number == 0 ? plan.log : plan.log + "." + std::to_string(number); };
    for (int number = plan.backups; number > 0; --number)
      rename(name(number - 1).c_str(), name(number).c_str());
  }
  pid_t pid_;
};

/// The first place where two texts differ, in lines: a whole text in an error message helps nobody.
string difference(const string& a, const string& b) {
  auto place = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
  auto around = [&](const string& text) {
    auto from = std::min<std::size_t>(text.size(), static_cast<std::size_t>(std::max<long>(place - 40, 0)));
    return text.substr(from, 80);
  };
  return "at byte " + std::to_string(place) + ":\n" + around(a) + "\n--- instead of\n" + around(b);
}

TEST_F(LogFilesTest, FollowingCopiesEveryLineOnceAcrossManyRotations) {
  const string expected = numbered(0, 50'000);
  LogFollower follower = follow(0);
  EXPECT_EQ(read_now(follower), "");
  Writer writer({log_, 50'000, 500, 120});
  string copy = read_until(follower, expected.size(), 4096);
  EXPECT_EQ(writer.exit_code(), 0);
  EXPECT_TRUE(copy == expected) << difference(copy, expected);
  EXPECT_EQ(read_now(follower), "");
}

TEST_F(LogFilesTest, FollowingCloseBehindRotationsCopiesEveryLineOnce) {
  const int files = 5'000, ahead = 8;
  const string expected = numbered(0, files);
  int credit[2];
  ASSERT_EQ(pipe2(credit, O_CLOEXEC), 0);
  Fd read_end(credit[0]), write_end(credit[1]);
  LogFollower follower = follow(0);
  EXPECT_EQ(read_now(follower), "");
  // The writer may be some files ahead, so that none is rotated away before it was read.
  ASSERT_EQ(::write(write_end.get(), "xxxxxxxx", ahead), ahead);
  Writer writer({log_, files, 1, ahead + 4, read_end.get()});
  string copy;
  const auto end = Clock::now() + std::chrono::seconds(60);
  while (copy.size() < expected.size() && Clock::now() < end) {
    string more = read_now(follower);
    auto lines = std::count(more.begin(), more.end(), '\n');
    ASSERT_EQ(::write(write_end.get(), string(static_cast<std::size_t>(lines), 'x').data(),
                      static_cast<std::size_t>(lines)),
              lines);
    copy += more;
    if (!more.empty()) continue;
    if (!expected.starts_with(copy) || !is_readable(follower.wait_fd(), 10'000)) break;
    follower.drain_events();
  }
  EXPECT_TRUE(copy == expected) << difference(copy, expected);
}

TEST_F(LogFilesTest, TheLastLinesAreInOrderWhileTheLogIsRotated) {
  Writer writer({log_, 100'000'000, 3, 20});
  for (int round = 0; round < 2'000; ++round) {
    Result<Tail> tail = read_tail(log_, 40, 1 << 20);
    ASSERT_TRUE(tail) << tail.error().text();
    int last = -1;
    for (const string& line : tail->lines) {
      int number = 0;
      ASSERT_EQ(std::sscanf(line.c_str(), "line %d", &number), 1) << line;
      ASSERT_TRUE(last < 0 || number == last + 1) << number << " after " << last << ", round " << round;
      last = number;
    }
  }
}

}  // namespace
}  // namespace keeper
