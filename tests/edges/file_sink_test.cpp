// The log file on a real disk: what is appended, renamed, lost and said.
#include "keeper/log/file_sink.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "tests/edges/support/place.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;
using namespace std::string_literals;

string line(int number, std::size_t length) {
  string text = std::to_string(number) + ":";
  return text + string(length - text.size() - 1, 'x') + "\n";
}

LogRules rules(std::uint64_t most, int backups) {
  LogRules out;
  out.most = most;
  out.backups = backups;
  return out;
}

/// Room for few bytes while the file cannot be written.
LogRules little_room(std::size_t keep, bool block = false) {
  LogRules out;
  out.keep = keep;
  out.block = block;
  return out;
}

string dropped_line(std::uint64_t bytes) {
  return "[" + std::to_string(bytes) + " dropped]\n";
}

TEST(FileSink, MakesTheFileWithItsDirectoriesForTheOwnerAlone) {
  Place place;
  FileSink sink((place / "a/b/x.log").string(), rules(0, 0));
  sink.write("one\n");
  EXPECT_EQ("one\n", read_text(place / "a/b/x.log"));
  struct stat st {};
  ASSERT_EQ(0, stat((place / "a/b/x.log").c_str(), &st));
  EXPECT_EQ(0600u, st.st_mode & 0777u);
  EXPECT_EQ(4u, sink.bytes());
}

TEST(FileSink, AppendsToWhatIsThereAndKnowsWhetherItEndsALine) {
  Place place;
  write_text(place / "x.log", "half");
  FileSink sink((place / "x.log").string(), rules(0, 0));
  EXPECT_EQ(4u, sink.bytes());
  sink.write_marker("[keeper] started\n");
  sink.write("more");
  EXPECT_FALSE(sink.at_line_start());
  sink.write_marker("[keeper] ended\n");
  EXPECT_TRUE(sink.at_line_start());
  EXPECT_EQ("half\n[keeper] started\nmore\n[keeper] ended\n", read_text(place / "x.log"));
}

TEST(FileSink, RotatesAtTheEndOfTheLineThatReachesTheSize) {
  Place place;
  FileSink sink((place / "x.log").string(), rules(100, 2));
  string all;
  for (int i = 0; i < 10; ++i)
    all += line(i, 30);
  sink.write(all);  // 4 lines reach 100 bytes
  EXPECT_EQ(line(8, 30) + line(9, 30), read_text(place / "x.log"));
  EXPECT_EQ(line(4, 30) + line(5, 30) + line(6, 30) + line(7, 30), read_text(place / "x.log.1"));
  EXPECT_EQ(line(0, 30) + line(1, 30) + line(2, 30) + line(3, 30), read_text(place / "x.log.2"));
}

TEST(FileSink, APieceIsWholeInOneFileAndTellsHowMuchThatIs) {
  Place place;
  FileSink sink((place / "x.log").string(), rules(100, 2));
  string all;
  for (int i = 0; i < 6; ++i)
    all += line(i, 30);
  sink.write("0123456789");
  sink.begin_piece();
  EXPECT_EQ(90u, sink.lines_room());
  ASSERT_EQ(90u, sink.share(all)) << "the third line reaches the size";
  sink.write(all);
  EXPECT_FALSE(fs::exists(place / "x.log.1"));
  sink.end_piece();
  EXPECT_EQ("0123456789" + all, read_text(place / "x.log.1"));
  EXPECT_EQ(0u, sink.bytes());
}

/// Its keeper was killed before it rotated.
TEST(FileSink, RotatesBeforeAPieceWhereThatIsDue) {
  Place place;
  write_text(place / "x.log", line(0, 100));
  FileSink sink((place / "x.log").string(), rules(100, 2));
  sink.begin_piece();
  sink.write("piece\n");
  sink.end_piece();
  EXPECT_EQ(line(0, 100), read_text(place / "x.log.1"));
  EXPECT_EQ("piece\n", read_text(place / "x.log"));
}

