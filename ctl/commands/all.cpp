#include "ctl/commands/all.hpp"

#include <array>

namespace keeper {

std::span<const Command> all_commands() {
  static const std::array commands = {list_command(),   stop_command(),   restart_command(), reload_command(),
                                      logs_command(),   start_command(),  show_command(),    why_command(),
                                      signal_command(), send_command(),   scale_command(),   delete_command(),
                                      events_command(), wait_command(),   rotate_command(),  reopen_command(),
                                      flush_command(),  doctor_command(), upgrade_command()};
  return commands;
}

}  // namespace keeper
