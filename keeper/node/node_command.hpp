// Parses node's command line: finds the file that it runs, if any. Pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace keeper {

struct NodeCommand {
  enum class Runs {
    script,   ///< a file
    code,     ///< the text of --eval or --print, or stdin
    another,  ///< other processes do the work: --run, --test, --watch
    nothing,  ///< it prints something, and ends
  };
  Runs runs = Runs::nothing;
  std::string script{};  ///< as given; empty: none
};

/// `words`: after "node", as in node(1).
NodeCommand read_node_command(const std::vector<std::string>& words);

/// Says what to write instead of a program that starts the real one as a child process (npm, tsx): only the
/// process that a keeper started is a worker of its cluster. `script`: path or name of the file that node
/// runs. Empty if it is not known as such a program.
std::string launcher_remedy(std::string_view script, const std::vector<std::string>& args);

}  // namespace keeper
