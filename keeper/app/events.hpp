// Events: what a part may tell the keeper that has it.
#pragma once
#include "keeper/core/event.hpp"
#include "keeper/core/recorder.hpp"
#include "keeper/watch/signals.hpp"

namespace keeper {

class Events {
 public:
  virtual ~Events() = default;
  /// Steps the machine with a fact, performs what it decides, records that, and then publishes it. Called
  /// from within a step it queues the event, and returns at once.
  virtual void tell(Event event) = 0;
  /// The same, for somebody who is named in the history of runs.
  virtual void tell_for(Asker asker, Event event) = 0;
  /// Queues an event for the next step.
  virtual void queue(Event event) = 0;
  /// Dispatches a signal to this process, or to its guard.
  virtual void signalled(const SignalFact& fact) = 0;
  /// Exits, so that the guard starts a successor from the recorded state: out of memory, the current step may
  /// be half done. Returns if there is no guard.
  virtual void exit_out_of_memory() = 0;
};

}  // namespace keeper
