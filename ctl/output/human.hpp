// Values as people read them in a table: short, not exact.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "protocol/wire/status.hpp"

namespace keeper {

/// "5s", "3m12s", "4h05m", "12d03h"; "0s" for less than nothing.
std::string short_duration(std::int64_t milliseconds);
/// "46.1M", "980K", "512B".
std::string short_memory(std::uint64_t bytes);
/// "0.3%".
std::string short_percent(double percent);
/// "2026-11-20T17:24:00Z".
std::string short_time(WallTime time);
/// "SIGKILL after 1m30s (crash)".
std::string exit_words(const LastExit& exit);
/// How long the program has been up; nothing if it is not.
std::optional<std::int64_t> uptime_of(const Status& app, WallTime now);
/// "in 28s"; "now" when it is due.
std::string until_text(WallTime at, WallTime now);

}  // namespace keeper
