// The subscribers of `events`: each receives every event as one notification line, in order, within bounds. A
// subscriber that does not read has at most 1 MiB waiting; then events are dropped for it alone, and it
// receives their number, with the current status, as soon as it reads again.
//
// Passive: the observer of events calls send().
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "keeper/control/service.hpp"

namespace keeper {

class Streams {
 public:
  /// `now` makes an event of the status at the moment of the call.
  explicit Streams(std::function<AppEvent()> now) : now_(std::move(now)) {}

  /// Replies to a request for a stream, and sends the first event, "now". Refused in a batch, and if the
  /// connection has a stream already.
  void add(const Answer& answer);
  /// Returns whether there is no subscriber: then no event need be made.
  bool empty();
  void send(AppEvent event);

 private:
  struct Subscriber {
    std::uint64_t id;
    std::shared_ptr<Answer::Outlet> outlet;
    std::uint64_t dropped = 0;
  };
  void send_to(Subscriber& one, AppEvent& event);
  void tell_dropped(std::uint64_t id);
  void drop(Subscriber& one);
  void await_room(Subscriber& one);

  std::function<AppEvent()> now_;
  std::vector<Subscriber> subscribers_;
  std::uint64_t last_id_ = 0;
};

}  // namespace keeper
