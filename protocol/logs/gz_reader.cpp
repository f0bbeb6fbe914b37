#include "protocol/logs/gz_reader.hpp"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

namespace keeper {
namespace {

constexpr std::size_t kInput = 32 << 10;
constexpr std::size_t kWindow = 32 << 10;
constexpr std::size_t kMostMarks = 64;
constexpr int kGzip = 15 + 16;  // window bits: with a gzip header (zlib.h, inflateInit2)
constexpr int kRaw = -15;
constexpr std::uint64_t kTrailer = 8;  // CRC and length after a member (RFC 1952)

/// Only zlib's message tells whether it was at the data or at the trailer.
GzDamage damage_told_by(const z_stream& stream) {
  std::string_view words = stream.msg == nullptr ? "" : stream.msg;
  bool behind = words == "incorrect data check" || words == "incorrect length check";
  return behind ? GzDamage::checksum : GzDamage::data;
}

}  // namespace

GzReader::GzReader(int fd) : fd_(fd), stream_(new z_stream_s{}), input_(new unsigned char[kInput]) {
  marks_.push_back({0, 0, 0, true, {}});
  inflateInit2(stream_.get(), kGzip);
}

GzReader::~GzReader() {
  inflateEnd(stream_.get());
}

/// Returns false at the end of the file.
Result<bool> GzReader::fill() {
  for (;;) {
    ssize_t got = pread(fd_, input_.get(), kInput, static_cast<off_t>(packed_));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("unpack the log");
    packed_ += static_cast<std::uint64_t>(got);
    stream_->next_in = input_.get();
    stream_->avail_in = static_cast<unsigned>(got);
    return got > 0;
  }
}

Done GzReader::begin_at(const Mark& mark) {
  packed_ = mark.packed - (mark.bits != 0 ? 1 : 0);
  at_ = mark.unpacked;
  raw_ = !mark.member;
  ended_ = false;
  stream_->avail_in = 0;
  inflateReset2(stream_.get(), mark.member ? kGzip : kRaw);
  if (mark.member) return {};
  if (mark.bits != 0) {
    if (auto filled = fill(); !filled) return filled.error();
    if (stream_->avail_in == 0) return {};
    inflatePrime(stream_.get(), mark.bits, *stream_->next_in >> (8 - mark.bits));
    ++stream_->next_in;
    --stream_->avail_in;
  }
  inflateSetDictionary(stream_.get(), reinterpret_cast<const Bytef*>(mark.window.data()),
                       static_cast<unsigned>(mark.window.size()));
  return {};
}

/// Removes every second mark if there are too many.
void GzReader::set_mark(Mark mark) {
  if (mark.unpacked < marks_.back().unpacked + spacing_) return;
  marks_.push_back(std::move(mark));
  if (marks_.size() <= kMostMarks) return;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < marks_.size(); i += 2)
    marks_[kept++] = std::move(marks_[i]);
  marks_.resize(kept);
  spacing_ *= 2;
}

/// Called when zlib has stopped after a block. data_type tells how many bits of the last byte are unused, and
/// whether it was the last block (zlib.h, inflate).
void GzReader::mark_here() {
  bool behind_block = (stream_->data_type & 128) != 0, last = (stream_->data_type & 64) != 0;
  if (!behind_block || last || at_ < marks_.back().unpacked + spacing_) return;
  Mark mark{packed_ - stream_->avail_in, at_, stream_->data_type & 7, false, std::string(kWindow, '\0')};
  unsigned length = kWindow;
  inflateGetDictionary(stream_.get(), reinterpret_cast<Bytef*>(mark.window.data()), &length);
  mark.window.resize(length);
  set_mark(std::move(mark));
}

/// gzip files may be concatenated. Returns false if there is no further one.
Result<bool> GzReader::next_member() {
  packed_ -= stream_->avail_in;
  if (raw_) packed_ += kTrailer;
  auto more = fill();
  if (!more || !*more) return more;
  raw_ = false;
  inflateReset2(stream_.get(), kGzip);
  return true;
}

void GzReader::give_up(GzDamage damage) {
  damage_ = damage;
  ended_ = true;
}

Result<std::size_t> GzReader::unpack(char* into, std::size_t size) {
  stream_->next_out = reinterpret_cast<Bytef*>(into);
  stream_->avail_out = static_cast<unsigned>(size);
  while (stream_->avail_out > 0 && !ended_) {
    bool at_end = false;  // zlib may still hold some of its earlier input
    if (stream_->avail_in == 0) {
      auto more = fill();
      if (!more) return more.error();
      at_end = !*more;
    }
    unsigned room = stream_->avail_out;
    int code = inflate(stream_.get(), Z_BLOCK);
    at_ += room - stream_->avail_out;
    if (code == Z_STREAM_END) {
      auto more = next_member();
      if (!more) return more.error();
      ended_ = !*more;
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      give_up(damage_told_by(*stream_));
    } else if (at_end && stream_->avail_out == room) {
      give_up(GzDamage::cut_off);
    } else {
      mark_here();
    }
  }
  if (ended_ && !total_known_) {
    total_ = at_;
    total_known_ = true;
  }
  return size - stream_->avail_out;
}

Done GzReader::go_to(std::uint64_t offset) {
  auto after = std::upper_bound(marks_.begin(), marks_.end(), offset,
                                [](std::uint64_t at, const Mark& mark) { return at < mark.unpacked; });
  const Mark& nearest = *std::prev(after);
  if (at_ > offset || nearest.unpacked > at_)
    if (Done done = begin_at(nearest); !done) return done;
  char skipped[8 << 10];
  while (at_ < offset && !ended_) {
    auto got =
        unpack(skipped, static_cast<std::size_t>(std::min<std::uint64_t>(sizeof skipped, offset - at_)));
    if (!got) return got.error();
  }
  return {};
}

Result<std::size_t> GzReader::read_at(char* into, std::size_t size, std::uint64_t offset) {
  if (total_known_ && offset >= total_) return std::size_t{0};
  if (Done done = go_to(offset); !done) return done.error();
  if (at_ != offset) return std::size_t{0};
  return unpack(into, size);
}

Result<std::uint64_t> GzReader::size() {
  if (!total_known_)
    if (Done done = go_to(~std::uint64_t{0}); !done) return done.error();
  return total_;
}

}  // namespace keeper
