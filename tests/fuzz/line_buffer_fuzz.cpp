// However bytes are cut into chunks, the lines are those of a naive split, up to the first that is too long;
// and no more is held than the maximum and a chunk.
#include "protocol/base/line_buffer.hpp"

#include <cstdint>
#include <cstdlib>
#include <vector>

using keeper::LineBuffer;
using Lines = std::vector<std::string>;

namespace {

constexpr std::size_t kMost = 40;

void require(bool holds) {
  if (!holds) std::abort();
}

Lines naive(std::string_view text, bool& too_long) {
  Lines out;
  for (std::size_t end = text.find('\n'); end != std::string_view::npos && end <= kMost;
       end = text.find('\n')) {
    std::string_view line = text.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    out.emplace_back(line);
    text.remove_prefix(end + 1);
  }
  too_long = text.size() > kMost;
  return out;
}

}  // namespace

/// The first bytes say how long the chunks are, the rest is the text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 4, size - 4), rest = text;
  LineBuffer buffer(kMost);
  Lines got;
  for (std::size_t turn = 0; !rest.empty(); ++turn) {
    std::string_view chunk = rest.substr(0, std::size_t(1) + data[turn % 4]);
    rest.remove_prefix(chunk.size());
    buffer.add(chunk);
    require(buffer.pending() <= kMost + chunk.size());
    while (auto line = buffer.next())
      got.emplace_back(*line);
  }
  bool too_long = false;
  require(got == naive(text, too_long));
  require(buffer.too_long() == too_long);
  return 0;
}
