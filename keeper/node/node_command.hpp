// What node makes of its command line: which file it runs, if any. Pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace keeper {

struct NodeCommand {
  enum class Runs {
    script,   ///< a file
    code,     ///< what is given by --eval or --print, or on stdin
    another,  ///< other processes, which do the work: --run, --test, --watch
    nothing,  ///< it says something, and ends
  };
  Runs runs = Runs::nothing;
  std::string script{};  ///< as given; empty: none
};

/// `words`: behind "node", as in node(1).
NodeCommand read_node_command(const std::vector<std::string>& words);

/// What to write instead of a program that starts the real one as a child process (npm, tsx): only the
/// process that a keeper started is a worker of its cluster. `script`: path or name of the file that node
/// runs. Empty where nothing of the kind is known of it.
std::string launcher_remedy(std::string_view script, const std::vector<std::string>& args);

}  // namespace keeper
