#include "protocol/logs/index.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <limits>
#include <random>
#include <vector>

namespace keeper {
namespace {

using std::string;

constexpr std::uint64_t kInode = 4711;

WallTime at(std::int64_t milliseconds) {
  return WallTime(Millis(milliseconds));
}

void add(string& index, const IndexRecord& record) {
  index.append(record.data(), record.size());
}

string index_of(const std::vector<IndexEntry>& entries) {
  string out;
  add(out, index_header(kInode));
  for (const IndexEntry& entry : entries)
    add(out, index_record(entry));
  return out;
}

TEST(LogIndex, HasTheBytesThatAreDescribed) {
  auto header = index_header(0x0102);
  EXPECT_EQ(string(header.data(), header.size()), string("keeperi2\x02\x01\0\0\0\0\0\0", 16));
  auto entry = index_record({at(-1), 0x80});
  EXPECT_EQ(string(entry.data(), entry.size()),
            string("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x80\0\0\0\0\0\0\0", 16));
}

TEST(LogIndex, FindsTheFirstEntrySinceATimeAndBeyondAPlace) {
  string bytes = index_of({{at(1000), 0}, {at(2000), 100}, {at(9000), 200}});
  LogIndex index(bytes, kInode);
  EXPECT_EQ(index.count(), 3u);
  EXPECT_EQ(index.first_since(at(0)), 0u);
  EXPECT_EQ(index.first_since(at(1000)), 0u);
  EXPECT_EQ(index.first_since(at(1001)), 1u);
  EXPECT_EQ(index.first_since(at(9000)), 2u);
  EXPECT_EQ(index.first_since(at(9001)), 3u);
  EXPECT_EQ(index.first_beyond(0), 1u);
  EXPECT_EQ(index.first_beyond(99), 1u);
  EXPECT_EQ(index.first_beyond(200), 3u);
  EXPECT_EQ(index.entry(1), (IndexEntry{at(2000), 100}));
  EXPECT_FALSE(index.entry(3));
}

TEST(LogIndex, IsNotBelievedWhereItIsNotOfThisFile) {
  string bytes = index_of({{at(1000), 0}, {at(2000), 100}});
  LogIndex other(bytes, kInode + 1);
  EXPECT_EQ(other.count(), 0u);
  EXPECT_FALSE(other.entry(0));
  EXPECT_EQ(other.good_bytes(), 0u);
}

TEST(LogIndex, WithoutEntriesOrAHeaderThereIsNothingInIt) {
  for (string bytes : {string(), string("keeper"), string(16, '\0'), index_of({})}) {
    EXPECT_EQ(LogIndex(bytes, kInode).count(), 0u);
    EXPECT_EQ(LogIndex(bytes, kInode).first_since(at(5000)), 0u);
    EXPECT_FALSE(LogIndex(bytes, kInode).last());
  }
}

TEST(LogIndex, GoesOnBehindItsLastWholeEntry) {
  string bytes = index_of({{at(1000), 0}, {at(2000), 100}}) + "torn";
  LogIndex index(bytes, kInode);
  EXPECT_EQ(index.good_bytes(), 48u);
  EXPECT_EQ(index.last(), (IndexEntry{at(2000), 100}));
  EXPECT_EQ(index.count(), 2u);
}

/// What a writer reserves behind its last entry, and one that it was killed over.
TEST(LogIndex, EndsWhereNothingIsWrittenYet) {
  const string written = index_of({{at(1000), 0}, {at(2000), 100}, {at(9000), 200}});
  const string begun = string(8, '\0') + "\x01" + string(7, '\0');
  for (std::size_t zeros : {16, 32, 4096 - 64, 8192}) {
    for (const string& last : {string(), begun}) {
      const string bytes = written + last + string(zeros, '\0');
      LogIndex index(bytes, kInode);
      EXPECT_EQ(index.count(), 3u);
      EXPECT_EQ(index.good_bytes(), 64u);
      EXPECT_EQ(index.last(), (IndexEntry{at(9000), 200}));
      EXPECT_FALSE(index.entry(3));
      EXPECT_EQ(index.first_since(at(2000)), 1u);
      EXPECT_EQ(index.first_since(at(9001)), 3u);
      EXPECT_EQ(index.first_beyond(100), 2u);
      EXPECT_EQ(index.first_beyond(200), 3u);
    }
  }
  EXPECT_EQ(LogIndex(index_of({}) + string(4080, '\0'), kInode).count(), 0u);
}

TEST(LogIndex, RecordsAreStoredAsTheyAre) {
  IndexRecord into{};
  const IndexRecord record = index_record({at(123'456), 789});
  store_index_record(into.data(), record);
  EXPECT_EQ(into, record);
}

TEST(LogIndex, IsReadFromAFile) {
  char name[] = "/tmp/log_index_XXXXXX";
  int fd = mkstemp(name);
  ASSERT_GE(fd, 0);
  unlink(name);
  string bytes = index_of({{at(1000), 0}, {at(2000), 100}, {at(3000), 200}}) + "x";
  ASSERT_EQ(write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  LogIndex index(fd, kInode);
  EXPECT_EQ(index.first_since(at(2500)), 2u);
  EXPECT_EQ(LogIndex::inode_in(fd), kInode);
  EXPECT_EQ(index.good_bytes(), 64u);
  EXPECT_EQ(index.last()->offset, 200u);
  close(fd);
  EXPECT_EQ(index.count(), 0u);  // cannot be read
}

TEST(LogIndex, TakesAnyTimes) {
  constexpr auto low = std::numeric_limits<std::int64_t>::min(),
                 high = std::numeric_limits<std::int64_t>::max();
  string bytes = index_of({{at(low), 0}, {at(high), 100}});
  LogIndex index(bytes, kInode);
  EXPECT_EQ(index.first_since(at(low)), 0u);
  EXPECT_EQ(index.first_since(at(high)), 1u);
  EXPECT_FALSE(IndexPace(index.last()).next(at(0), 200));
}

TEST(IndexPace, MakesAtMostOneEntryASecond) {
  IndexPace pace;
  EXPECT_EQ(pace.next(at(5000), 0), (IndexEntry{at(5000), 0}));
  EXPECT_FALSE(pace.next(at(5000), 10));
  EXPECT_FALSE(pace.next(at(5999), 20));
  EXPECT_EQ(pace.next(at(6000), 30), (IndexEntry{at(6000), 30}));
}

TEST(IndexPace, WaitsForAClockThatWasSetBack) {
  IndexPace pace(IndexEntry{at(9000), 100});
  EXPECT_FALSE(pace.next(at(1000), 200));
  EXPECT_FALSE(pace.next(at(9999), 300));
  EXPECT_TRUE(pace.next(at(10'000), 400));
}

TEST(IndexPace, SeesThatTheLogWasTruncated) {
  IndexPace pace;
  EXPECT_FALSE(pace.truncated(0));
  pace.next(at(1000), 100);
  EXPECT_FALSE(pace.truncated(100));
  EXPECT_TRUE(pace.truncated(99));
}

/// Where a reader begins for what was written at a time or later: an entry's second may not be over.
std::uint64_t begin_for(const LogIndex& index, WallTime since) {
  std::uint64_t first = index.first_since(since - Millis(999));
  if (first == 0) return 0;
  auto found = index.entry(first);
  return found ? found->offset : index.last()->offset;
}

/// And where it ends for what was written at a time or before.
std::uint64_t end_for(const LogIndex& index, WallTime until, std::uint64_t size) {
  auto found = index.entry(index.first_since(until + Millis(1)));
  return found ? found->offset : size;
}

/// A log written at random times, and a clock that is set back now and then: nothing that was written at
/// `since` or later stands before the place that is given.
TEST(LogIndex, NeverBeginsTooLate) {
  std::minstd_rand random(1);
  auto pick = [&](unsigned n) { return static_cast<int>((random() >> 8) % n); };
  for (int round = 0; round < 200; ++round) {
    std::vector<IndexEntry> entries, writes;
    IndexPace pace;
    std::uint64_t size = 0;
    std::int64_t now = 1'000'000;
    bool set_back = round % 2 == 0;
    for (int i = 0; i < 200; ++i) {
      now += pick(5) == 0 ? pick(30'000) : pick(400);
      if (set_back && pick(40) == 0) now -= pick(20'000);
      if (auto entry = pace.next(at(now), size)) entries.push_back(*entry);
      writes.push_back({at(now), size});
      size += static_cast<std::uint64_t>(pick(500));
    }
    string bytes = index_of(entries);
    LogIndex index(bytes, kInode);
    for (int i = 0; i < 50; ++i) {
      WallTime asked = at(990'000 + pick(1'500'000));
      std::uint64_t begin = begin_for(index, asked), end = end_for(index, asked, size);
      for (const IndexEntry& write : writes) {
        EXPECT_TRUE(write.time < asked || write.offset >= begin);
        EXPECT_TRUE(set_back || write.time > asked || write.offset <= end);
      }
    }
  }
}

}  // namespace
}  // namespace keeper
