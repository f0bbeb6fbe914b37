#include "keeper/log/line_format.hpp"

#include "keeper/log/json_escape.hpp"
#include "protocol/base/base64.hpp"
#include "protocol/base/utf8.hpp"
#include "protocol/json/reader.hpp"

namespace keeper {
namespace {

using std::string_view;

constexpr string_view kPartial = " [partial]", kContinued = "[continued] ";
constexpr string_view kPartialMember = R"("partial":true,)", kContinuedMember = R"("continued":true,)";
constexpr int kDepth = 64, kValues = 10'000;

char* put(char* at, string_view text) {
  if (!text.empty()) std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

/// Returns whether a line is a JSON object that can be embedded unchanged.
bool is_object(const LinePiece& piece) {
  string_view text = piece.bytes;
  if (piece.continued || kind_of(text) != '{' || text.find('\n') != string_view::npos) return false;
  return check_json(text, kDepth, kValues) == TextCheck::good;
}

string_view word_of(LogStream stream) {
  return stream == LogStream::out ? "out" : stream == LogStream::err ? "err" : "keeper";
}

/// Appends the part between the beginning and the text, and the name of the text's member.
void append_marks(OutBuffer& out, const LinePiece& piece, string_view member) {
  if (piece.partial) out.append(kPartialMember);
  if (piece.continued) out.append(kContinuedMember);
  out.append(member);
}

/// Appends text that is not plain, or only a piece of a line.
void append_text(OutBuffer& out, const LinePiece& piece) {
  if (is_object(piece)) {
    append_marks(out, piece, R"("data":)");
    out.append(piece.bytes);
    return out.append("}\n");
  }
  bool is_text = is_utf8(piece.bytes);
  append_marks(out, piece, is_text ? R"("msg":")" : R"("base64":")");
  if (is_text)
    append_escaped(out, piece.bytes);
  else
    out.append(base64(piece.bytes));
  out.append("\"}\n");
}

}  // namespace

void TimeFormat::append(OutBuffer& out, const LinePiece& piece, WallTime time) {
  string_view stamp = stamp_.text(time);
  std::size_t marks = kPartial.size() + kContinued.size();
  char* at = out.room(stamp.size() + piece.bytes.size() + marks + 2);
  at = put(at, stamp);
  *at++ = ' ';
  if (piece.continued) at = put(at, kContinued);
  at = put(at, piece.bytes);
  if (piece.partial) at = put(at, kPartial);
  *at++ = '\n';
  out.written(at);
}

JsonFormat::JsonFormat(std::string name, int instance) {
  OutBuffer escaped;
  append_escaped(escaped, name);
  source_ = R"(,"name":")" + std::string(escaped.bytes()) + '"';
  if (instance >= 0) source_ += R"(,"instance":)" + std::to_string(instance);
}

void JsonFormat::begin(WallTime time, LogStream stream, int pid) {
  bool same = !beginning_.empty() && time == time_ && stream == stream_ && pid == pid_;
  if (same) return;
  OutBuffer stamp;
  append_escaped(stamp, stamp_.text(time));
  beginning_ = R"({"t":")";
  beginning_ += stamp.bytes();
  beginning_ += R"(","stream":")";
  beginning_ += word_of(stream);
  beginning_ += '"';
  beginning_ += source_;
  if (pid > 0) beginning_ += R"(,"pid":)" + std::to_string(pid);
  beginning_ += ',';
  time_ = time;
  stream_ = stream;
  pid_ = pid;
}

void JsonFormat::append(OutBuffer& out, const LinePiece& piece, WallTime time, LogStream stream, int pid) {
  begin(time, stream, pid);
  constexpr string_view member = R"("msg":")", end = "\"}\n";
  std::size_t size = beginning_.size() + member.size() + piece.bytes.size() + end.size();
  char* first = out.room(size);
  char* at = put(put(first, beginning_), member);
  bool might_be_object = piece.bytes.starts_with('{') || piece.bytes.starts_with(' ');
  if (!piece.partial && !piece.continued && !might_be_object && copy_plain(at, piece.bytes)) {
    out.written(put(at + piece.bytes.size(), end));
    return;
  }
  out.written(first);
  out.append(beginning_);
  append_text(out, piece);
}

}  // namespace keeper
