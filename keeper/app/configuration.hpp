// Configuration: the spec in use and its environment, and a change of it. A change for a reload can be rolled
// back: the file of the spec before is kept beside the new one until the outcome is known.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "keeper/app/app.hpp"
#include "keeper/app/events.hpp"
#include "keeper/app/part.hpp"

namespace keeper {

class AppFiles;
class FdStore;
class LifecycleLog;
class ListenSockets;
class ReadinessTracker;
class Spawner;
class Waiters;

class Configuration : public Part {
 public:
  /// The other parts that it speaks with; all of them outlive it.
  struct With {
    FdStore& store;
    AppFiles& files;
    ListenSockets& listen;
    ReadinessTracker& readiness;
    Spawner& spawner;
    Waiters& waiters;
    LifecycleLog& log;
  };
  Configuration(App& app, Events& events, const With& with) : app_(app), events_(events), with_(with) {}

  /// Uses this file, of the spec in use, and its environment. A successor gets it, whatever became of its
  /// name.
  void use(Fd file, std::vector<std::string> environment);

  enum class Change { for_good, for_reload };
  /// Uses another spec from the next run on: `wanted`, or what stands in the file by now. Errors: another
  /// app's spec, an address that cannot be had, and, for good, a spec that no run can be started with; then
  /// nothing has changed.
  Done change(const std::optional<Spec>& wanted, Change how);
  /// Sets the number of instances, in the spec in use and in the file.
  Done scale(int instances);
  /// Returns the spec in use with its environment, as it is in the file.
  Spec whole() const;
  /// Writes the file again if somebody has removed it.
  Done write_again();
  /// Writes what the program's user has come to into the file. A file that was edited meanwhile is left as it
  /// is: its user is looked up when it is used.
  void record_user();
  /// Acts with the rights of the program's user, in the home of now.
  void note_user();
  /// Makes these variables this process's environment, which its program inherits.
  void take_environment(std::vector<std::string> variables);
  /// Notes that runs are spawned for the first time no more: the spec stays.
  void confirm_first_start();
  /// Undoes the first start of an app. Returns false if it is an app by now.
  bool undo_first_start();
  void close_file() { file_.reset(); }

  void announced(const action::Announce& a) override;
  void add_descriptors(std::vector<HeldFd>& out) const override;

 private:
  Done complete_user(const Spec& before, Spec& after) const;
  Done may_end_for(const Spec& after) const;
  Done write_change(const Spec& before, const Spec& after, bool edited, Change how);
  void commit();
  void roll_back();
  void apply(Spec spec);
  Done record_instances();
  void note_file();
  void use_file(Fd file);

  App& app_;
  Events& events_;
  With with_;
  Fd file_;                              ///< of the spec in use
  std::optional<std::int64_t> written_;  ///< when it was written, in ns
  std::vector<std::string> variables_;   ///< environ, if it is not the one that this process was started with
  std::vector<char*> environ_;
};

}  // namespace keeper
