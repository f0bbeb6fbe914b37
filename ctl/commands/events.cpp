// ctl events
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

#include "ctl/cli/arguments.hpp"
#include "ctl/cli/context.hpp"
#include "ctl/commands/all.hpp"
#include "ctl/ops/targets.hpp"
#include "ctl/output/event_text.hpp"
#include "protocol/base/escape.hpp"
#include "protocol/client/fleet_events.hpp"

namespace keeper {
namespace {

/// Readable when somebody has had enough: Ctrl-C, TERM.
Fd end_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP})
    sigaddset(&set, signal);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  return Fd(signalfd(-1, &set, SFD_CLOEXEC));
}

/// False when nobody reads any more.
bool print(const std::vector<FleetEvent>& events, bool json) {
  for (const FleetEvent& one : events)
    std::printf("%s\n", json ? json_for_stdout(one.json).c_str() : event_text(one.event).c_str());
  return std::fflush(stdout) == 0;
}

/// That stdout cannot be written to is said once, by main.
int after_failed_write() {
  return errno == EPIPE ? exit_code::done : exit_code::failed;
}

int fail(const Error& error) {
  std::fprintf(stderr, "ctl: cannot show events: %s\n", escaped(error.text()).c_str());
  return exit_code::failed;
}

int follow(FleetEvents& fleet, bool json) {
  Fd ends = end_signals();
  std::vector<pollfd> others = {{ends.get(), POLLIN, 0}, {STDOUT_FILENO, 0, 0}};
  while (true) {
    auto events = fleet.wait(Deadline(Millis(-1)), others);
    if (!events) return fail(events.error());
    if (!print(*events, json)) return after_failed_write();
    if (others[0].revents != 0 || (others[1].revents & POLLERR) != 0) return exit_code::done;
  }
}

int run(Arguments& arguments) {
  std::vector<std::string> words;
  bool json = false;
  arguments.words(words, "TARGET", 0);
  arguments.flag("--json", json, "a JSON object a line, and nothing but that on stdout");
  if (auto code = arguments.parse()) return *code;
  if (words.empty()) words = {"all"};
  std::vector<Target> targets;
  for (const std::string& word : words) {
    auto target = Target::parse(word);
    if (!target) return arguments.wrong("'" + escaped(word) + "': " + target.error().why());
    if (target->kind == Target::Kind::pid)
      return arguments.wrong("'" + escaped(word) +
                             "': a process id ends with its process; give the app's name");
    targets.push_back(std::move(*target));
  }
  auto path = Home::default_path();
  if (!path) return fail(path.error());
  auto fleet = FleetEvents::open(*path, who_to_ask(targets));
  if (!fleet) return fail(fleet.error());
  return follow(*fleet, json);
}

}  // namespace

Command events_command() {
  return {"events",
          0,
          {},
          "[TARGET...]",
          "Shows what happens, as it happens, until Ctrl-C.",
          "First what is true now of each app that is kept. Apps that come later are shown too, and neither "
          "they\n"
          "nor the home need be there yet.\n",
          "  ctl events              of everything\n"
          "  ctl events 'worker*'    of some of it\n"
          "  ctl events --json       for scripts: one object a line\n",
          run};
}

}  // namespace keeper
