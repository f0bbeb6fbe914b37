// What stands behind a rotation on a real disk: renaming, packing, and the index of times.
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <zlib.h>

#include <asio/io_context.hpp>

#include "keeper/log/compressor.hpp"
#include "keeper/log/index_file.hpp"
#include "keeper/log/rotator.hpp"
#include "protocol/base/scope_exit.hpp"
#include "tests/edges/support/place.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

/// Names and contents of a directory: "x.log.1=two x.log=three".
string listing(const Place& place) {
  std::vector<string> all;
  for (const auto& entry : fs::directory_iterator(place.path()))
    all.push_back(entry.path().filename().string() + "=" + read_text(entry.path()));
  std::sort(all.begin(), all.end());
  string out;
  for (const string& one : all)
    out += (out.empty() ? "" : " ") + one;
  return out;
}

FilePlace at(const fs::path& log) {
  return *find_place(log.string(), nullptr);
}

RotationRules keeps(int backups, bool compress = false) {
  RotationRules out;
  out.backups = backups;
  out.compress = compress;
  return out;
}

TEST(Rotator, RenamesWithTheIndexesAndDropsTheOldest) {
  Place place;
  for (auto [name, text] : {std::pair("x.log", "c"),
                            {"x.log.idx", "ci"},
                            {"x.log.1", "b"},
                            {"x.log.1.idx", "bi"},
                            {"x.log.2", "a"},
                            {"x.logs", "of another"}})
    write_text(place / name, text);
  ASSERT_TRUE(Rotator().rotate(at(place / "x.log"), keeps(2)));
  EXPECT_EQ("x.log.1.idx=ci x.log.1=c x.log.2.idx=bi x.log.2=b x.logs=of another", listing(place));
}

TEST(Rotator, SaysWhichFileCannotBeHad) {
  Place place;
  auto gone = Rotator().rotate(at(place / "nowhere/x.log"), keeps(2));
  ASSERT_FALSE(gone);
  EXPECT_NE(string::npos, gone.error().why().find("nowhere/: No such file or directory"))
      << gone.error().why();
  fs::create_directory(place / "x.log.1");
  write_text(place / "x.log", "c");
  auto taken = Rotator().rotate(at(place / "x.log"), keeps(1));
  ASSERT_FALSE(taken);
  EXPECT_EQ("no name is free for a backup", taken.error().why());
}

TEST(Rotator, PlacesWhatWasPackedByItsInodeWhereverThatIsByNow) {
  Place place;
  write_text(place / "x.log.1", "plain");
  struct stat st {};
  ASSERT_EQ(0, stat((place / "x.log.1").c_str(), &st));
  write_text(place / "x.log.gz.tmp", "packed");
  write_text(place / "x.log", "new");
  ASSERT_TRUE(Rotator().rotate(at(place / "x.log"), [] {
    RotationRules rules = keeps(5, true);
    rules.compressing = true;
    return rules;
  }()));
  ASSERT_TRUE(Rotator().place_compressed(at(place / "x.log"), st.st_ino));
  EXPECT_EQ("x.log.1=new x.log.2.gz=packed", listing(place));
}

TEST(Rotator, RemovesAllBackupsAndWhatWasLeftHalfDone) {
  Place place;
  for (const char* name : {"x.log", "x.log.idx", "x.log.1", "x.log.1.idx", "x.log.2.gz", "x.log.gz.tmp"})
    write_text(place / name, "");
  ASSERT_TRUE(Rotator().remove_backups(at(place / "x.log")));
  EXPECT_EQ("x.log.idx= x.log=", listing(place));
}

string unpacked(const fs::path& path) {
  gzFile file = gzopen(path.c_str(), "rb");
  string out(1 << 22, '\0');
  int got = gzread(file, out.data(), static_cast<unsigned>(out.size()));
  gzclose(file);
  out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return out;
}

struct Packed {
  int times = 0;
  bool good = false;
  std::uint64_t inode = 0;
};

