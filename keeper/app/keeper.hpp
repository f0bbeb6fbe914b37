// Keeper: the mediator. An edge reports a fact through a callback of the part that has it; the fact becomes
// an event for the stepper, and what the machine decides is performed by the parts. Afterwards one timer is
// set to machine.deadline(). One thread.
//
// Two orders are written here and nowhere else: a succession (make, resume) and the end of the app (leave).
// The third, that of a step, is the stepper's.
#pragma once
#include <asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "keeper/app/parts.hpp"
#include "keeper/app/predecessor.hpp"
#include "keeper/app/stepper.hpp"

namespace keeper {

class Keeper : private Events, private Performer {
 public:
  /// `table` names the descriptors it was born with. Errors: no spec, nothing to capture output with.
  static Result<std::unique_ptr<Keeper>> make(RoleTable table);
  /// Runs until the app is stopped, exited or fatal, or a successor is to follow. Returns the exit code of
  /// the process.
  int run();

 private:
  Keeper(RoleTable table, Beginning& begin);

  void tell(Event event) override;
  void tell_for(Asker asker, Event event) override;
  void queue(Event event) override { stepper_.queue(std::move(event)); }
  void signalled(const SignalFact& fact) override;
  void exit_out_of_memory() override;

  // a step (stepper.hpp)
  void save(const std::vector<Action>& actions) override;
  void perform(const action::Spawn& spawn) override { parts_.spawner.spawn(spawn.run); }
  void perform(const action::Signal& signal) override { parts_.signaller.perform(signal); }
  void perform(const action::Leave& leave) override;
  void record() override;
  void published() override;
  void arm();
  void arm_anyhow();

  // a succession
  Done open(Beginning& begin);
  void take_over(const LeftBehind& left);
  void report_recovery(int pid);
  void resume();
  void begin_lazily();
  void replay(const LeftBehind& left, bool stops);
  void tell_wish(const LeftBehind& left, bool stops);
  void report_takeover();

  // the end of the app
  void leave_when_written(State as, Time until);
  void leave(State as);
  void delete_app();
  int exit_code(State left_as) const;

  App app_;
  asio::steady_timer deadline_;
  std::optional<Time> armed_;  ///< what the deadline is set to
  asio::steady_timer leaving_;
  std::optional<LeftBehind> left_;  ///< by a predecessor, until resume()
  Parts parts_;
  Stepper stepper_;
  std::unique_ptr<Signals> signals_;
};

}  // namespace keeper
