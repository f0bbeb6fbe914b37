// ctl send
#include "ctl/cli/arguments.hpp"
#include "ctl/cli/context.hpp"
#include "ctl/commands/all.hpp"
#include "ctl/ops/restart.hpp"
#include "protocol/json/reader.hpp"

namespace keeper {
namespace {

int run(Arguments& arguments) {
  std::vector<std::string> words;
  std::optional<Millis> timeout;
  arguments.words(words, "TARGET and JSON", 2);
  arguments.duration("--timeout", timeout, "return after so long (default: no limit)");
  if (auto code = arguments.parse()) return *code;
  const std::string message = words.back();
  if (check_json(message, kMostDepth, kMostValues) != TextCheck::good)
    return arguments.wrong("the message is not JSON (a text has quotes of its own: '\"reload\"')");
  words.pop_back();

  Deadline deadline = whole_command(timeout);
  Work work("send");
  if (auto code = work.find(words, to_find(timeout))) return *code;
  std::vector<Row> rows = work.with_a_process();
  if (!rows.empty()) work.report(send_to_apps(work.home(), rows, {message}, deadline));
  return work.exit_code();
}

}  // namespace

Command send_command() {
  return {
      "send",
      0,
      {},
      "TARGET... JSON",
      "Sends a message to node programs: their process.on('message') gets it.",
      "JSON is one value, of at most 64 KiB. What a program answers, or says by process.send(), 'ctl events' "
      "shows.\n",
      "  ctl send api '\"reload\"'              process.on('message', m => ...) with the text reload\n"
      "  ctl send all '{\"level\": \"debug\"}'  an object, to every program\n",
      run};
}

}  // namespace keeper
