#include "keeper/log/syslog_message.hpp"

#include <algorithm>

#include "protocol/base/utf8.hpp"
#include "protocol/json/reader.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

constexpr string_view kCut = "[cut]", kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::size_t kMostName = 48;  // of an APP-NAME
constexpr int kUser = 1, kError = 3, kNotice = 5, kInfo = 6;

/// PRINTUSASCII of RFC 5424: other characters become '?'; "-" for an empty text.
string legal(string_view text, std::size_t most) {
  string out(text.substr(0, most));
  for (char& c : out)
    if (c <= ' ' || c > '~') c = '?';
  return out.empty() ? "-" : out;
}

int severity(LogStream stream) {
  return stream == LogStream::out ? kInfo : stream == LogStream::err ? kError : kNotice;
}

bool is_ascii(string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// Appends as much of `text` as fits, and that it was cut; not within a character if it is UTF-8.
void append_cut(string& out, string_view text, std::size_t most, bool is_utf8_text) {
  std::size_t room = most - std::min(most, out.size());
  if (text.size() <= room) {
    out += text;
    return;
  }
  std::size_t size = room - std::min(room, kCut.size());
  while (is_utf8_text && size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80)
    --size;
  out += text.substr(0, size);
  out += kCut;
}

}  // namespace

SyslogMessage::SyslogMessage(SyslogForm form, string_view host, string_view name, std::size_t most)
    : form_(form), host_(legal(host, 255)), name_(legal(name, kMostName)), most_(most) {}

void SyslogMessage::rename(string_view name) {
  name_ = legal(name, kMostName);
}

void SyslogMessage::begin(WallTime time, LogStream stream, int pid) {
  message_ = "<" + std::to_string(kUser * 8 + severity(stream)) + ">";
  string process = pid > 0 ? std::to_string(pid) : string();
  if (form_ == SyslogForm::rfc5424) {
    message_ +=
        "1 " + time_text(time) + " " + host_ + " " + name_ + " " + (pid > 0 ? process : "-") + " - - ";
    return;
  }
  message_ += local_time_.text(time);
  message_ += " " + name_ + (pid > 0 ? "[" + process + "]" : "") + ": ";
}

string_view SyslogMessage::make(string_view line, WallTime time, LogStream stream, int pid) {
  begin(time, stream, pid);
  bool is_text = !is_ascii(line) && is_utf8(line);
  if (is_text && form_ == SyslogForm::rfc5424) message_ += kByteOrderMark;
  append_cut(message_, line, most_, is_text);
  return message_;
}

}  // namespace keeper
