// Stepper: one event after the other through the machine. For each: the machine decides, the state is saved,
// and only then the actions are performed, in order. When no event waits, what changed is recorded, and then
// published. An event that is told within a step is queued, so nothing recurses.
#pragma once
#include <deque>
#include <vector>

#include "keeper/app/app.hpp"
#include "keeper/app/part.hpp"
#include "keeper/core/event.hpp"

namespace keeper {

/// Does what the stepper asks for; Keeper is one.
class Performer {
 public:
  virtual ~Performer() = default;
  /// Saves the state, with these actions that are about to be performed.
  virtual void save(const std::vector<Action>& actions) = 0;
  virtual void perform(const action::Spawn& spawn) = 0;
  virtual void perform(const action::Signal& signal) = 0;
  virtual void perform(const action::Leave& leave) = 0;
  /// No event waits: records what changed. Not called once the app is over.
  virtual void record() = 0;
  /// All changes are published: performs what was put off until then.
  virtual void published() = 0;
};

class Stepper {
 public:
  Stepper(App& app, Performer& performer, const std::vector<Part*>& parts)
      : app_(app), performer_(performer), parts_(parts) {}

  /// Steps the machine with an event, and with those that this brings about. Within a step it queues the
  /// event.
  void tell(Event event);
  bool is_stepping() const { return stepping_; }
  /// Queues an event for the next step.
  void queue(Event event) { events_.push_back(std::move(event)); }
  /// Publishes to one part what the others do not hear any more: the app is over.
  void publish_last(Part& part);

 private:
  void step(const Event& event);
  void announce(const action::Announce& announce);
  void take_queued();

  App& app_;
  Performer& performer_;
  const std::vector<Part*>& parts_;
  std::deque<Event> events_;
  bool stepping_ = false;
  std::vector<action::Announce> to_publish_;
};

}  // namespace keeper
