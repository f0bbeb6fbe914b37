// What is done with the files of logs.
#pragma once
#include <vector>

#include "ctl/logs/place.hpp"
#include "ctl/ops/outcome.hpp"
#include "protocol/client/client.hpp"

namespace keeper {

std::vector<Outcome> rotate_logs(const Home& home, const std::vector<Row>& rows, const Deadline& deadline);
std::vector<Outcome> reopen_logs(const Home& home, const std::vector<Row>& rows, const Deadline& deadline);
std::vector<Outcome> flush_logs(const Home& home, const std::vector<Row>& rows, const Deadline& deadline);
/// Of an app that nobody keeps: here, under its lock.
Outcome flush_without_keeper(const Home& home, const Row& row);

/// Files of one log, in its directory.
struct LogFiles {
  FilePlace at;
  std::vector<std::string> names;  ///< the newest first
};
/// All files of an app's logs; under its lock. Without any where it keeps none. `user` outlives what is
/// returned: whose rights count where that user may have chosen a path (Home::acting_user).
std::vector<LogFiles> all_log_files(const Home& home, const Row& row, const ActingUser& user);
/// The links that lead to its logs.
std::vector<LogFiles> log_links(const Home& home, const Row& row, const ActingUser& user);
/// As paths, in that order.
std::vector<std::string> paths_of(const std::vector<LogFiles>& files);
/// Removes them, with their indexes. Errors: failed.
Done delete_log_files(const std::vector<LogFiles>& files);
/// Returns the user whose rights count for the logs of an app; no other user's without a readable spec.
ActingUser user_of(const Home& home, const Row& row);

}  // namespace keeper
