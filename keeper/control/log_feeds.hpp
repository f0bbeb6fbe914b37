// The subscribers of `logs` with `follow`: each receives what is written into a log from a place on, as
// notifications of whole lines, across restarts and rotations.
//
// The lines are read from the log's files (see log_follower), so each line is sent once, and a subscriber
// that is busy for a moment finds the rest there: nothing is read for it while 1 MiB waits. A subscriber that
// takes none of that for two seconds does not read: from then on lines are counted instead, and it receives
// their number as soon as it reads again. The beginning of a line waits for its end; a line over 64 KiB is
// sent in pieces.
#pragma once
#include <asio/io_context.hpp>
#include <memory>
#include <vector>

#include "keeper/control/service.hpp"
#include "protocol/logs/follower.hpp"

namespace keeper {

class LogFeeds {
 public:
  explicit LogFeeds(asio::io_context& io);
  ~LogFeeds();
  LogFeeds(const LogFeeds&) = delete;
  LogFeeds& operator=(const LogFeeds&) = delete;

  /// Replies with `first`, and continues with the lines of `follower`. Refused in a batch, and if the
  /// connection has a stream already.
  void add(const Answer& answer, LogLines first, LogFollower follower);
  /// Sends the remaining lines as far as clients take them, at the end.
  void finish();

 private:
  class Feed;
  asio::io_context& io_;
  std::vector<std::shared_ptr<Feed>> feeds_;
  std::uint64_t last_id_ = 0;
};

}  // namespace keeper
