// Gathers what `ctl doctor` looks at. Changes nothing, and takes no lock.
#pragma once
#include "ctl/doctor/facts.hpp"

namespace keeper {

/// As lstat(2) has it.
PathFacts look_at_path(std::string path, PathFacts::Kind wanted);

/// `rows`: the apps that are asked about. `whole`: these are all, and the home and the system are looked at
/// too. `before`: the home itself, from before it was opened (which narrows its mode).
HomeFacts gather(const Home& home, std::vector<Row> rows, bool whole, const PathFacts& before);

/// The parts of it.
AppFacts gather_app(const Home& home, const AppId& id, std::optional<Row> row);
SystemFacts gather_system();
std::vector<Disk> gather_disks(const std::vector<std::string>& directories);

}  // namespace keeper
