#include "ctl/output/log_lines.hpp"

#include <nlohmann/json.hpp>

#include "protocol/base/base64.hpp"
#include "protocol/base/escape.hpp"
#include "protocol/base/utf8.hpp"
#include "protocol/json/reader.hpp"
#include "protocol/logs/object.hpp"
#include "protocol/logs/stamp.hpp"

namespace keeper {
namespace {

bool is_plain(std::string_view text) {
  unsigned other = 0;  // without a branch: the compiler takes many characters at once
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    other |= static_cast<unsigned>(byte < 0x20) | static_cast<unsigned>(byte > 0x7e) |
             static_cast<unsigned>(byte == '"') | static_cast<unsigned>(byte == '\\');
  }
  return other == 0;
}

/// Text that is UTF-8 as a JSON string. Nearly all of it is plain, and there may be millions of lines.
void add_string(std::string& out, std::string_view text) {
  if (!is_plain(text)) {
    out += Json(text).dump();
    return;
  }
  out += '"';
  out += text;
  out += '"';
}

void add_source(std::string& out, const LogLineFields& fields) {
  out += "\"name\":";
  add_string(out, fields.name);
  if (fields.instance) out += ",\"instance\":" + std::to_string(*fields.instance);
}

void add_text(std::string& out, std::string_view text) {
  if (is_plain(text) || is_utf8(text)) {
    out += ",\"msg\":";
    add_string(out, text);
  } else {
    out += ",\"base64\":\"" + base64(text) + "\"";
  }
}

void add_cursor(std::string& out, const std::string& cursor) {
  out += ",\"cursor\":";
  add_string(out, cursor);
  out += "}\n";
}

}  // namespace

std::string log_line_text(std::string_view prefix, std::string_view line, bool harmless) {
  std::string out(prefix);
  if (harmless && line.ends_with('\r')) line.remove_suffix(1);
  if (harmless)
    out += escaped_log_line(line);
  else
    out += line;
  out += '\n';
  return out;
}

std::string log_line_json(const LogLineFields& fields) {
  std::optional<LogObject> object;
  if (!fields.partial && !fields.continued) object = log_object_of(fields.text);
  std::string out;
  out.reserve(fields.text.size() + 256);
  if (object) {
    out += fields.text.substr(0, fields.text.rfind('}'));
    if (!object->has_name) out += ',';
    if (!object->has_name) add_source(out, fields);
    add_cursor(out, fields.cursor);
    return out;
  }
  bool is_keeper = !fields.continued && is_own_line(fields.text);
  out += '{';
  add_source(out, fields);
  out += ",\"stream\":";
  add_string(out, is_keeper ? "keeper" : fields.stream);
  if (fields.time) out += ",\"t\":\"" + time_text(*fields.time) + "\"";
  if (fields.partial) out += ",\"partial\":true";
  if (fields.continued) out += ",\"continued\":true";
  add_text(out, fields.text);
  add_cursor(out, fields.cursor);
  return out;
}

}  // namespace keeper
