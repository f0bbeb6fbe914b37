// FdStore: descriptors that outlive this process, by name. The guard holds a copy of each; a successor takes
// them out again. (systemd has the same under this name: FDSTORE=1 of sd_notify(3).)
#pragma once
#include <map>
#include <string>
#include <vector>

#include "keeper/app/app.hpp"
#include "keeper/survive/guard_link.hpp"

namespace keeper {

class Part;
class Risk;

class FdStore {
 public:
  /// `parts` name what is stored (Part::add_descriptors).
  FdStore(App& app, Risk& risk, const std::vector<Part*>& parts);

  /// Stores into that guard; null: there is none, and nothing is stored.
  void use(GuardLink* guard);
  /// Stores what all parts have, and waits for the guard's answers. Errors: it is gone or silent.
  Done put_all();
  /// Stores a descriptor; what had the name before is let go. The guard's answer is not waited for.
  void put(const std::string& name, int fd);
  void drop(const std::string& name);
  /// Takes a descriptor that a predecessor stored; none if there is none of that name.
  Fd take(const std::string& name);
  /// Takes, and drops from the store, all that no part has taken and whose name begins so: it was of runs
  /// that are over, or of a predecessor that knew more.
  std::vector<Fd> take_rest(std::string_view prefix);
  /// Notes the guard's answer to put().
  void note_answer(const std::string& name, GuardWord::Kept kept);
  bool holds_all() const { return not_held_.empty(); }
  /// Stores once more what the guard does not hold, and forgets what is closed by now.
  void put_again();
  /// Returns why the guard does not hold everything, and what to do about it; empty if it does.
  std::string trouble() const;
  /// Returns all that parts store now.
  std::vector<HeldFd> all() const;

 private:
  void note_missing(const std::string& name, const std::string& why);

  App& app_;
  Risk& risk_;
  const std::vector<Part*>& parts_;
  GuardLink* guard_ = nullptr;
  std::vector<HeldFd> inherited_;                ///< of a predecessor, not taken yet
  std::map<std::string, std::string> not_held_;  ///< names, and why not
};

/// By which the guard holds the memory of log number `log`'s OverflowBuffer.
std::string overflow_name(std::size_t log);

}  // namespace keeper
