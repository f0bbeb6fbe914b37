// Whatever the bytes are, the line is one JSON object, and gives them back.
#include "keeper/log/line_format.hpp"

#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "protocol/base/base64.hpp"
#include "protocol/json/reader.hpp"
#include "protocol/wire/codec.hpp"

using namespace keeper;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check(std::string_view line, const LinePiece& piece) {
  require(line.ends_with('\n') && line.find('\n') == line.size() - 1);
  require(check_json(line, 70, 10'010) == TextCheck::good);
  require(line.find(R"("partial":true,)") != std::string_view::npos || !piece.partial);
  require(line.find(R"("continued":true,)") != std::string_view::npos || !piece.continued);
  int texts = 0;
  for_each_member(line, [&](std::string_view key, std::string_view value) {
    Json tree = key == "data" ? Json() : tree_of(value);
    if (key == "msg") require(tree.get<std::string>() == piece.bytes);
    if (key == "base64") require(*from_base64(tree.get<std::string>()) == piece.bytes);
    if (key == "data") require(piece.bytes.find(value) != std::string_view::npos && value.front() == '{');
    texts += key == "msg" || key == "base64" || key == "data" ? 1 : 0;
  });
  require(texts == 1);
}

}  // namespace

/// The first byte says what kind of a piece it is, the rest is the text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  LinePiece piece{
      {reinterpret_cast<const char*>(data) + 1, size - 1}, (data[0] & 1) != 0, (data[0] & 2) != 0};
  WallTime now{Millis(1'795'191'840'123)};
  OutBuffer out;
  JsonFormat("api", data[0] % 3 - 1).append(out, piece, now, LogStream::out, data[0]);
  check(out.bytes(), piece);
  out.clear();
  TimeFormat().append(out, piece, now);
  require(out.bytes().find(piece.bytes) != std::string_view::npos && out.bytes().ends_with('\n'));
  return 0;
}
