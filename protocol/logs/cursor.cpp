#include "protocol/logs/cursor.hpp"

#include <charconv>
#include <vector>

#include "protocol/logs/follower.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

constexpr char kBetween = '~';  // not part of any name
constexpr std::size_t kParts = 7;

template <class Number>
string hex(Number number) {
  char text[20];
  auto end = std::to_chars(text, text + sizeof text, number, 16).ptr;
  return {text, end};
}

template <class Number>
bool read_hex(string_view text, Number& into) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into, 16);
  return error == std::errc() && end == text.data() + text.size();
}

std::vector<string_view> parts_of(string_view text) {
  std::vector<string_view> parts;
  for (auto end = text.find(kBetween); end != string_view::npos; end = text.find(kBetween)) {
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  parts.push_back(text);
  return parts;
}

/// Returns whether a file has the bytes of the cursor at the cursor's offset.
Result<bool> has_place(OpenLog& log, const LogCursor& cursor) {
  auto bytes = log.content.read_range(cursor.offset - cursor.checked, cursor.offset);
  if (!bytes) return bytes.error();
  return bytes->size() == cursor.checked && checksum_of(*bytes) == cursor.checksum;
}

}  // namespace

/// FNV-1a.
std::uint32_t checksum_of(string_view bytes) {
  std::uint32_t sum = 2166136261u;
  for (char c : bytes)
    sum = (sum ^ static_cast<unsigned char>(c)) * 16777619u;
  return sum;
}

string LogCursor::text() const {
  string out = stem;
  for (const string& part : {stream, hex(inode), hex(offset), hex(born), hex(checked), hex(checksum)})
    out += kBetween + part;
  return out;
}

Result<LogCursor> LogCursor::parse(string_view text) {
  LogCursor out;
  auto parts = parts_of(text);
  bool good = parts.size() == kParts && !parts[0].empty() && !parts[1].empty() &&
              read_hex(parts[2], out.inode) && read_hex(parts[3], out.offset) &&
              read_hex(parts[4], out.born) && read_hex(parts[5], out.checked) &&
              read_hex(parts[6], out.checksum) && out.checked <= kMostChecked && out.checked <= out.offset;
  if (!good) return Error{Reason::invalid, "", "is no cursor; 'ctl logs --json' shows one with each line", 0};
  out.stem = parts[0];
  out.stream = parts[1];
  return out;
}

Result<CursorPlace> place_of(const string& path, const LogCursor& cursor) {
  FileFacts gone;  // the result if nothing else is found
  gone.born = cursor.born;
  auto log = open_newest(path);
  for (; log && *log; log = open_older(path, log->facts)) {
    const FileFacts& file = log->facts;
    if (file.origin != cursor.inode && !(file.packed && file.origin == 0)) continue;
    auto has = has_place(*log, cursor);
    if (!has) return has.error();
    if (*has) return CursorPlace{{file, cursor.offset}, false};
    // Its inode and its birth: the same file, emptied meanwhile.
    if (!file.packed && file.born == cursor.born) return CursorPlace{{file, 0}, true};
  }
  if (!log) return log.error();
  auto since = open_newer(path, gone);
  if (!since) return since.error();
  return CursorPlace{{*since ? since->facts : gone, 0}, true};
}

}  // namespace keeper
