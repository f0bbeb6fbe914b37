// Whatever an index is made of, what is found is one of its entries; where they are in order, the right one.
#include "protocol/logs/index.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>

using namespace keeper;

namespace {

constexpr std::uint64_t kInode = 7;

void require(bool holds) {
  if (!holds) std::abort();
}

std::int64_t number_at(const std::uint8_t* at) {
  std::int64_t out = 0;
  std::memcpy(&out, at, sizeof out);
  return out;
}

void check(const LogIndex& index, WallTime time, std::uint64_t offset) {
  std::uint64_t count = index.count();
  require(index.first_since(time) <= count);
  require(index.first_beyond(offset) <= count);
  require(index.good_bytes() % kIndexRecord == 0);
  require(!index.entry(count));
  IndexPace(index.last()).next(time, offset);
}

}  // namespace

/// A time, an offset, and the entries; with and without a good header in front.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 16) return 0;
  WallTime time{Millis(number_at(data))};
  auto offset = static_cast<std::uint64_t>(number_at(data + 8));
  std::string rest(reinterpret_cast<const char*>(data) + 16, size - 16), whole = rest;
  auto header = index_header(kInode);
  whole.insert(0, header.data(), header.size());
  check(LogIndex(rest, kInode), time, offset);
  check(LogIndex(whole, kInode), time, offset);
  // A time of 0 is an entry that was not written: in order, only such ones are behind it.
  bool ordered = true;
  for (std::size_t at = 32; at + 16 <= size; at += 16) {
    std::int64_t before = number_at(data + at - 16), now = number_at(data + at);
    ordered = ordered && (now == 0 || (before != 0 && before <= now));
  }
  // In order, everything before the first entry since a time is older than it.
  LogIndex index(whole, kInode);
  std::uint64_t first = index.first_since(time);
  for (std::uint64_t i = 0; ordered && i < index.count(); ++i)
    require((index.entry(i)->time < time) == (i < first));
  return 0;
}
