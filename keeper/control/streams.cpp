#include "keeper/control/streams.hpp"

#include <algorithm>

namespace keeper {

void Streams::add(const Answer& answer) {
  auto outlet = answer.open_stream();
  if (!outlet) return answer.fail(outlet.error());
  if (!*outlet) return;  // a notification, which has no reply
  empty();               // removes closed streams, which makes room
  Subscriber one{++last_id_, std::move(*outlet)};
  answer.give(Subscribed{one.id});
  subscribers_.push_back(std::move(one));
  AppEvent now = now_();
  send_to(subscribers_.back(), now);
}

bool Streams::empty() {
  std::erase_if(subscribers_, [](const Subscriber& one) { return !one.outlet->is_open(); });
  if (subscribers_.empty()) std::vector<Subscriber>().swap(subscribers_);
  return subscribers_.empty();
}

void Streams::send(AppEvent event) {
  if (empty()) return;
  for (Subscriber& one : subscribers_)
    send_to(one, event);
}

void Streams::send_to(Subscriber& one, AppEvent& event) {
  event.stream = one.id;
  // A subscriber that missed events learns that first.
  if (one.dropped > 0 || !one.outlet->send(event_line(event))) drop(one);
}

void Streams::drop(Subscriber& one) {
  if (++one.dropped == 1) await_room(one);
}

void Streams::await_room(Subscriber& one) {
  one.outlet->when_drained([this, id = one.id] { tell_dropped(id); });
}

void Streams::tell_dropped(std::uint64_t id) {
  auto it = std::find_if(subscribers_.begin(), subscribers_.end(),
                         [&](const Subscriber& one) { return one.id == id; });
  if (it == subscribers_.end()) return;
  AppEvent event = now_();
  event.event = "dropped";
  event.stream = id;
  event.dropped = it->dropped;
  if (it->outlet->send(event_line(event)))
    it->dropped = 0;
  else
    await_room(*it);  // no room among all clients together
}

}  // namespace keeper