std::uint64_t inode_at(const fs::path& path) {
  struct stat st {};
  return stat(path.c_str(), &st) == 0 ? st.st_ino : 0;
}

TEST(FileSink, WritesAPieceThatComesAgainOverWhatIsThereOfIt) {
  for (const string& begun : {"2026 o"s, "2026 one\n"s, "2026 one, and was longer\n"s}) {
    Place place;
    write_text(place / "x.log", "first\n" + begun);
    FileSink sink((place / "x.log").string(), rules(0, 0));
    sink.write_again(inode_at(place / "x.log"), 6);
    sink.begin_piece();
    EXPECT_EQ(6u, sink.bytes());
    EXPECT_EQ(0u, sink.splice_room()) << "it has to be marked";
    EXPECT_TRUE(sink.writes_again());
    sink.write("2026 one\n");
    sink.end_piece();
    EXPECT_FALSE(sink.writes_again());
    EXPECT_EQ("first\n2026 one\n", read_text(place / "x.log"));
  }
}

TEST(FileSink, OverAnotherFileNothingIsWritten) {
  Place place;
  write_text(place / "x.log", "another\n");
  FileSink sink((place / "x.log").string(), rules(0, 0));
  sink.write_again(inode_at(place / "x.log") + 1, 2);
  sink.write("one\n");
  EXPECT_EQ("another\none\n", read_text(place / "x.log"));
}

TEST(FileSink, RotatesTheSameInSmallPieces) {
  Place place;
  FileSink whole((place / "whole.log").string(), rules(100, 9));
  FileSink pieces((place / "pieces.log").string(), rules(100, 9));
  string all;
  for (int i = 0; i < 25; ++i)
    all += line(i, 17);
  whole.write(all);
  for (std::size_t at = 0; at < all.size(); at += 7)
    pieces.write(all.substr(at, 7));
  for (const char* end : {"", ".1", ".2", ".3", ".4"})
    EXPECT_EQ(read_text(place / (string("whole.log") + end)), read_text(place / (string("pieces.log") + end)))
        << end;
}

TEST(FileSink, ForgetsTheOldestBackup) {
  Place place;
  FileSink sink((place / "x.log").string(), rules(20, 2));
  for (int i = 0; i < 8; ++i)
    sink.write(line(i, 20));
  EXPECT_EQ(line(7, 20), read_text(place / "x.log.1"));
  EXPECT_EQ(line(6, 20), read_text(place / "x.log.2"));
  EXPECT_FALSE(fs::exists(place / "x.log.3"));
}

TEST(FileSink, WithoutBackupsItBeginsAgain) {
  Place place;
  FileSink sink((place / "x.log").string(), rules(20, 0));
  sink.write(line(0, 20) + "rest\n");
  EXPECT_EQ("rest\n", read_text(place / "x.log"));
  EXPECT_FALSE(fs::exists(place / "x.log.1"));
}

