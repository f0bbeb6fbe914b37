// Whatever an index is made of, the places that it gives are within the log; where its entries are in order,
// nothing is left out.
#include "protocol/home/log_index.hpp"

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

void check(const LogIndex& index, WallTime time, std::uint64_t size) {
  require(index.begin_of(time, size) <= size);
  require(index.end_of(time, size) <= size);
  require(index.good_bytes() % kIndexRecord == 0);
  IndexPace(index.last()).next(time, size);
}

}  // namespace

/// A time, the size of the log, and the entries; with and without a good header in front.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 16) return 0;
  WallTime time{Millis(number_at(data))};
  auto log_size = static_cast<std::uint64_t>(number_at(data + 8));
  std::string rest(reinterpret_cast<const char*>(data) + 16, size - 16), whole = rest;
  auto header = index_header(kInode);
  whole.insert(0, header.data(), header.size());
  check(LogIndex(rest, kInode), time, log_size);
  check(LogIndex(whole, kInode), time, log_size);
  bool ordered = true;
  for (std::size_t at = 32; at + 16 <= size; at += 16)
    ordered = ordered && number_at(data + at) >= number_at(data + at - 16) &&
              static_cast<std::uint64_t>(number_at(data + at + 8)) >=
                  static_cast<std::uint64_t>(number_at(data + at - 8));
  for (std::size_t at = 16; ordered && at + 16 <= size; at += 16) {
    bool in_log = static_cast<std::uint64_t>(number_at(data + at + 8)) <= log_size;
    if (in_log && WallTime(Millis(number_at(data + at))) >= time)
      require(LogIndex(whole, kInode).begin_of(time, log_size) <=
              static_cast<std::uint64_t>(number_at(data + at + 8)));
  }
  return 0;
}
