// Part: what the keeper may ask of a part of it. A part is one thing that a keeper does, with all that this
// needs. The keeper asks every part, in the order of its list (parts.hpp); each member is optional. A part
// knows the app, and the other parts that its constructor was given, by their public members.
#pragma once
#include <vector>

#include "keeper/app/run.hpp"
#include "keeper/child/run_extras.hpp"
#include "keeper/core/action.hpp"
#include "keeper/survive/role.hpp"
#include "protocol/wire/status.hpp"

namespace keeper {

class Part {
 public:
  virtual ~Part() = default;

  // A run's life, in this order.

  /// Gives a run that is about to be spawned its descriptors and variables. Errors: it is not spawned, which
  /// is a failed start.
  virtual Done equip(RunId, RunExtras&) { return {}; }
  /// The run was equipped, and could not be spawned.
  virtual void not_spawned(RunId) {}
  /// The run was spawned; the machine does not know that yet.
  virtual void spawned(Run&) {}
  /// The run is one that a predecessor started, and lives. `life`: null if the machine does not know it.
  virtual void adopted(Run&, const Life*) {}
  /// Nothing of the run is left.
  virtual void removed(Run&) {}

  // What is told.

  /// The machine has decided this; it is not recorded yet, so nobody outside may hear of it.
  virtual void announced(const action::Announce&) {}
  /// The same, once the state from which a successor resumes is written.
  virtual void published(const action::Announce&) {}
  /// Fills in what the part knows of the app. Name, state, run and pid are there already.
  virtual void describe(Status&) {}

  // Succession.

  /// Adds what a successor needs to the state that is written before anything is published.
  virtual void save(KeptState&) const {}
  /// Takes over what a predecessor has saved, before the loop runs.
  virtual void restore(const KeptState&) {}
  /// Adds the descriptors that outlive this process, by the names under which the guard holds them.
  virtual void add_descriptors(std::vector<HeldFd>&) const {}
};

}  // namespace keeper
