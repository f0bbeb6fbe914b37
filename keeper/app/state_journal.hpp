// StateJournal: writes what a successor needs into the state page, before anything is told.
#pragma once
#include <optional>

#include "keeper/app/app.hpp"
#include "keeper/app/events.hpp"
#include "keeper/app/part.hpp"
#include "keeper/child/process.hpp"
#include "keeper/survive/state_page.hpp"

namespace keeper {

class FdStore;
class LifecycleLog;
class Risk;

class StateJournal : public Part {
 public:
  /// `parts` fill in the state (Part::save).
  StateJournal(App& app, Events& events, FdStore& store, Risk& risk, LifecycleLog& log,
               const std::vector<Part*>& parts)
      : app_(app), events_(events), store_(store), risk_(risk), log_(log), parts_(parts) {}

  /// Takes the page. A keeper without one keeps its program all the same, and tries again.
  void use(Result<StatePage> page);
  std::optional<StatePage>& page() { return page_; }
  const std::optional<StatePage>& page() const { return page_; }

  /// Writes the state. Returns whether the page has it; if not, it is a risk, and is tried again. Out of
  /// memory the process ends: what is not recorded must not be done.
  bool save();
  /// Writes the state into the page, which must be there. Errors: no room for it.
  Done write();
  /// Begins a claim: the child that is spawned for that run writes its pid there, once.
  SpawnClaim claim_for(RunId run);
  /// Opens the page anew: its file was removed. What is being written into the logs is marked in the new one.
  void renew();
  /// Makes the page anew after another process has overwritten it or cut it short: nothing in it can be
  /// believed. `inbox`: the entry of the guard's that was acted on last.
  void rewrite(std::uint32_t inbox);
  /// Tries again what could not be written.
  void try_again();

  void add_descriptors(std::vector<HeldFd>& out) const override;

 private:
  KeptState state() const;
  void take(StatePage page);

  App& app_;
  Events& events_;
  FdStore& store_;
  Risk& risk_;
  LifecycleLog& log_;
  const std::vector<Part*>& parts_;
  std::optional<StatePage> page_;  ///< nothing: it cannot be opened
  bool page_has_name_ = true;      ///< false: its file was removed, and could not be made again
};

}  // namespace keeper
