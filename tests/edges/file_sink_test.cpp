// The log file on a real disk: what is appended, renamed, lost and said.
#include "keeper/log/file_sink.hpp"

#include <signal.h>
#include <sys/resource.h>

#include "tests/edges/support/place.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

string line(int number, std::size_t length) {
  string text = std::to_string(number) + ":";
  return text + string(length - text.size() - 1, 'x') + "\n";
}

TEST(FileSink, MakesTheFileWithItsDirectoriesForTheOwnerAlone) {
  Place place;
  FileSink sink((place / "a/b/x.log").string(), 0, 0);
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
  FileSink sink((place / "x.log").string(), 0, 0);
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
  FileSink sink((place / "x.log").string(), 100, 2);
  string all;
  for (int i = 0; i < 10; ++i)
    all += line(i, 30);
  sink.write(all);  // 4 lines reach 100 bytes
  EXPECT_EQ(line(8, 30) + line(9, 30), read_text(place / "x.log"));
  EXPECT_EQ(line(4, 30) + line(5, 30) + line(6, 30) + line(7, 30), read_text(place / "x.log.1"));
  EXPECT_EQ(line(0, 30) + line(1, 30) + line(2, 30) + line(3, 30), read_text(place / "x.log.2"));
}

TEST(FileSink, RotatesTheSameInSmallPieces) {
  Place place;
  FileSink whole((place / "whole.log").string(), 100, 9), pieces((place / "pieces.log").string(), 100, 9);
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
  FileSink sink((place / "x.log").string(), 20, 2);
  for (int i = 0; i < 8; ++i)
    sink.write(line(i, 20));
  EXPECT_EQ(line(7, 20), read_text(place / "x.log.1"));
  EXPECT_EQ(line(6, 20), read_text(place / "x.log.2"));
  EXPECT_FALSE(fs::exists(place / "x.log.3"));
}

TEST(FileSink, WithoutBackupsItBeginsAgain) {
  Place place;
  FileSink sink((place / "x.log").string(), 20, 0);
  sink.write(line(0, 20) + "rest\n");
  EXPECT_EQ("rest\n", read_text(place / "x.log"));
  EXPECT_FALSE(fs::exists(place / "x.log.1"));
}

TEST(FileSink, CutsALineThatNeverEnds) {
  Place place;
  FileSink sink((place / "x.log").string(), 1000, 3);
  for (int i = 0; i < 30; ++i)
    sink.write(string(100'000, 'x'));
  std::uintmax_t sum = 0;
  for (const char* end : {"", ".1", ".2", ".3"}) {
    auto file = place / (string("x.log") + end);
    if (!fs::exists(file)) continue;
    EXPECT_LT(fs::file_size(file), 1'300'000u);
    sum += fs::file_size(file);
  }
  EXPECT_EQ(3'000'000u, sum);
}

TEST(FileSink, CountsWhatItCouldNotWriteAndSaysSoLater) {
  Place place;
  write_text(place / "folder", "a file where a directory is needed");
  FileSink sink((place / "folder/x.log").string(), 0, 0);
  sink.write("123456\n");
  sink.write("1234\n");
  EXPECT_TRUE(sink.trouble().find("cannot open") != string::npos) << sink.trouble();
  fs::remove(place / "folder");
  sink.write("there\n");
  string text = read_text(place / "folder/x.log");
  EXPECT_TRUE(text.starts_with("there\n[keeper] 12 bytes lost: cannot open ")) << text;
  EXPECT_EQ("", sink.trouble());
  sink.write("again\n");
  EXPECT_TRUE(read_text(place / "folder/x.log").ends_with("\nagain\n"));
}

TEST(FileSink, GoesOnAfterAFullDisk) {
  Place place;
  signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small{1000, before.rlim_max};
  FileSink sink((place / "x.log").string(), 0, 0);
  setrlimit(RLIMIT_FSIZE, &small);
  sink.write(string(1499, 'a') + "\n");
  sink.write("lost as a whole\n");
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_TRUE(sink.trouble().find("cannot write") != string::npos) << sink.trouble();
  sink.write("\nback\n");
  string text = read_text(place / "x.log");
  EXPECT_TRUE(text.starts_with(string(1000, 'a') + "\nback\n[keeper] 516 bytes lost: cannot write "))
      << text.substr(990);
}

TEST(FileSink, AFullDeviceIsNamed) {
  Place place;
  fs::create_symlink("/dev/full", place / "x.log");
  FileSink sink((place / "x.log").string(), 0, 0);
  sink.write("one\n");
  EXPECT_TRUE(sink.trouble().find("No space left on device") != string::npos) << sink.trouble();
}

/// What all files of a log hold together, by name.
string everything_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end(), std::greater<>());
  string out;
  for (const fs::path& file : files)
    out += read_text(file);
  return out;
}

TEST(FileSink, WhatCannotBeRotatedIsLostNeitherThenNorLater) {
  Place place;
  fs::create_directories(place / "x.log.1/full");
  FileSink sink((place / "x.log").string(), 30, 1);
  sink.write(line(0, 20));
  sink.write(line(1, 20));
  EXPECT_EQ(line(0, 20) + line(1, 20), everything_in(place.path()));
  EXPECT_TRUE(sink.trouble().find("cannot rotate") != string::npos) << sink.trouble();
  fs::remove_all(place / "x.log.1");
  sink.write(line(2, 20));
  EXPECT_EQ("", sink.trouble());
  EXPECT_EQ(line(0, 20) + line(1, 20) + line(2, 20), everything_in(place.path()));
  EXPECT_EQ(line(2, 20), read_text(place / "x.log"));
}

}  // namespace
}  // namespace keeper
