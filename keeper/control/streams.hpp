// The subscribers of `events`: each gets every event as one notification line, in order, within bounds. A
// subscriber that does not read has at most 1 MiB waiting; then events are dropped for it alone, and it is
// told how many, with what is true by then, as soon as it reads again.
//
// Passive: whoever knows what happens calls send().
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "keeper/control/service.hpp"

namespace keeper {

class Streams {
 public:
  /// `now` makes an event of what is true at the moment it is called.
  explicit Streams(std::function<AppEvent()> now) : now_(std::move(now)) {}

  /// Answers a request for a stream, and sends the first event, "now". Refused in a batch, and where the
  /// connection has a stream already.
  void add(const Answer& answer);
  /// Whether anybody is there: else no event need be made.
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
