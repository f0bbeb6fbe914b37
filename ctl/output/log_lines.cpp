#include "ctl/output/log_lines.hpp"

#include <nlohmann/json.hpp>

#include "ctl/output/escape.hpp"
#include "protocol/wire/codec.hpp"
#include "protocol/wire/json_text.hpp"
#include "protocol/wire/log_object.hpp"

namespace keeper {
namespace {

/// Text that is UTF-8 as a JSON string.
std::string json_text_of(std::string_view text) {
  return Json(text).dump();
}

std::string source_of(const LogLineFields& fields) {
  std::string out = "\"name\":" + json_text_of(fields.name);
  if (fields.instance) out += ",\"instance\":" + std::to_string(*fields.instance);
  return out;
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
  const std::string cursor = ",\"cursor\":" + json_text_of(fields.cursor) + "}\n";
  auto object = fields.partial || fields.continued ? std::nullopt : log_object_of(fields.text);
  if (object) {
    std::string out(fields.text.substr(0, fields.text.rfind('}')));
    if (!object->has_name) out += "," + source_of(fields);
    return out + cursor;
  }
  bool is_keeper = !fields.continued && fields.text.starts_with("[keeper] ");
  std::string out =
      "{" + source_of(fields) + ",\"stream\":" + (is_keeper ? "\"keeper\"" : json_text_of(fields.stream));
  if (fields.time) out += ",\"t\":\"" + time_text(*fields.time) + "\"";
  if (fields.partial) out += ",\"partial\":true";
  if (fields.continued) out += ",\"continued\":true";
  if (is_utf8(fields.text))
    out += ",\"msg\":" + json_text_of(fields.text);
  else
    out += ",\"base64\":\"" + base64(fields.text) + "\"";
  return out + cursor;
}

}  // namespace keeper
