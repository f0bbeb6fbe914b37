// Whatever is sent to NOTIFY_SOCKET, what comes out of it is within its bounds, and says no more than what
// was sent.
#include "keeper/ready/notify_message.hpp"

#include <cstdint>
#include <cstdlib>

#include "protocol/base/utf8.hpp"
#include "protocol/json/reader.hpp"

using namespace keeper;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool has_line(std::string_view text, std::string_view line) {
  std::string whole = "\n" + std::string(text) + "\n";
  return whole.find("\n" + std::string(line) + "\n") != std::string::npos;
}

void require_time(const std::optional<Millis>& time) {
  require(!time || (time->count() >= 0 && time->count() <= 3650LL * 86'400'000));
}

void require_status(const std::string& status) {
  require(status.size() <= 512 && is_utf8(status));
  for (char c : status)
    require(static_cast<unsigned char>(c) >= ' ' && c != '\x7f');
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto message = parse_notify(text);
  if (text.ends_with('\0')) text.remove_suffix(1);
  require(message.has_value() == (text.find('\0') == std::string_view::npos));
  if (!message) return 0;
  require(message->ready == has_line(text, "READY=1"));
  require(message->barrier == has_line(text, "BARRIER=1"));
  require(message->hangs == has_line(text, "WATCHDOG=trigger"));
  require(!message->main_pid || *message->main_pid > 0);
  require(!message->errnum || *message->errnum >= 0);
  require_time(message->watchdog);
  require_time(message->extend);
  require_status(message->status.value_or(""));
  require(parse_notify(std::string(text) + "\n") == message);
  return 0;
}
