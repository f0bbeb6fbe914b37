// Whatever stands in a packed log, reading it ends, and from any place on it says what it said from the
// beginning.
#include "protocol/logs/gz_reader.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

using namespace keeper;

namespace {

constexpr std::size_t kMost = 1 << 20;  // of what is unpacked: a small file may hold much

void require(bool holds) {
  if (!holds) std::abort();
}

std::string all_of(GzReader& reader, std::size_t piece) {
  std::string out(kMost, '\0');
  std::size_t at = 0;
  while (at < kMost) {
    auto got = reader.read_at(out.data() + at, std::min(piece, kMost - at), at);
    require(static_cast<bool>(got));
    if (*got == 0) break;
    at += *got;
  }
  out.resize(at);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int file = memfd_create("packed", MFD_CLOEXEC);
  require(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == static_cast<ssize_t>(size));
  GzReader reader(file), again(file);
  const std::string whole = all_of(reader, 64 << 10);
  const std::string other = all_of(again, 1000 + size % 1000);
  if (reader.damage() == GzDamage::data || again.damage() == GzDamage::data)
    return 0;  // how far is not said then
  require(other == whole);
  const std::size_t middle = whole.size() / 2;
  std::string part(whole.size() - middle, '\0');
  if (part.empty()) return 0;
  auto got = reader.read_at(part.data(), part.size(), middle);
  require(got && whole.substr(middle, *got) == part.substr(0, *got));
  return 0;
}
