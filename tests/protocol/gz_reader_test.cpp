// Reading what gzip(1) packed, piece by piece.
#include "protocol/logs/gz_reader.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "protocol/base/fd.hpp"

namespace keeper {
namespace {

using std::string;

string packed(const string& text) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<unsigned>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<unsigned>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

string read_by(const string& file, std::size_t piece) {
  Fd fd(memfd_create("packed", MFD_CLOEXEC));
  EXPECT_EQ(static_cast<ssize_t>(file.size()), write(fd.get(), file.data(), file.size()));
  GzReader reader(fd.get());
  string out, part(piece, '\0');
  for (;;) {
    auto got = reader.read_at(part.data(), piece, out.size());
    EXPECT_TRUE(got);
    if (!got || *got == 0) break;
    out.append(part, 0, *got);
  }
  EXPECT_EQ(GzDamage::cut_off, reader.damage());
  return out;
}

/// A short piece of what is packed is much text: zlib holds the end of it when all of the file is read.
TEST(GzReader, OfACutFileAllThatIsThereIsReadInPiecesToo) {
  const string whole = packed(string(100'000, 'a'));
  for (std::size_t cut = 9; cut < 40; ++cut) {
    const string file = whole.substr(0, whole.size() - cut);
    EXPECT_EQ(read_by(file, 1 << 17).size(), read_by(file, 100).size()) << cut << " bytes are missing";
  }
}

}  // namespace
}  // namespace keeper
