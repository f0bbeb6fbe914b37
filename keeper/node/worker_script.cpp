#include "keeper/node/worker_script.hpp"

#include <algorithm>

#include "protocol/base/utf8.hpp"
#include "protocol/json/reader.hpp"

namespace keeper {

std::string_view worker_script() {
  return
#include <generated/worker.js.inc>
      ;
}

namespace {

/// With the permission model node would end because it may not read the script. NODE_OPTIONS of a file counts
/// only if the variable is not set.
bool rules_it_out(std::string_view word) {
  constexpr std::string_view options[] = {"--permission", "--experimental-permission", "--env-file",
                                          "--experimental-config-file", "--experimental-default-config-file"};
  return std::any_of(std::begin(options), std::end(options),
                     [&](std::string_view option) { return word.starts_with(option); });
}

}  // namespace

std::optional<std::string> worker_options(std::optional<std::string_view> options,
                                          const std::vector<std::string>& words, std::string_view path) {
  const std::string_view own = options.value_or("");
  const bool permissions = own.find("-permission") != own.npos;
  if (permissions || !is_utf8(own) || std::any_of(words.begin(), words.end(), rules_it_out))
    return std::nullopt;
  std::string out = "--require \"";
  for (const char c : path) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
  if (options) (out += ' ') += *options;
  return out;
}

}  // namespace keeper
