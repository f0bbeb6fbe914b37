// TARGET: which apps a word of the command line means.
//
//   NAME     all instances of that app          PID    the program's, its keeper's or its guard's
//   NAME:N   one of them                        'w*'   a quoted glob (fnmatch(3)) over names
//   all      every app
//
// A pid is matched against what keepers report, never against the process table: a number that the system
// gave to somebody else meanwhile is never hit.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "protocol/client/fleet.hpp"

namespace keeper {

struct Target {
  enum class Kind { all, name, instance, pid, glob };
  Kind kind = Kind::all;
  std::string text;  ///< as it was typed
  AppId id;          ///< for name and instance
  int pid = 0;

  /// Errors: usage, saying why it cannot be any of them.
  static Result<Target> parse(std::string_view text);

  /// An app that was asked for itself, rather than passed by: that it is not running is then worth an exit
  /// code.
  bool is_explicit() const { return kind != Kind::all && kind != Kind::glob; }
  /// Whether an app of that name can be meant; for a pid every app can.
  bool may_mean(const AppId& id) const;
  bool means(const Row& row) const;
  /// Why nothing was found: "no such app in /home/web/.keeper".
  std::string nothing_found(const std::string& home) const;
};

/// One app that was asked for, once, however often it was named.
struct Chosen {
  Row row;
  bool is_explicit = false;
  int earlier_pid = 0;  ///< of a run that has ended, where it was meant by nothing else
};
struct Selection {
  std::vector<Chosen> apps;     ///< sorted by name and instance
  std::vector<Target> missing;  ///< targets that mean nothing that is there; never `all`
};

/// What look_at_fleet has to ask for these targets.
std::function<bool(const AppId&)> who_to_ask(const std::vector<Target>& targets);

/// When the newest run of that app with this pid ended; nothing if it had none.
using EarlierRun = std::function<std::optional<WallTime>(const Row& row, int pid)>;
/// `earlier`: a pid that is nobody's now may be that of a run that has ended, and then it is the newest such
/// run's.
Selection choose(const std::vector<Target>& targets, std::vector<Row> rows, const EarlierRun& earlier = {});

}  // namespace keeper
