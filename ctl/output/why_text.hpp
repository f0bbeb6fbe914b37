// What `ctl why` says: what is going on now, and how the last runs ended, in sentences.
#pragma once
#include <string>

#include "protocol/wire/history.hpp"

namespace keeper {

/// "0.1 s", "3 m 20 s", "2 h 5 m".
std::string spoken_duration(std::int64_t milliseconds);

/// One sentence about now.
std::string now_sentence(const Status& app, WallTime now);

/// The sentences about one run, and its last lines; several lines, each with its newline. `newest`: the last
/// one of an app that is in this state.
std::string run_text(const Status& app, const RunRecord& run, bool newest);

/// All of it: now, and the last `most` runs, the newest first. `conflict`: who has its port
/// (port_conflict()); empty: nobody.
std::string why_text(const Status& app, const RunHistory& history, std::size_t most, WallTime now,
                     const std::string& conflict = {});

}  // namespace keeper
