// Backups that are packed, and those that are on their way.
#include <gtest/gtest.h>

#include <random>

#include "log_place.hpp"
#include "protocol/logs/files.hpp"
#include "protocol/logs/follower.hpp"

namespace keeper {
namespace {

using std::string;
using Lines = std::vector<string>;

/// Text that packs badly, so that it makes many deflate blocks.
string noise(std::size_t size) {
  std::mt19937 random(7);
  string out;
  while (out.size() < size)
    out += std::to_string(random()) + (random() % 8 == 0 ? "\n" : " ");
  return out;
}

LogContent open_packed(const string& name) {
  return LogContent(Fd(open(name.c_str(), O_RDONLY | O_CLOEXEC)), true);
}

string all_of(LogFollower& follower) {
  string out;
  for (;;) {
    Result<string> piece = follower.read(64 << 10);
    EXPECT_TRUE(piece) << piece.error().text();
    if (!piece || piece->empty()) return out;
    out += *piece;
  }
}

Lines last_lines(const string& path, std::uint64_t count) {
  Result<Tail> tail = read_tail(path, count, 1 << 20);
  EXPECT_TRUE(tail) << tail.error().text();
  return tail ? tail->lines : Lines{};
}

TEST(PackedLog, IsReadFromAnyPlaceOn) {
  LogPlace place;
  string text = noise(9 << 20);
  place.write_packed(place.path, text);
  LogContent log = open_packed(place.path);
  std::mt19937 random(1);
  for (int i = 0; i < 60; ++i) {
    std::uint64_t from = random() % text.size(),
                  to = std::min<std::uint64_t>(from + random() % 100'000, text.size());
    if (i == 30) {
      EXPECT_EQ(text.size(), *log.size());
    }
    ASSERT_EQ(text.substr(from, to - from), *log.read_range(from, to)) << from;
  }
  EXPECT_EQ("", *log.read_range(text.size(), text.size() + 10));
}

TEST(PackedLog, IsReadBackwards) {
  LogPlace place;
  string text = noise(5 << 20);
  place.write_packed(place.path, text);
  LogContent log = open_packed(place.path);
  for (std::uint64_t end = *log.size(); end > 0;) {
    std::uint64_t begin = end - std::min<std::uint64_t>(end, 64 << 10);
    ASSERT_EQ(text.substr(begin, end - begin), *log.read_range(begin, end)) << begin;
    end = begin;
  }
}

TEST(PackedLog, MayBeSeveralOneBehindTheOther) {
  LogPlace place;
  string first = noise(3 << 20), second = noise(2 << 20), packed;
  for (const string& part : {first, second}) {
    place.write_packed(place.path, part);
    std::ifstream file(place.path, std::ios::binary);
    packed.append(std::istreambuf_iterator<char>(file), {});
  }
  place.write(place.path, packed);
  LogContent log = open_packed(place.path);
  EXPECT_EQ(first.size() + second.size(), *log.size());
  EXPECT_EQ(second.substr(100, 1000), *log.read_range(first.size() + 100, first.size() + 1100));
  EXPECT_EQ(first.substr(first.size() - 10) + second.substr(0, 10),
            *log.read_range(first.size() - 10, first.size() + 10));
}

TEST(PackedLog, ThatIsCutOffEndsWhereItEnds) {
  LogPlace place;
  string text = noise(2 << 20);
  place.write_packed(place.path, text);
  std::filesystem::resize_file(place.path, std::filesystem::file_size(place.path) / 2);
  LogContent log = open_packed(place.path);
  std::uint64_t size = *log.size();
  EXPECT_GT(size, 1000u);
  EXPECT_LT(size, text.size());
  EXPECT_EQ(GzDamage::cut_off, log.damage());
  EXPECT_EQ(text.substr(0, size), *log.read_range(0, text.size()));
}

TEST(PackedLog, ThatIsNoneIsEmpty) {
  LogPlace place;
  place.write(place.path, "this was never packed\n");
  LogContent log = open_packed(place.path);
  EXPECT_EQ(0u, *log.size());
  EXPECT_EQ(GzDamage::data, log.damage());
}

TEST(PackedLog, ThatHasAWrongChecksumIsReadAndIsDamaged) {
  LogPlace place;
  string text = noise(1 << 20);
  place.write_packed(place.path, text);
  std::ifstream file(place.path, std::ios::binary);
  string packed(std::istreambuf_iterator<char>(file), {});
  packed[packed.size() - 8] ^= 1;  // RFC 1952
  place.write(place.path, packed);
  LogContent log = open_packed(place.path);
  EXPECT_EQ(text.size(), *log.size());
  EXPECT_EQ(GzDamage::checksum, log.damage());
}

/// As logrotate(8) names them with dateext: behind those with numbers, the youngest first.
TEST(Backups, WithADateAreReadInTheirOrder) {
  LogPlace place;
  LogPlace::write(place.path + "-20261127", "1\n");
  LogPlace::pack(place.path + "-20261127");
  LogPlace::write(place.path + "-20261128", "2\n");
  LogPlace::write(place.path + "-20261128-1764374400", "3\n");
  LogPlace::write(place.path + "-notes", "no\n");
  LogPlace::write(place.path + ".idx", "no\n");
  EXPECT_EQ((Lines{"1", "2", "3"}), last_lines(place.path, 100)) << "also without the log itself";
  LogPlace::write(place.backup(1), "4\n");
  LogPlace::write(place.path, "5\n");
  EXPECT_EQ((Lines{"1", "2", "3", "4", "5"}), last_lines(place.path, 100));
  EXPECT_EQ((Lines{"3", "4", "5"}), last_lines(place.path, 3));
  auto oldest = open_oldest(place.path);
  ASSERT_TRUE(oldest && *oldest);
  string all = "1";
  for (auto next = open_newer(place.path, oldest->facts); next && *next;
       next = open_newer(place.path, next->facts))
    all += *next->content.read_range(0, 1);
  EXPECT_EQ("12345", all) << "and forwards";
}

/// It goes on behind what it has read, whatever that is called by then.
TEST(Backups, ThatGetADateWhileTheyAreFollowedAreNotReadAgain) {
  LogPlace place;
  LogPlace::write(place.path, "one\n");
  auto follower = LogFollower::open(place.path, 100);
  ASSERT_TRUE(follower);
  EXPECT_EQ("one\n", all_of(*follower));
  LogPlace::append(place.path, "two\n");
  std::filesystem::rename(place.path, place.path + "-20261129");
  LogPlace::write(place.path, "three\n");
  EXPECT_EQ("two\nthree\n", all_of(*follower));
}

TEST(Backups, ThatArePackedAreReadLikeOthers) {
  LogPlace place;
  place.write(place.backup(3), "1\n2\n");
  place.write(place.backup(2), "3\n");
  place.write(place.backup(1), "four\n");
  place.write(place.path, "fifth\n");
  place.pack(place.backup(3));
  place.pack(place.backup(2));
  EXPECT_EQ((Lines{"2", "3", "four", "fifth"}), last_lines(place.path, 4));
  auto follower = LogFollower::open(place.path, 100);
  EXPECT_EQ("1\n2\n3\nfour\nfifth\n", all_of(*follower));
}

TEST(Backups, OfWhichThePackedOneStandsBesideTheOtherForAMomentCountOnce) {
  LogPlace place;
  place.write(place.backup(1), "1\n");
  place.write_packed(place.backup(1) + ".gz", "1\n");
  place.write(place.path, "2\n");
  EXPECT_EQ((Lines{"1", "2"}), last_lines(place.path, 10));
}

TEST(Backups, ThatArePackedWhileTheyAreFollowedAreNotReadAgain) {
  for (bool indexed : {false, true}) {
    LogPlace place;
    place.write(place.path, "1\n2\n");
    if (indexed) place.index({{"2026-11-20T17:24:00.000Z", 0}});
    auto follower = LogFollower::open(place.path, 1);
    EXPECT_EQ("2\n", all_of(*follower));
    place.append(place.path, "3\n");
    place.rotate(3);
    place.append(place.path, "4\n");
    place.pack(place.backup(1));
    place.rotate(3);
    place.append(place.path, "5\n");
    EXPECT_EQ("3\n4\n5\n", all_of(*follower)) << indexed;
  }
}

TEST(Backups, ThatWasPackedBeforeItWasReachedIsReadPacked) {
  LogPlace place;
  place.write(place.path, "1\n");
  auto follower = LogFollower::open(place.path, 1);
  for (const char* line : {"22\n", "333\n", "4444\n"}) {
    place.rotate(5);
    place.append(place.path, line);
  }
  for (int number : {1, 2, 3})
    place.pack(place.backup(number));
  EXPECT_EQ("1\n22\n333\n4444\n", all_of(*follower));
}

TEST(Backups, AFileThatWasPutAsideForARotationIsNotOverlooked) {
  LogPlace place;
  place.write(place.backup(2), "1\n");
  place.write(place.path + ".rotating", "2\n3\n");
  EXPECT_EQ((Lines{"1", "2", "3"}), last_lines(place.path, 10));
  place.write(place.path, "4\n");
  EXPECT_EQ((Lines{"3", "4"}), last_lines(place.path, 2));
}

TEST(Backups, AFileThatIsPutAsideWhileItIsFollowedIsReadOnce) {
  LogPlace place;
  place.write(place.path, "1\n");
  auto follower = LogFollower::open(place.path, 1);
  EXPECT_EQ("1\n", all_of(*follower));
  rename(place.path.c_str(), (place.path + ".rotating").c_str());
  EXPECT_EQ("", all_of(*follower));
  rename((place.path + ".rotating").c_str(), place.backup(1).c_str());
  place.write(place.path, "2\n");
  EXPECT_EQ("2\n", all_of(*follower));
}

}  // namespace
}  // namespace keeper
