// The explicit list of commands: each is made by the file of its name.
#pragma once
#include "ctl/cli/command.hpp"

namespace keeper {

/// Returns all commands in the order of --help.
std::span<const Command> all_commands();

Command list_command();
Command stop_command();
Command restart_command();
Command reload_command();
Command logs_command();
Command start_command();
Command show_command();
Command why_command();
Command signal_command();
Command send_command();
Command scale_command();
Command delete_command();
Command events_command();
Command wait_command();
Command rotate_command();
Command reopen_command();
Command flush_command();
Command doctor_command();
Command upgrade_command();

}  // namespace keeper
