// What every command does around its own part: open the home, find the targets, say how it went, and end with
// the code that says so too.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "ctl/ops/outcome.hpp"
#include "ctl/ops/targets.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/client/client.hpp"

namespace keeper {

/// How long a keeper may take to say what it keeps.
inline constexpr Millis kAskWait{2000};

class Work {
 public:
  /// `verb` as in "cannot VERB api: ...".
  explicit Work(std::string verb) : verb_(std::move(verb)) {}

  /// Finds the apps that these words mean; says which mean nothing. `wait`: for each keeper. No home: no
  /// apps. Nothing: go on; else the exit code of a command that ends here (wrong words, a home that is
  /// refused).
  /// Reading::text is enough where the statuses are only handed on; a pid needs their values all the same.
  std::optional<int> find(const std::vector<std::string>& words, Millis wait, bool earlier_runs = false,
                          Reading reading = Reading::values);

  /// Returns the apps whose program can be asked something just now; says of the others why not.
  std::vector<Row> with_a_process();
  /// Those whose keepers can be asked; says of those that do not answer why not. `rest`: without a keeper.
  std::vector<Row> with_a_keeper(std::vector<Chosen>& rest);

  std::vector<Chosen> apps;
  /// Only where there are apps.
  const Home& home() const { return *home_; }

  /// "ctl: cannot VERB WHAT: WHY" to stderr, and it counts.
  void fail(const std::string& what, int code, const std::string& why);
  void fail(const AppId& id, int code, const std::string& why) { fail(id.stem(), code, why); }
  /// A line to stdout, if there is one to say, and it counts.
  void done(const std::string& line);
  void report(const std::vector<Outcome>& outcomes);
  /// What is known of it was shown, and it counts: as a failure, which is said, where its keeper did not
  /// answer.
  void shown(const Row& row);

  int exit_code() const { return tally_.exit_code(); }

 private:
  Done open_home();

  std::string verb_;
  std::string path_;
  std::optional<Home> home_;
  Tally tally_;
};

/// The deadline of a whole command.
Deadline whole_command(const std::optional<Millis>& timeout);
/// How much of that each keeper has for saying what it keeps.
Millis to_find(const std::optional<Millis>& timeout);

/// Columns of the terminal at stdout; nothing if there is none.
std::optional<std::size_t> terminal_width();
bool colours_on_stdout();
/// A JSON text as it goes to stdout: at a terminal without characters that one obeys.
std::string json_for_stdout(std::string json);

}  // namespace keeper
