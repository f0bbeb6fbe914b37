// The subscribers of `logs` with `follow`: each gets what is written into a log from a place on, as
// notifications of whole lines, across restarts and rotations.
//
// What they get is read from the log's files, as they stand there (see log_follower), so each line comes
// once, and a subscriber that is busy for a moment finds the rest there: nothing is read for it while 1 MiB
// waits. One that takes nothing of that for two seconds does not read: from then on lines are counted
// instead, and it is told how many as soon as it reads again. Beginnings of lines wait for their end; of a
// line over 64 KiB there are pieces.
#pragma once
#include <asio/io_context.hpp>
#include <memory>
#include <vector>

#include "keeper/control/service.hpp"
#include "protocol/home/log_follower.hpp"

namespace keeper {

class LogFeeds {
 public:
  explicit LogFeeds(asio::io_context& io);
  ~LogFeeds();
  LogFeeds(const LogFeeds&) = delete;
  LogFeeds& operator=(const LogFeeds&) = delete;

  /// Answers with `first`, and goes on with what `follower` gives. Refused in a batch, and where the
  /// connection has a stream already.
  void add(const Answer& answer, LogLines first, LogFollower follower);
  /// Sends what is there, as far as it is taken: the last word.
  void finish();

 private:
  class Feed;
  asio::io_context& io_;
  std::vector<std::shared_ptr<Feed>> feeds_;
  std::uint64_t last_id_ = 0;
};

}  // namespace keeper
