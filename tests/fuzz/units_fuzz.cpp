// Whatever is given for a duration, a size, a signal, a limit, ...: it is refused with a reason, or is within
// its bounds and can be given again as the text that is shown of it.
#include "protocol/base/units.hpp"

#include <sys/stat.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>

#include "protocol/base/when.hpp"
#include "protocol/wire/exit.hpp"
#include "protocol/wire/log_fields.hpp"
#include "protocol/wire/spawn_fields.hpp"

using namespace keeper;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

/// `read` takes what `show` makes of its value as the same value.
template <class Read, class Show>
void same_again(std::string_view text, Read read, Show show) {
  auto once = read(text);
  if (!once) return require(!once.error().why().empty());
  auto again = read(show(*once));
  require(again && *again == *once);
}

void limits(std::string_view text) {
  Limits once, again;
  if (!add_limits(once, text)) return;
  for (const auto& [name, limit] : once) {
    require(limit.soft <= limit.hard);
    require(static_cast<bool>(add_limits(again, limit_text(name, limit))));
  }
  require(again == once);
}

void date_format(std::string_view text) {
  auto format = DateFormat::parse(text);
  if (!format) return;
  std::tm time{};
  time.tm_mday = 1;
  time.tm_year = 126;
  require(format->text_for(time, 7).size() <= DateFormat::kMost);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  same_again(text, parse_duration, duration_text);
  same_again(text, parse_size, size_text);
  same_again(text, parse_signal, signal_name);
  same_again(text, parse_time, time_text);
  same_again(text, ExitCodes::parse, [](const ExitCodes& codes) { return codes.text(); });
  same_again(text, FileMask::parse, [](const FileMask& mask) { return mask.text(); });
  same_again(text, parse_descriptors, descriptors_text);
  same_again(text, SyslogTarget::parse, [](const SyslogTarget& target) { return target.text(); });
  if (auto time = parse_duration(text)) require(time->count() >= 0);
  if (auto signals = parse_signals(text))
    for (int signal : *signals)
      require(signal > 0 && signal <= 64);
  if (auto number = parse_number(text, -5, 500)) require(*number >= -5 && *number <= 500);
  limits(text);
  date_format(text);
  if (auto moment = parse_moment(text, WallTime(Millis(1'800'000'000'000))); !moment)
    require(!moment.error().why().empty());
  return 0;
}
