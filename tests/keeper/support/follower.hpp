// What happens to the apps of a home, as whoever subscribes to it sees it.
#pragma once
#include <poll.h>

#include <algorithm>

#include "protocol/client/fleet_events.hpp"
#include "tests/keeper/support/sandbox.hpp"

namespace keeper {

/// Follows a home from a test.
class Follower {
 public:
  explicit Follower(const Sandbox& box) {
    auto fleet = FleetEvents::open(box.home().string(), [](const AppId&) { return true; });
    EXPECT_TRUE(fleet) << fleet.error().text();
    fleet_.emplace(std::move(*fleet));
  }
  /// Whether it comes, after those that came already.
  bool comes(const std::string& stem, const std::string& what) {
    Deadline deadline(kLimit);
    std::vector<pollfd> none;
    while (true) {
      for (; next_ < seen_.size(); ++next_)
        if (seen_[next_].id.stem() == stem && seen_[next_].event.event == what) return ++next_, true;
      if (deadline.passed()) return false;
      auto more = fleet_->wait(deadline, none);
      EXPECT_TRUE(more) << more.error().text();
      if (!more) return false;
      for (FleetEvent& one : *more)
        seen_.push_back(std::move(one));
    }
  }
  /// The next event of that kind that says this.
  bool says(const std::string& stem, const std::string& what, const std::string& text) {
    while (comes(stem, what))
      if (last().text == text) return true;
    return false;
  }
  const AppEvent& last() const { return seen_[next_ - 1].event; }
  const FleetEvents& fleet() const { return *fleet_; }
  int count(const std::string& stem, const std::string& what) const {
    return static_cast<int>(std::count_if(seen_.begin(), seen_.end(), [&](const FleetEvent& one) {
      return one.id.stem() == stem && one.event.event == what;
    }));
  }
  std::string all() const {
    std::string out;
    for (const FleetEvent& one : seen_)
      out += one.id.stem() + " " + one.event.event + "\n";
    return out;
  }

 private:
  std::optional<FleetEvents> fleet_;
  std::vector<FleetEvent> seen_;
  std::size_t next_ = 0;
};

}  // namespace keeper
