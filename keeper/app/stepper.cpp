#include "keeper/app/stepper.hpp"

#include <utility>

#include "protocol/base/clock.hpp"
#include "protocol/base/scope_exit.hpp"

namespace keeper {

void Stepper::tell(Event event) {
  queue(std::move(event));
  if (stepping_) return;
  take_queued();
  if (app_.leaving_as) return;
  performer_.record();
  for (const action::Announce& a : std::exchange(to_publish_, {}))
    for (Part* part : parts_)
      part->published(a);
  performer_.published();
  if (events_.empty() || app_.leaving_as) return;
  Event next = std::move(events_.front());
  events_.pop_front();
  tell(std::move(next));
}

void Stepper::take_queued() {
  stepping_ = true;
  Finally done([this] { stepping_ = false; });
  while (!events_.empty()) {
    Event next = std::move(events_.front());
    events_.pop_front();
    step(next);
  }
}

void Stepper::step(const Event& event) {
  const std::vector<Action> actions = app_.machine.step(event, steady_now());
  if (app_.machine.wanted() == Wanted::up) app_.forget = Forget::nothing;  // the stop with it is overtaken
  performer_.save(actions);
  for (const Action& action : actions) {
    if (const auto* a = std::get_if<action::Announce>(&action)) announce(*a);
    if (const auto* a = std::get_if<action::Spawn>(&action)) performer_.perform(*a);
    if (const auto* a = std::get_if<action::Signal>(&action)) performer_.perform(*a);
    if (const auto* a = std::get_if<action::Leave>(&action)) performer_.perform(*a);
  }
}

void Stepper::announce(const action::Announce& a) {
  app_.recorder.note(a, wall_now(), steady_now());
  for (Part* part : parts_)
    part->announced(a);
  to_publish_.push_back(a);
}

void Stepper::publish_last(Part& part) {
  for (const action::Announce& a : std::exchange(to_publish_, {}))
    part.published(a);
}

}  // namespace keeper
