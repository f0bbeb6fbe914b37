// However bytes are cut into chunks, and whenever what waits is asked for, the pieces put together are the
// lines; none is longer than a piece may be, and no more waits than that.
#include "keeper/log/line_splitter.hpp"

#include <cstdint>
#include <cstdlib>
#include <vector>

using namespace keeper;

namespace {

constexpr std::size_t kMost = 40;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Together {
  std::string text;
  bool line_goes_on = false;
  void operator()(const LinePiece& piece) {
    require(piece.bytes.size() <= kMost && piece.bytes.find('\n') == std::string_view::npos);
    require(piece.continued == line_goes_on);
    line_goes_on = piece.partial;
    text += piece.bytes;
    if (!piece.partial) text += '\n';
  }
};

}  // namespace

/// The first bytes say how long the chunks are, and whether it is flushed after each; the rest is the text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 4, size - 4), rest = text;
  LineSplitter splitter(kMost);
  Together together;
  for (std::size_t turn = 0; !rest.empty(); ++turn) {
    std::string_view chunk = rest.substr(0, std::size_t(1) + data[turn % 4] / 2);
    rest.remove_prefix(chunk.size());
    splitter.feed(chunk, together);
    require(splitter.waiting() <= kMost);
    if (data[turn % 4] % 2 != 0) splitter.flush(together);
  }
  splitter.end(together);
  require(together.text == text);
  return 0;
}
