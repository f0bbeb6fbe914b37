// Durations, sizes, signals and times: text to values and back. The same text in flags, files, JSON and
// tables.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.hpp"

namespace keeper {

using Millis = std::chrono::milliseconds;
/// Wall-clock time, for people and records only. No decision is taken from it.
using WallTime = std::chrono::sys_time<Millis>;

/// Parses "100ms", "10s", "1.5s", "2m", "1h", "1d"; a bare number is seconds. From 0 to ten years.
Result<Millis> parse_duration(std::string_view text);
/// Returns the shortest exact form that parse_duration reads back: "100ms", "10s", "5m".
std::string duration_text(Millis value);

/// Parses "64M", "10k", "1.5G", "512"; a bare number is bytes, K is 2^10, M 2^20, G 2^30, T 2^40; "MB", "MiB"
/// are the same.
Result<std::uint64_t> parse_size(std::string_view text);
/// Returns the shortest exact form that parse_size reads back: "50M", "1000".
std::string size_text(std::uint64_t bytes);

/// Parses "TERM", "SIGTERM", "sigterm", "15", "RTMIN+3" (signal(7)).
Result<int> parse_signal(std::string_view text);
/// Returns "SIGTERM"; "SIGRTMIN+3" for a real-time signal; "SIG32" for one without a name. parse_signal reads
/// each back.
std::string signal_name(int signal);
/// Parses "TERM,INT" or "15" to numbers, in order.
Result<std::vector<int>> parse_signals(std::string_view text);

/// Parses a whole number in [low, high] without surrounding text.
Result<std::int64_t> parse_number(std::string_view text, std::int64_t low, std::int64_t high);

/// Returns a lifetime for people: "0.100 s", "3 m 20 s", "5 h 1 m".
std::string lived_text(Millis lived);
/// Returns "2026-11-20T17:24:00.123Z" (RFC 3339, UTC, milliseconds).
std::string time_text(WallTime time);
Result<WallTime> parse_time(std::string_view text);

}  // namespace keeper
