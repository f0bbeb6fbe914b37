// ctl signal
#include "ctl/cli/arguments.hpp"
#include "ctl/cli/context.hpp"
#include "ctl/commands/all.hpp"
#include "ctl/ops/restart.hpp"

namespace keeper {
namespace {

int run(Arguments& arguments) {
  std::vector<std::string> words;
  std::optional<Millis> timeout;
  arguments.words(words, "SIGNAL and TARGET", 2);
  arguments.duration("--timeout", timeout, "return after so long (default: no limit)");
  if (auto code = arguments.parse()) return *code;
  auto signal = parse_signal(words.front());
  if (!signal) return arguments.wrong(signal.error().why());
  words.erase(words.begin());

  Deadline deadline = whole_command(timeout);
  Work work("signal");
  if (auto code = work.find(words, to_find(timeout))) return *code;
  std::vector<Row> rows = work.with_a_process();
  if (!rows.empty()) work.report(signal_apps(work.home(), rows, signal_name(*signal), deadline));
  return work.exit_code();
}

}  // namespace

Command signal_command() {
  return {"signal",
          0,
          {{"sendSignal"}, {"kill", "KILL"}},
          "SIGNAL TARGET...",
          "Sends a signal to programs.",
          "What a program does then is its own affair; one that ends is restarted as always.\n",
          "  ctl signal HUP api      have it read its configuration again, if it does that at HUP\n"
          "  ctl kill api            SIGKILL: its keeper starts it again\n",
          run};
}

}  // namespace keeper