TEST(FileSink, CutsALineThatNeverEnds) {
  Place place;
  constexpr std::uint64_t size = 1 << 20, past = 1 << 20, read = 256 << 10;
  FileSink sink((place / "x.log").string(), rules(size, 3));
  std::uintmax_t sum = 0;
  for (int i = 0; i < 200; ++i) {
    sink.write(string(100'000, 'x'));
    sum = 0;
    for (const auto& file : fs::directory_iterator(place.path()))
      if (file.path().extension() != ".idx") sum += file.file_size();
    ASSERT_LE(sum, 4 * size + read + past);
    ASSERT_LE(fs::file_size(place / "x.log"), size + past);
  }
  EXPECT_GT(sum, 2 * size);
  EXPECT_EQ(size + past, fs::file_size(place / "x.log.1"));
}

TEST(FileSink, KeepsWhatItCannotWriteUntilItCan) {
  Place place;
  write_text(place / "folder", "a file where a directory is needed");
  FileSink sink((place / "folder/x.log").string(), rules(0, 0));
  sink.on_dropped(dropped_line);
  sink.write("123456\n");
  sink.write("1234\n");
  EXPECT_TRUE(sink.trouble().find("cannot open") != string::npos) << sink.trouble();
  EXPECT_EQ(12u, sink.waiting());
  sink.retry();
  EXPECT_EQ(12u, sink.waiting());
  fs::remove(place / "folder");
  sink.retry();
  EXPECT_EQ("123456\n1234\n", read_text(place / "folder/x.log"));
  EXPECT_EQ("", sink.trouble());
  EXPECT_EQ(0u, sink.waiting());
  EXPECT_EQ(0u, sink.dropped());
  sink.write("again\n");
  EXPECT_EQ("123456\n1234\nagain\n", read_text(place / "folder/x.log"));
}

TEST(FileSink, DropsTheNewestWholeLinesWhenItHasNoRoomAndSaysHowMuch) {
  Place place;
  write_text(place / "folder", "");
  FileSink sink((place / "folder/x.log").string(), little_room(30));
  sink.on_dropped(dropped_line);
  for (int i = 0; i < 5; ++i)
    sink.write(line(i, 20) + line(i, 7));
  sink.write("the beginning of a line, ");
  EXPECT_EQ(135u + 25u - 27u, sink.dropped());
  fs::remove(place / "folder");
  sink.retry();
  string expected = line(0, 20) + line(0, 7) + dropped_line(133);
  EXPECT_EQ(expected, read_text(place / "folder/x.log"));
  sink.write("and its end\nthe next\n");
  EXPECT_EQ(expected + dropped_line(12) + "the next\n", read_text(place / "folder/x.log"));
  EXPECT_EQ("", sink.trouble());
}

TEST(FileSink, TakesNoMoreWhereTheProgramIsToWait) {
  Place place;
  write_text(place / "folder", "");
  FileSink sink((place / "folder/x.log").string(), little_room(30, true));
  EXPECT_FALSE(sink.is_full());
  sink.write(line(0, 20) + line(1, 20));
  EXPECT_TRUE(sink.is_full());
  fs::remove(place / "folder");
  sink.retry();
  EXPECT_FALSE(sink.is_full());
  EXPECT_EQ(line(0, 20) + line(1, 20), read_text(place / "folder/x.log"));
  EXPECT_EQ(0u, sink.dropped());
}

TEST(FileSink, GoesOnAfterAFullDisk) {
  Place place;
  signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small{1000, before.rlim_max};
  FileSink sink((place / "x.log").string(), rules(0, 0));
  setrlimit(RLIMIT_FSIZE, &small);
  sink.write(string(1499, 'a') + "\n");
  sink.write("kept as a whole\n");
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_TRUE(sink.trouble().find("cannot write") != string::npos) << sink.trouble();
  sink.write("back\n");
  EXPECT_EQ(string(1499, 'a') + "\nkept as a whole\nback\n", read_text(place / "x.log"));
  EXPECT_EQ("", sink.trouble());
}

TEST(FileSink, LosesNothingMoreOnceThereIsRoomWhereALineBegins) {
  Place place;
  write_text(place / "d", "a file is no directory");
  FileSink sink((place / "d/x.log").string(), little_room(20));
  sink.on_dropped(dropped_line);
  sink.write("it is kept\n");
  sink.write("this one does not fit\n");
  EXPECT_EQ(22u, sink.dropped());
  fs::remove(place / "d");
  sink.retry();
  sink.write("first\n");
  EXPECT_EQ(22u, sink.dropped());
  EXPECT_EQ("it is kept\n[22 dropped]\nfirst\n", read_text(place / "d/x.log"));
}

TEST(FileSink, ARotationThatSomebodyAskedForInVainIsNoLastingTrouble) {
  Place place;
  fs::create_directories(place / "x.log.1/full");
  FileSink sink((place / "x.log").string(), rules(0, 1));
  sink.write("one\n");
  EXPECT_FALSE(sink.rotate());
  EXPECT_EQ("", sink.trouble());
  // Asked for within a line it is owed, and tried again.
  sink.write("half");
  EXPECT_TRUE(sink.rotate());
  sink.write(" a line\n");
  EXPECT_TRUE(sink.trouble().find("cannot rotate") != string::npos) << sink.trouble();
  fs::remove_all(place / "x.log.1");
  EXPECT_TRUE(eventually([&] { return fs::exists(place / "x.log.1"); }, [&] { sink.retry(); }));
  EXPECT_EQ("", sink.trouble());
  EXPECT_EQ("one\nhalf a line\n", read_text(place / "x.log.1"));
}

TEST(FileSink, TakesTheFileThatIsAtItsPathWhenItIsToldTo) {
  Place place;
  FileSink sink((place / "x.log").string(), rules(0, 0));
  sink.write("one\n");
  fs::rename(place / "x.log", place / "away");
  EXPECT_TRUE(sink.reopen());
  sink.write("two\n");
  EXPECT_EQ("one\n", read_text(place / "away"));
  EXPECT_EQ("two\n", read_text(place / "x.log"));
}

TEST(FileSink, KeepsTheFileThatItHasWhereAnotherCannotBeHad) {
  Place place;
  FileSink sink((place / "d/x.log").string(), rules(100, 1));
  sink.write("one\n");
  fs::rename(place / "d", place / "away");
  write_text(place / "d", "a file is no directory");
  EXPECT_FALSE(sink.reopen());
  EXPECT_TRUE(sink.trouble().find("cannot open") != string::npos) << sink.trouble();
  sink.write("two\n");
  EXPECT_EQ("one\ntwo\n", read_text(place / "away/x.log"));
  EXPECT_EQ(0u, sink.waiting());
  // Up to its size.
  for (int i = 0; i < 10; ++i)
    sink.write(line(i, 20));
  EXPECT_EQ(108u, fs::file_size(place / "away/x.log"));
  EXPECT_EQ(100u, sink.waiting());
  fs::remove(place / "d");
  sink.retry();
  EXPECT_EQ("", sink.trouble());
  EXPECT_EQ(100u, fs::file_size(place / "d/x.log.1"));
}

/// As a keeper does, through its watch.
TEST(FileSink, ThatIsToldOfRenamesLooksWhenItIsTold) {
  Place place;
  FileSink sink((place / "x.log").string(), rules(0, 0));
  int files = 0;
  sink.on_file([&](int fd) { return fcntl(fd, F_GETFD) >= 0 && ++files > 0; });
  sink.write("one\n");
  EXPECT_EQ(1, files);
  fs::rename(place / "x.log", place / "away");
  sink.write("two\n");
  EXPECT_EQ("one\ntwo\n", read_text(place / "away")) << "it trusts in being told";
  sink.look_for_file();
  sink.write("three\n");
  EXPECT_EQ(2, files);
  EXPECT_EQ("three\n", read_text(place / "x.log"));
  fs::remove(place / "x.log");
  sink.look_for_file();
  sink.write("four\n");
  EXPECT_EQ("four\n", read_text(place / "x.log"));
  // What is done to the content is seen without.
  fs::resize_file(place / "x.log", 0);
  sink.write("five\n");
  EXPECT_EQ("five\n", read_text(place / "x.log"));
}

TEST(FileSink, ThatCannotBeToldOfRenamesLooksItself) {
  Place place;
  FileSink sink((place / "x.log").string(), rules(0, 0));
  sink.on_file([](int) { return false; });
  sink.write("one\n");
  std::this_thread::sleep_for(Millis(20));  // else both are at the same time, by the clock of file systems
  fs::rename(place / "x.log", place / "away");
  sink.write("two\n");
  EXPECT_EQ("two\n", read_text(place / "x.log"));
}

TEST(FileSink, IsNotInTroubleWhereOnlyALookWasInVain) {
  Place place;
  FileSink sink((place / "x.log").string(), rules(0, 0));
  sink.write("one\n");
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none{3, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  EXPECT_FALSE(sink.reopen());
  sink.write("two\n");
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ("", sink.trouble());
  EXPECT_EQ("one\ntwo\n", read_text(place / "x.log"));
}

TEST(FileSink, EndsALineInTheFileThatItBeganIn) {
  Place place;
  FileSink sink((place / "x.log").string(), rules(0, 0));
  sink.write("one\nha");
  fs::rename(place / "x.log", place / "away");
  EXPECT_TRUE(sink.reopen());
  EXPECT_EQ(0u, sink.splice_room());
  sink.write("lf");
  sink.write(" a line\ntwo\n");
  EXPECT_EQ("one\nhalf a line\n", read_text(place / "away"));
  EXPECT_EQ("two\n", read_text(place / "x.log"));
}

TEST(FileSink, WaitsASecondForTheEndOfALineInAFileThatWasLeft) {
  Place place;
  FileSink sink((place / "x.log").string(), rules(0, 0));
  sink.write("begun");
  fs::rename(place / "x.log", place / "away");
  EXPECT_TRUE(sink.reopen());
  EXPECT_TRUE(eventually([&] { return fs::file_size(place / "x.log") > 0; }, [&] { sink.write("."); }));
  EXPECT_TRUE(read_text(place / "away").starts_with("begun."));
}

TEST(FileSink, DoesNotRotateAFileThatSomebodyMoved) {
  Place place;
  FileSink sink((place / "x.log").string(), rules(20, 2));
  sink.write("one\n");
  fs::rename(place / "x.log", place / "away");
  sink.write(line(0, 20) + "next\n");
  EXPECT_EQ("", sink.trouble());
  EXPECT_EQ("one\n" + line(0, 20), read_text(place / "away"));
  EXPECT_EQ("next\n", read_text(place / "x.log"));
  fs::remove(place / "x.log");
  EXPECT_TRUE(sink.rotate());
  EXPECT_EQ("", sink.trouble());
  EXPECT_FALSE(fs::exists(place / "x.log.1"));
}

TEST(FileSink, RotatesTheFileThatALinkLeadsTo) {
  Place place;
  fs::create_directory(place / "disk");
  fs::create_symlink("disk/real.log", place / "link");
  fs::create_symlink("link", place / "x.log");
  FileSink sink((place / "x.log").string(), rules(20, 2));
  EXPECT_EQ((place / "disk/real.log").string(), sink.path());
  sink.write(line(0, 20) + "next\n");
  EXPECT_EQ("", sink.trouble());
  EXPECT_EQ(line(0, 20), read_text(place / "disk/real.log.1"));
  EXPECT_EQ("next\n", read_text(place / "x.log"));
  EXPECT_TRUE(fs::is_symlink(place / "x.log"));
  EXPECT_TRUE(sink.flush());
  EXPECT_EQ("", read_text(place / "disk/real.log"));
  EXPECT_FALSE(fs::exists(place / "disk/real.log.1"));
  // It may lead elsewhere by now.
  fs::remove(place / "link");
  fs::create_symlink("other.log", place / "link");
  EXPECT_TRUE(sink.reopen());
  sink.write("there\n");
  EXPECT_EQ("there\n", read_text(place / "other.log"));
  EXPECT_EQ((place / "other.log").string(), sink.path());
}

TEST(FileSink, DestroysNothingWhereItCannotBeFlushed) {
  Place place;
  FileSink sink((place / "d/x.log").string(), rules(0, 3));
  sink.write("one\n");
  EXPECT_TRUE(sink.rotate());
  sink.write("two\n");
  fs::rename(place / "d", place / "away");
  write_text(place / "d", "a file is no directory");
  EXPECT_FALSE(sink.flush());
  EXPECT_EQ("two\n", read_text(place / "away/x.log"));
  EXPECT_EQ("one\n", read_text(place / "away/x.log.1"));
}

TEST(FileSink, KeepsWhatWaitsWhereItCannotBeFlushed) {
  Place place;
  write_text(place / "d", "a file is no directory");
  FileSink sink((place / "d/x.log").string(), rules(0, 3));
  sink.write("one\n");
  EXPECT_FALSE(sink.flush());
  EXPECT_EQ(4u, sink.waiting());
  fs::remove(place / "d");
  sink.retry();
  EXPECT_EQ("one\n", read_text(place / "d/x.log"));
}

/// A rename changes the time of the last change alone; two things within one tick of the clock cannot be
/// told.
void written_a_while_ago(const fs::path& path) {
  fs::last_write_time(path, fs::last_write_time(path) - std::chrono::seconds(1));
}

TEST(FileSink, NoticesAtTheNextWriteThatSomebodyRenamedOrRemovedIt) {
  Place place;
  FileSink sink((place / "x.log").string(), rules(0, 0));
  sink.write("one\n");
  fs::rename(place / "x.log", place / "away");
  written_a_while_ago(place / "away");
  sink.write("two\n");
  EXPECT_EQ("one\n", read_text(place / "away"));
  fs::remove(place / "x.log");
  sink.write("three\n");
  EXPECT_EQ("three\n", read_text(place / "x.log"));
  EXPECT_EQ("", sink.trouble());
}

TEST(FileSink, NoticesWithinSecondsThatItsDirectoryWasRenamed) {
  Place place;
  FileSink sink((place / "d/x.log").string(), rules(0, 0));
  sink.write("one\n");
  fs::rename(place / "d", place / "away");
  EXPECT_TRUE(eventually([&] { return fs::exists(place / "d/x.log"); }, [&] { sink.write("two\n"); }));
  EXPECT_TRUE(read_text(place / "away/x.log").starts_with("one\ntwo\n"));
}

TEST(FileSink, GoesOnAtTheNewEndOfAFileThatSomebodyTruncated) {
  Place place;
  FileSink sink((place / "x.log").string(), rules(0, 0));
  sink.write("half a line");
  fs::resize_file(place / "x.log", 0);
  sink.write_marker("[keeper] ended\n");
  EXPECT_EQ("[keeper] ended\n", read_text(place / "x.log"));
}

TEST(FileSink, SplicesUpToTheSizeAndLeavesTheRestToWrite) {
  Place place;
  FileSink sink((place / "x.log").string(), rules(100, 2));
  Pipe pipe;
  string all = line(0, 60) + line(1, 60);
  ASSERT_EQ(120, write(pipe.writing.get(), all.data(), all.size()));
  EXPECT_EQ(100u, sink.splice_room());
  EXPECT_EQ(100u, sink.splice_from(pipe.reading.get(), 100));
  EXPECT_EQ(0u, sink.splice_room());
  sink.write(all.substr(100) + "next\n");
  EXPECT_EQ(all, read_text(place / "x.log.1"));
  EXPECT_EQ("next\n", read_text(place / "x.log"));
}

TEST(FileSink, RotatesWhenItIsToldToAtTheEndOfALine) {
  Place place;
  FileSink sink((place / "x.log").string(), rules(0, 3));
  EXPECT_TRUE(sink.rotate()) << "there is nothing in it";
  EXPECT_FALSE(fs::exists(place / "x.log.1"));
  sink.write("one\n");
  EXPECT_TRUE(sink.rotate());
  EXPECT_EQ("one\n", read_text(place / "x.log.1"));
  sink.write("half");
  EXPECT_TRUE(sink.rotate());
  EXPECT_EQ("half", read_text(place / "x.log"));
  sink.write(" a line\ntwo\n");
  EXPECT_EQ("half a line\n", read_text(place / "x.log.1"));
  EXPECT_EQ("two\n", read_text(place / "x.log"));
}

TEST(FileSink, GivesBackTheLastBytesSinceAMark) {
  Place place;
  FileSink sink((place / "x.log").string(), rules(20, 2));
  sink.write("before\n");
  auto mark = sink.total();
  sink.write("one\ntwo\nthree\nfour\n");
  EXPECT_EQ("one\ntwo\nthree\nfour\n", sink.last(100, mark));
  EXPECT_EQ("four\n", sink.last(5, mark));
  EXPECT_EQ("", sink.last(100, sink.total()));
}

TEST(FileSink, AFullDeviceIsNamed) {
  Place place;
  fs::create_symlink("/dev/full", place / "x.log");
  FileSink sink((place / "x.log").string(), rules(0, 0));
  sink.write("one\n");
  EXPECT_TRUE(sink.trouble().find("No space left on device") != string::npos) << sink.trouble();
}

/// What all files of a log hold together, by name.
string everything_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file() && entry.path().extension() != ".idx") files.push_back(entry.path());
  std::sort(files.begin(), files.end(), std::greater<>());
  string out;
  for (const fs::path& file : files)
    out += read_text(file);
  return out;
}

TEST(FileSink, WhatCannotBeRotatedIsLostNeitherThenNorLater) {
  Place place;
  fs::create_directories(place / "x.log.1/full");
  FileSink sink((place / "x.log").string(), rules(30, 1));
  sink.write(line(0, 20));
  sink.write(line(1, 20));
  EXPECT_EQ(line(0, 20) + line(1, 20), everything_in(place.path()));
  EXPECT_TRUE(sink.trouble().find("cannot rotate") != string::npos) << sink.trouble();
  fs::remove_all(place / "x.log.1");
  EXPECT_TRUE(eventually([&] { return sink.trouble().empty(); }, [&] { sink.retry(); })) << "within a second";
  sink.write(line(2, 20));
  EXPECT_EQ(line(0, 20) + line(1, 20) + line(2, 20), everything_in(place.path()));
  EXPECT_EQ(line(2, 20), read_text(place / "x.log"));
}

// --- what a new file has of the old one

constexpr unsigned kMode = 0640;

/// Mode, owner and group; of root's tests another owner and group than root's.
string attributes(const fs::path& path) {
  struct stat st {};
  if (stat(path.c_str(), &st) != 0) return "not there";
  char text[64];
  std::snprintf(text, sizeof text, "%o %u %u", st.st_mode & 07777, st.st_uid, st.st_gid);
  return text;
}

string have_attributes(const fs::path& path) {
  chmod(path.c_str(), kMode);
  EXPECT_TRUE(geteuid() != 0 || chown(path.c_str(), 4711, 4712) == 0);
  return attributes(path);
}

TEST(FileSink, ANewLogHasTheModeOwnerAndGroupOfTheOldOne) {
  Place place;
  for (const int backups : {0, 2}) {
    FileSink sink((place / "x.log").string(), rules(0, backups));
    sink.write("one\n");
    const string wanted = have_attributes(place / "x.log");
    ASSERT_TRUE(sink.rotate());
    EXPECT_EQ(wanted, attributes(place / "x.log")) << backups;
    sink.write("two\n");
    EXPECT_EQ(wanted, attributes(place / "x.log.idx")) << backups;
    fs::remove_all(place / "x.log");
  }
}

TEST(FileSink, ALogThatSomebodyRenamedOrRemovedIsMadeAgainAsItWas) {
  Place place;
  FileSink sink((place / "x.log").string(), rules(0, 2));
  sink.write("one\n");
  const string wanted = have_attributes(place / "x.log");
  fs::rename(place / "x.log", place / "elsewhere");
  ASSERT_TRUE(sink.reopen());
  EXPECT_EQ(wanted, attributes(place / "x.log"));
  fs::remove(place / "x.log");
  sink.write("two\n");
  EXPECT_EQ(wanted, attributes(place / "x.log"));
}

/// The keeper was killed after it had renamed the file.
TEST(FileSink, ALogThatIsMissingBesideItsBackupIsMadeAsThatIs) {
  Place place;
  write_text(place / "x.log.1", "one\n");
  const string wanted = have_attributes(place / "x.log.1");
  FileSink sink((place / "x.log").string(), rules(0, 2));
  sink.write("two\n");
  EXPECT_EQ(wanted, attributes(place / "x.log"));
}

/// An owner that cannot be given is not, and a group's rights are nobody else's then.
TEST(FileSink, GivesAnotherGroupNoMoreThanOthers) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  Place place;
  fs::permissions(place.path(), fs::perms::all);
  write_text(place / "x.log.1", "one\n");
  have_attributes(place / "x.log.1");
  fs::permissions(place / "x.log.1", fs::perms(0664));
  ActingUser user;
  user.acts = true;
  user.uid = user.gid = 65'534;
  FileSink sink((place / "x.log").string(), rules(0, 2), &user);
  sink.write("two\n");
  EXPECT_EQ("644 65534 65534", attributes(place / "x.log"));
}

