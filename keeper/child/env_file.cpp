#include "keeper/child/env_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "protocol/base/file_place.hpp"
#include "protocol/base/files.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

constexpr std::size_t kMostBytes = 1 << 20;
constexpr string_view kBlank = " \t";
constexpr string_view kQuotes = "\"'`";
constexpr string_view kByteOrderMark = "\xEF\xBB\xBF";

/// Blanks at the end of a line may be within quotes that continue on the next one.
string_view without_indent(string_view text) {
  return text.substr(std::min(text.find_first_not_of(kBlank), text.size()));
}

string_view trimmed(string_view text) {
  auto from = text.find_first_not_of(kBlank);
  if (from == string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kBlank) - from + 1);
}

Error bad(std::size_t line, const string& why) {
  return {Reason::invalid, {}, "line " + std::to_string(line) + ": " + why, 0};
}

char escaped(char c) {
  switch (c) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    default: return c;
  }
}

class Reader {
 public:
  explicit Reader(string_view text) : rest_(text) {
    if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
  }
  Result<std::vector<string>> variables();

 private:
  string_view take_line();
  Result<string> variable(string_view line);
  Result<string> quoted(string_view value);
  Done check_behind_quote(string_view rest, std::size_t opened) const;

  string_view rest_;
  std::size_t line_ = 0;  ///< number of the last line that was read
};

string_view Reader::take_line() {
  ++line_;
  auto end = rest_.find('\n');
  string_view line = rest_.substr(0, end);
  rest_.remove_prefix(end == string_view::npos ? rest_.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Result<std::vector<string>> Reader::variables() {
  std::vector<string> out;
  while (!rest_.empty()) {
    string_view line = without_indent(take_line());
    if (line.empty() || line.front() == '#') continue;
    if (line.find('\0') != string_view::npos) return bad(line_, "a NUL byte");
    auto one = variable(line);
    if (!one) return one.error();
    out.push_back(std::move(*one));
  }
  return out;
}

Result<string> Reader::variable(string_view line) {
  if (line.starts_with("export ") || line.starts_with("export\t")) line = without_indent(line.substr(7));
  auto equals = line.find('=');
  if (equals == string_view::npos || equals == 0) return bad(line_, "not KEY=VALUE");
  string key(trimmed(line.substr(0, equals)));
  // Errors do not repeat the line: it may be part of a multi-line secret without quotes.
  if (key.find_first_of(" \t\"'`") != string::npos)
    return bad(line_, "what stands before '=' is not the name of a variable");
  string_view value = without_indent(line.substr(equals + 1));
  if (!value.empty() && kQuotes.find(value.front()) != string_view::npos) {
    auto plain = quoted(value);
    return plain ? Result<string>(key + "=" + *plain) : plain;
  }
  if (value.starts_with('#') && line[equals + 1] != '#') return key + "=";
  std::size_t comment = std::min(value.find(" #"), value.find("\t#"));
  return key + "=" + string(trimmed(value.substr(0, comment)));
}

/// Returns the value that begins with this quote, and ends on this line or on a later one.
Result<string> Reader::quoted(string_view value) {
  const char quote = value.front();
  const std::size_t opened = line_;
  value.remove_prefix(1);
  string out;
  while (true) {
    bool joined = false;
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (value[i] == quote) {
        Done done = check_behind_quote(value.substr(i + 1), opened);
        return done ? Result<string>(out) : done.error();
      }
      bool escape = quote == '"' && value[i] == '\\';
      joined = escape && i + 1 == value.size();
      if (!joined) out += escape ? escaped(value[++i]) : value[i];
    }
    if (rest_.empty()) return bad(opened, "the quote that is opened here is never closed");
    if (!joined) out += '\n';
    value = take_line();
    if (value.find('\0') != string_view::npos) return bad(line_, "a NUL byte");
  }
}

Done Reader::check_behind_quote(string_view rest, std::size_t opened) const {
  rest = trimmed(rest);
  if (rest.empty() || rest.front() == '#') return {};
  if (opened == line_) return bad(line_, "something follows the closing quote");
  return bad(line_, "something follows the quote that closes the one of line " + std::to_string(opened));
}

}  // namespace

Result<std::vector<string>> read_env_file(const string& path, const ActingUser& user) {
  const ActingUser* rights = rights_at(path, user);
  const ActingAs as_user(rights);
  if (as_user.error() != 0) return system_error("read " + path, "as " + user.name);
  // It may be a link, as releases that share one have.
  std::unique_ptr<char, void (*)(void*)> real(realpath(path.c_str(), nullptr), std::free);
  auto text = read_file(real ? real.get() : path, kMostBytes);
  if (!text && rights != nullptr && text.error().errnum == EACCES)
    return Error{text.error().reason, "read " + path, "as " + user.name + ", who may change it", EACCES};
  if (!text) return text.error();
  auto read = Reader(*text).variables();
  if (!read) return Error{Reason::invalid, "read " + path, read.error().about, 0};
  return read;
}

}  // namespace keeper
