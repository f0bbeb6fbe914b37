// keeper: keeps one program alive. Started by a user it reads its command line (launch); started by itself it
// takes up the role that it was given (survive/role).
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <system_error>
#include <utility>

#include "keeper/app/cannot_begin.hpp"
#include "keeper/app/keeper.hpp"
#include "keeper/app/memory.hpp"
#include "keeper/app/spec_backup.hpp"
#include "keeper/cli/launch.hpp"
#include "keeper/survive/guard.hpp"
#include "protocol/base/escape.hpp"

namespace {

/// Where the caller closed stdin, stdout or stderr, nothing else may get its number.
void fill_standard_descriptors() {
  int fd = 0;
  while (fd >= 0 && fd <= STDERR_FILENO)
    fd = open("/dev/null", O_RDWR);
  if (fd > STDERR_FILENO) close(fd);
}

using keeper::RoleTable;

/// There is no keeper: whoever waits for the start hears why. A first one leaves the app as it was before,
/// of a later one the guard tries again.
int give_up(const RoleTable& table, const std::string& why) {
  if (table.next) keeper::note_cannot_begin(table, why);
  if (table.next && table.report < 0) return 1;
  keeper::StartReport report;
  report.status.spawn_error = why;
  if (table.next) {
    report.status.state = keeper::State::backoff;
  } else {
    keeper::leave_guard(table.guard, 1);
    if (auto home = keeper::Home::open(table.home, keeper::Home::Create::no)) {
      home->unlink_socket(table.stem);
      keeper::undo_first_record(*home, table.stem, table.fresh);
    }
  }
  const std::string line = keeper::report_line(report);
  if (table.report < 0)
    std::fprintf(stderr, "keeper: cannot keep %s: %s\n", table.stem.c_str(),
                 keeper::escaped_lines(why).c_str());
  else if (write(table.report, line.data(), line.size()) < 0)
    return 1;  // nobody waits any more
  return 1;
}

std::string why_of(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) return "there is not enough memory";
  const bool systems = dynamic_cast<const std::system_error*>(&error) != nullptr;
  return (systems ? "" : "internal error: ") + std::string(error.what());
}

/// Its loop and its timers say by an exception that they cannot be had.
keeper::Result<std::unique_ptr<keeper::Keeper>> make_keeper(const RoleTable& table) try {
  return keeper::Keeper::make(table);
} catch (const std::exception& error) {
  return keeper::Error{keeper::Reason::failed, "keep it", why_of(error), 0};
}

int keep(RoleTable table) {
  keeper::own_process(table);
  keeper::own_all_signals();
  keeper::have_one_small_heap();
  keeper::be_resumed_plainly();
  auto keeper = make_keeper(table);
  if (!keeper) return give_up(table, keeper.error().text());
  return (*keeper)->run();
}

/// What was to be told has to be there: a full disk is an error, that nobody reads on is none.
int when_told(int code) {
  if ((std::fflush(stdout) == 0 && std::ferror(stdout) == 0) || errno == EPIPE) return code;
  std::perror("keeper: cannot write to stdout");
  return 1;
}

}  // namespace

int main(int argc, char** argv) try {
  keeper::guard_if_asked(argv, environ);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow (RLIMIT_FSIZE) is an error that can be told
  fill_standard_descriptors();
  if (auto table = keeper::take_role()) return keep(std::move(*table));
  auto parsed = keeper::parse_command_line(argc, argv);
  if (auto* finished = std::get_if<keeper::Finished>(&parsed)) {
    std::fputs(finished->text.c_str(), finished->exit_code == 0 ? stdout : stderr);
    return when_told(finished->exit_code);
  }
  return when_told(keeper::launch(std::get<keeper::CommandLine>(std::move(parsed))));
} catch (const std::exception& error) {
  std::fprintf(stderr, "keeper: %s\n", keeper::escaped_lines(why_of(error)).c_str());
  return 1;
}
