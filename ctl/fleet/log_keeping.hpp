// What is done with the files of logs.
#pragma once
#include <vector>

#include "ctl/fleet/log_place.hpp"
#include "ctl/fleet/outcome.hpp"
#include "protocol/client/client.hpp"

namespace keeper {

std::vector<Outcome> rotate_logs(const Home& home, const std::vector<Row>& rows, const Deadline& deadline);
std::vector<Outcome> reopen_logs(const Home& home, const std::vector<Row>& rows, const Deadline& deadline);
std::vector<Outcome> flush_logs(const Home& home, const std::vector<Row>& rows, const Deadline& deadline);
/// Of an app that nobody keeps: here, under its lock.
Outcome flush_without_keeper(const Home& home, const Row& row);

/// All files of an app's logs, each log's newest first; under its lock. Without any where it keeps none.
std::vector<std::string> all_log_files(const Home& home, const Row& row);
/// The links that lead to its logs.
std::vector<std::string> log_links(const Home& home, const Row& row);
/// Removes them, with their indexes. Errors: failed.
Done delete_log_files(const std::vector<std::string>& files);

}  // namespace keeper
