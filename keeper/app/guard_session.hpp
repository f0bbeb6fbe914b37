// GuardSession: the other half. Reads what the guard has noticed, takes its place if it is killed, and hands
// over to another program file (ctl upgrade).
#pragma once
#include <asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "keeper/app/app.hpp"
#include "keeper/app/events.hpp"
#include "keeper/app/part.hpp"
#include "keeper/control/service.hpp"
#include "keeper/survive/guard_link.hpp"

namespace keeper {

class ControlPlane;
class EndWatcher;
class FdStore;
class LifecycleLog;
class Risk;
class StateJournal;
class Terminal;

class GuardSession : public Part {
 public:
  /// The other parts that it speaks with; all of them outlive it.
  struct With {
    FdStore& store;
    StateJournal& journal;
    Risk& risk;
    EndWatcher& ends;
    ControlPlane& control;
    LifecycleLog& log;
    Terminal& terminal;
  };
  GuardSession(App& app, Events& events, const With& with);
  ~GuardSession() override;

  /// Reads the inbox from the entry on that was acted on last. What it brings about is recorded with it.
  void read_inbox();
  /// Takes the inbox as read: what a predecessor left there means nothing any more.
  void skip_inbox();
  /// Returns the exit status that the guard has seen of that process since inbox entry `since`.
  std::optional<ExitInfo> exit_status(int pid, std::uint32_t since) const;
  /// Whether the same signal came to both halves, and this is the second time that it is told.
  bool is_told_twice(const SignalFact& fact);
  /// Tells the guard that this keeper has come up.
  void say_up();
  /// Whether there is a guard that starts a successor when this process exits.
  bool is_there() { return guard_ && !guard_->lost(); }
  /// Becomes the guard itself, by exec. Returns if that is impossible just now; it is tried again.
  void become_guard();

  /// Hands over to the program file of the request, or answers what became of an upgrade.
  void upgrade(const Upgrade& request, const Answer& answer);

  void describe(Status& status) override;
  void save(KeptState& state) const override;
  void restore(const KeptState& state) override;

 private:
  struct Heard {
    int number = 0;
    int pid = 0;
    bool passed_on = false;
    Millis at{-10'000};
  };
  void on_lost();
  void on_silent();
  void on_settled();
  bool is_to_follow() const;
  void leave_for_upgrade();
  bool describe_upgrade(KeeperProgram& now) const;
  Done check_upgrade(const Upgrade& request, const std::string& doing) const;
  std::string failure() const;

  App& app_;
  Events& events_;
  With with_;
  std::unique_ptr<GuardLink> guard_;  ///< null: there is none
  std::uint32_t inbox_ = 0;           ///< the last entry that was acted on
  std::vector<KeptUpgrade> upgrades_;
  Fd guard_before_;  ///< program file of a guard that is to follow an upgrade; none: it has followed
  asio::steady_timer again_;
  Heard heard_;  ///< the last signal
};

}  // namespace keeper
