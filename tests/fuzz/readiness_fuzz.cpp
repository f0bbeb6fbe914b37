// Whatever is given for `ready` is refused with a reason, or is complete and can be given again; an
// expression that is taken can be compiled, and in bounded time and memory.
#include <regex.h>

#include <cstdint>
#include <cstdlib>

#include "protocol/base/line_expression.hpp"
#include "protocol/wire/readiness.hpp"

using namespace keeper;
using Kind = ReadyCondition::Kind;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void match(const std::string& expression) {
  regex_t compiled;
  require(regcomp(&compiled, line_expression(expression).c_str(), REG_EXTENDED | REG_NOSUB) == 0);
  regexec(&compiled, "GET /health 200 listening on [::1]:8080", 0, nullptr, 0);
  regfree(&compiled);
}

void look_at(const ReadyCondition& c) {
  bool connects = c.kind == Kind::tcp || c.kind == Kind::http;
  require(connects == (c.port != 0) && connects == !c.host.empty());
  require((c.kind == Kind::fd) == (c.fd >= 3));
  if (c.kind == Kind::http)
    require(c.argument.front() == '/' && c.argument.find_first_of(" \r\n#") == std::string::npos);
  if (c.kind == Kind::log) match(c.argument);
}

}  // namespace

/// A condition a line.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  Readiness ready, again;
  for (std::size_t end = 0; end != std::string_view::npos; text.remove_prefix(end + 1)) {
    end = text.find('\n');
    Done done = ready.add(text.substr(0, end));
    if (!done) require(!done.error().why().empty());
    if (end == std::string_view::npos) break;
  }
  for (const ReadyCondition& condition : ready.events())
    look_at(condition);
  for (const std::string& one : ready.texts())
    require(static_cast<bool>(again.add(one)));
  require(again == ready);
  return 0;
}