TEST(Compressor, PacksInAProcessOfItsOwnWithTheTimesOfTheFile) {
  Place place;
  string text;
  for (int i = 0; i < 100'000; ++i)
    text += "line " + std::to_string(i) + "\n";
  write_text(place / "x.log.1", text, 0640);
  const mode_t callers = umask(077);
  const Finally as_before([&] { umask(callers); });
  timespec times[] = {{1'700'000'000, 0}, {1'700'000'000, 123}};
  ASSERT_EQ(0, utimensat(AT_FDCWD, (place / "x.log.1").c_str(), times, 0));
  asio::io_context io;
  Packed end;
  Compressor compressor(io, [&](bool good, std::uint64_t inode) { end = {end.times + 1, good, inode}; });
  ASSERT_TRUE(compressor.start(at(place / "x.log"), "x.log.1", "x.log.gz.tmp"));
  EXPECT_GT(compressor.pid(), 0);
  EXPECT_TRUE(eventually([&] { return end.times > 0; }, [&] { io.poll(); }));
  EXPECT_TRUE(end.good);
  EXPECT_EQ(0, compressor.pid());
  EXPECT_EQ(text, unpacked(place / "x.log.gz.tmp"));
  struct stat from {
  }, to{};
  ASSERT_EQ(0, stat((place / "x.log.1").c_str(), &from));
  ASSERT_EQ(0, stat((place / "x.log.gz.tmp").c_str(), &to));
  EXPECT_EQ(from.st_ino, end.inode);
  EXPECT_EQ(from.st_mtim.tv_nsec, to.st_mtim.tv_nsec);
  EXPECT_EQ(from.st_mode, to.st_mode);
}

/// Where the test does not run as root, owner and group are the test's own.
TEST(Compressor, APackedBackupHasTheModeOwnerAndGroupOfTheFileThatItReplaces) {
  Place place;
  write_text(place / "x.log.1", "text", 0600);
  ASSERT_EQ(0, chmod((place / "x.log.1").c_str(), 0644));
  const bool root = geteuid() == 0;
  ASSERT_TRUE(!root || chown((place / "x.log.1").c_str(), 12'345, 54'321) == 0);
  struct stat before {
  }, after{};
  ASSERT_EQ(0, stat((place / "x.log.1").c_str(), &before));
  const mode_t callers = umask(077);
  const Finally as_before([&] { umask(callers); });
  asio::io_context io;
  Packed end;
  Compressor compressor(io, [&](bool good, std::uint64_t inode) { end = {end.times + 1, good, inode}; });
  ASSERT_TRUE(compressor.start(at(place / "x.log"), "x.log.1", "x.log.gz.tmp"));
  EXPECT_TRUE(eventually([&] { return end.times > 0; }, [&] { io.poll(); }));
  ASSERT_TRUE(end.good);
  ASSERT_TRUE(Rotator().place_compressed(at(place / "x.log"), end.inode));
  EXPECT_FALSE(fs::exists(place / "x.log.1"));
  ASSERT_EQ(0, stat((place / "x.log.1.gz").c_str(), &after));
  EXPECT_EQ(before.st_mode, after.st_mode);
  EXPECT_EQ(before.st_uid, after.st_uid);
  EXPECT_EQ(before.st_gid, after.st_gid);
}

TEST(Compressor, SaysThatItWasEnded) {
  Place place;
  write_text(place / "x.log.1", string(64 << 20, 'x'));
  asio::io_context io;
  Packed end;
  Compressor compressor(io, [&](bool good, std::uint64_t inode) { end = {end.times + 1, good, inode}; });
  ASSERT_TRUE(compressor.start(at(place / "x.log"), "x.log.1", "x.log.gz.tmp"));
  kill(compressor.pid(), SIGKILL);
  EXPECT_TRUE(eventually([&] { return end.times > 0; }, [&] { io.poll(); }));
  EXPECT_FALSE(end.good);
  EXPECT_FALSE(compressor.start(at(place / "x.log"), "gone", "x.log.gz.tmp"));
}

TEST(Compressor, WorksWhenNobodyElseWantsTheProcessorOrTheDisk) {
  Place place;
  write_text(place / "x.log.1", "");
  ASSERT_EQ(0, truncate((place / "x.log.1").c_str(), off_t{64} << 30));  // it is still at it when looked at
  asio::io_context io;
  Packed end;
  Compressor compressor(io, [&](bool good, std::uint64_t inode) { end = {end.times + 1, good, inode}; });
  ASSERT_TRUE(compressor.start(at(place / "x.log"), "x.log.1", "x.log.gz.tmp"));
  constexpr int who_process = 1, class_shift = 13, class_idle = 3;  // ioprio_set(2)
  EXPECT_TRUE(
      eventually([&] { return getpriority(PRIO_PROCESS, static_cast<id_t>(compressor.pid())) == 19; }));
  EXPECT_TRUE(eventually(
      [&] { return syscall(SYS_ioprio_get, who_process, compressor.pid()) >> class_shift == class_idle; }));
  kill(compressor.pid(), SIGKILL);
  EXPECT_TRUE(eventually([&] { return end.times > 0; }, [&] { io.poll(); }));
}

// --- the index of times

WallTime second(int number) {
  return WallTime(Millis(1'795'000'000'000 + number * 1000));
}

/// How many entries an index has.
std::size_t entries_of(const fs::path& index) {
  Fd file(open(index.c_str(), O_RDONLY | O_CLOEXEC));
  auto inode = LogIndex::inode_in(file.get());
  return inode ? LogIndex(file.get(), *inode).count() : 0;
}

TEST(IndexFile, HasAnEntryASecondAtMost) {
  Place place;
  IndexFile index;
  index.begin((place / "x.log").string(), 42);
  EXPECT_FALSE(fs::exists(place / "x.log.idx")) << "nothing is made yet";
  for (int i = 0; i < 30; ++i)
    index.note(second(0) + Millis(100 * i), static_cast<std::uint64_t>(10 * i));
  EXPECT_EQ(3u, entries_of(place / "x.log.idx"));
}

TEST(IndexFile, GoesOnWithItsOwnLogsAndBeginsAnewForAnother) {
  Place place;
  for (int i = 0; i < 2; ++i) {
    IndexFile index;
    index.begin((place / "x.log").string(), 42);
    index.note(second(2 * i), static_cast<std::uint64_t>(100 * i));
  }
  EXPECT_EQ(2u, entries_of(place / "x.log.idx"));
  IndexFile other;
  other.begin((place / "x.log").string(), 43);
  other.note(second(9), 0);
  EXPECT_EQ(1u, entries_of(place / "x.log.idx"));
}

TEST(IndexFile, BeginsAnewWhereTheLogWasTruncated) {
  Place place;
  IndexFile index;
  index.begin((place / "x.log").string(), 42);
  index.note(second(0), 0);
  index.note(second(2), 500);
  index.note(second(4), 100);
  EXPECT_EQ(1u, entries_of(place / "x.log.idx"));
}

TEST(IndexFile, OfALogOfFewBytesDoesNotOutgrowIt) {
  Place place;
  IndexFile index;
  index.begin((place / "x.log").string(), 42);
  for (int i = 0; i < 20'000; ++i)  // two bytes a second
    index.note(second(2 * i), static_cast<std::uint64_t>(4 * i));
  constexpr std::size_t most = (64 << 10) / kIndexRecord - 1;
  EXPECT_EQ(most, entries_of(place / "x.log.idx"));
  EXPECT_EQ(64u << 10, fs::file_size(place / "x.log.idx"));
  index.note(second(100'000), 2 << 20);
  EXPECT_EQ(most + 1, entries_of(place / "x.log.idx"));
}

TEST(IndexFile, GivesBackWhatItReservedWhenItsLogIsAnother) {
  Place place;
  IndexFile index;
  index.begin((place / "x.log").string(), 42);
  for (int i = 0; i < 300; ++i)
    index.note(second(i), static_cast<std::uint64_t>(100 * i));
  EXPECT_EQ(2 * FilePage::kSize, fs::file_size(place / "x.log.idx"));
  EXPECT_EQ(300u, entries_of(place / "x.log.idx"));
  index.end();
  EXPECT_EQ(301 * kIndexRecord, fs::file_size(place / "x.log.idx"));
  EXPECT_EQ(300u, entries_of(place / "x.log.idx"));
}

/// One that is killed has stored what it noted, and the next one goes on behind it.
TEST(IndexFile, OutlivesItsWriter) {
  Place place;
  const pid_t writer = fork();
  if (writer == 0) {
    IndexFile index;
    index.begin((place / "x.log").string(), 42);
    for (int i = 0; i < 300; ++i)
      index.note(second(i), static_cast<std::uint64_t>(100 * i));
    raise(SIGKILL);
  }
  waitpid(writer, nullptr, 0);
  EXPECT_EQ(300u, entries_of(place / "x.log.idx"));
  IndexFile index;
  index.begin((place / "x.log").string(), 42);
  index.note(second(299) + Millis(500), 40'000);
  EXPECT_EQ(300u, entries_of(place / "x.log.idx")) << "a second is not over yet";
  index.note(second(300), 50'000);
  EXPECT_EQ(301u, entries_of(place / "x.log.idx"));
}

TEST(IndexFile, ThatIsCutShortByAnotherIsLostAndNothingElse) {
  Place place;
  IndexFile index;
  index.begin((place / "x.log").string(), 42);
  index.note(second(0), 0);
  fs::resize_file(place / "x.log.idx", 0);
  for (int i = 1; i < 600; ++i)  // storing into what is no file any more is SIGBUS
    index.note(second(i), static_cast<std::uint64_t>(100 * i));
  index.begin((place / "y.log").string(), 43);
  index.note(second(700), 0);
  EXPECT_EQ(1u, entries_of(place / "y.log.idx"));
}

TEST(FilePage, IsAPageOfItsFile) {
  Place place;
  write_text(place / "x", "before");
  Fd file(open((place / "x").c_str(), O_RDWR | O_CLOEXEC));
  {
    auto page = FilePage::make(file.get(), FilePage::kSize);
    ASSERT_TRUE(page);
    EXPECT_EQ(FilePage::kSize, page->offset());
    memcpy(page->data(), "stored", 6);
    EXPECT_EQ("stored", read_text(place / "x").substr(FilePage::kSize, 6));
  }
  EXPECT_EQ("before", read_text(place / "x").substr(0, 6));
  EXPECT_FALSE(FilePage::make(Fd(open((place / "x").c_str(), O_RDONLY | O_CLOEXEC)).get(), 0));
}

TEST(FilePage, ThatIsNoneOfOursIsABusErrorAsEver) {
  Place place;
  write_text(place / "x", "x");
  Fd file(open((place / "x").c_str(), O_RDWR | O_CLOEXEC));
  auto ours = FilePage::make(file.get(), 0);
  const pid_t other = fork();
  if (other == 0) {
    void* at = mmap(nullptr, FilePage::kSize, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 1 << 20);
    if (at != MAP_FAILED) *static_cast<volatile char*>(at) = 'x';
    _exit(0);
  }
  int status = 0;
  waitpid(other, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS) << status;
}

TEST(IndexFile, GoesWithWhatItIsOf) {
  Place place;
  IndexFile index;
  index.begin((place / "x.log").string(), 42);
  index.note(second(0), 0);
  index.remove();
  EXPECT_FALSE(fs::exists(place / "x.log.idx"));
  index.note(second(0), 0);
  EXPECT_EQ(1u, entries_of(place / "x.log.idx"));
}

TEST(IndexFile, IsDoneWithoutWhereItCannotBeHad) {
  Place place;
  fs::create_directory(place / "x.log.idx");
  IndexFile index;
  index.begin((place / "x.log").string(), 42);
  index.note(second(0), 0);
  index.note(second(2), 100);
  EXPECT_TRUE(fs::is_directory(place / "x.log.idx"));
}

/// As with --log-backups 100000: no call renames for long, and all come to the same end.
TEST(Rotator, MovesALongChainInParts) {
  constexpr int kFiles = 1300;
  Place place;
  write_text(place / "x.log", "0");
  for (int i = 1; i <= kFiles; ++i)
    write_text(place / ("x.log." + std::to_string(i)), std::to_string(i));
  int parts = 0;
  Rotator rotator;
  for (bool moved = false; !moved; ++parts) {
    auto rotated = rotator.rotate(at(place / "x.log"), keeps(100'000));
    ASSERT_TRUE(rotated) << rotated.error().text();
    if (parts == 0) write_text(place / "x.log.7.gz.tmp", "a plan that is made now removes it");
    EXPECT_LE(rotated->steps, kMostSteps);
    EXPECT_NE(rotated->moved, rotated->unfinished);
    moved = rotated->moved;
  }
  EXPECT_EQ(3, parts);
  EXPECT_TRUE(fs::exists(place / "x.log.7.gz.tmp")) << "the directory was read again";
  EXPECT_FALSE(fs::exists(place / "x.log"));
  for (int i = 0; i <= kFiles; ++i)
    EXPECT_EQ(std::to_string(i), read_text(place / ("x.log." + std::to_string(i + 1))));
}

/// A user packs a backup by hand between two parts: the rest of the plan is not what is there any more.
TEST(Rotator, PlansAgainWhereABackupIsGoneBetweenTwoParts) {
  constexpr int kFiles = 700;
  Place place;
  write_text(place / "x.log", "0");
  for (int i = 1; i <= kFiles; ++i)
    write_text(place / ("x.log." + std::to_string(i)), std::to_string(i));
  Rotator rotator;
  ASSERT_TRUE(rotator.rotate(at(place / "x.log"), keeps(100'000)));
  fs::rename(place / "x.log.100", place / "x.log.100.gz");
  bool moved = false;
  for (int parts = 0; parts < 3 && !moved; ++parts) {
    auto rotated = rotator.rotate(at(place / "x.log"), keeps(100'000));
    ASSERT_TRUE(rotated) << rotated.error().text();
    moved = rotated->moved;
  }
  EXPECT_TRUE(moved);
  EXPECT_EQ("0", read_text(place / "x.log.1"));
  EXPECT_EQ("99", read_text(place / "x.log.100"));
  EXPECT_EQ("100", read_text(place / "x.log.101.gz"));
  EXPECT_EQ("101", read_text(place / "x.log.102"));
}

TEST(Rotator, RemovesManyBackupsInParts) {
  constexpr int kFiles = 1300;
  Place place;
  write_text(place / "x.log", "0");
  for (int i = 1; i <= kFiles; ++i)
    write_text(place / ("x.log." + std::to_string(i)), "");
  int parts = 0;
  Rotator rotator;
  for (bool unfinished = true; unfinished; ++parts) {
    auto removed = rotator.remove_backups(at(place / "x.log"));
    ASSERT_TRUE(removed) << removed.error().text();
    EXPECT_LE(removed->steps, kMostSteps);
    unfinished = removed->unfinished;
  }
  EXPECT_EQ(3, parts);
  EXPECT_EQ("x.log=0", listing(place));
}

}  // namespace
}  // namespace keeper