// --- a file that may not grow

class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t most) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit now = before_;
    now.rlim_cur = most;
    setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    signal(SIGXFSZ, SIG_DFL);
  }

 private:
  rlimit before_{};
};

TEST(FileSink, BeginsAnotherFileWhereOneMayNotGrow) {
  Place place;
  FileSink sink((place / "x.log").string(), rules(0, 9));
  const FileSizeLimit limit(16'384);
  string all;
  for (int i = 0; i < 500; ++i) {
    all += line(i, 100);
    sink.write(line(i, 100));
  }
  EXPECT_EQ(0u, sink.waiting());
  EXPECT_EQ(0u, sink.dropped());
  EXPECT_EQ("", sink.trouble());
  string files = read_text(place / "x.log");
  for (int i = 1; fs::exists(place / ("x.log." + std::to_string(i))); ++i)
    files = read_text(place / ("x.log." + std::to_string(i))) + files;
  EXPECT_TRUE(all == files);
}

TEST(FileSink, RotatesAFileThatMayNotGrowInTheMiddleOfALine) {
  Place place;
  FileSink sink((place / "x.log").string(), rules(0, 1));
  sink.write(string(16'384, 'x'));
  const FileSizeLimit limit(16'384);
  sink.begin_piece();
  sink.write("yz");
  EXPECT_EQ(2u, sink.waiting());
  sink.end_piece();
  EXPECT_TRUE(fs::exists(place / "x.log.1"));
  EXPECT_EQ("yz", read_text(place / "x.log"));
}

/// It has grown while rotations rested, or under an earlier keeper: its last line is ended in it all the
/// same.
TEST(FileSink, CutsNoLineBecauseItsFileIsLong) {
  Place place;
  constexpr std::size_t kAlready = 7 << 19;
  write_text(place / "x.log", string(kAlready, 'x'));
  FileSink sink((place / "x.log").string(), rules(2 << 20, 9));
  sink.write("end\nnext\n");
  EXPECT_EQ(string(kAlready, 'x') + "end\n", read_text(place / "x.log.1"));
  EXPECT_EQ("next\n", read_text(place / "x.log"));
}

// --- many backups

/// The file grows on while they are renamed; retry() is what its log's timer calls.
TEST(FileSink, RotatesALongChainOfBackupsBitByBit) {
  constexpr int kFiles = 1100;
  Place place;
  for (int i = 1; i <= kFiles; ++i)
    write_text(place / ("x.log." + std::to_string(i)), std::to_string(i));
  FileSink sink((place / "x.log").string(), rules(0, 100'000));
  sink.write("one\n");
  ASSERT_TRUE(sink.rotate());
  EXPECT_TRUE(sink.rotates());
  sink.write("two\n");
  EXPECT_EQ("one\ntwo\n", read_text(place / "x.log"));
  EXPECT_TRUE(eventually([&] { return !sink.rotates(); }, [&] { sink.retry(); }));
  EXPECT_EQ("", sink.trouble());
  EXPECT_EQ("one\ntwo\n", read_text(place / "x.log.1"));
  EXPECT_EQ("1100", read_text(place / "x.log.1101"));
  sink.write("three\n");
  EXPECT_EQ("three\n", read_text(place / "x.log"));
}

}  // namespace
}  // namespace keeper
