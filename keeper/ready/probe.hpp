// Probe: repeats a try until it succeeds, for the conditions that no process reports: tcp, http, cmd.
//
// The first try is 50 ms after start(), the time that a program needs to exist at all. After a failed try the
// probe waits for 200 ms, then half as long again each time, up to 2 s. One try at a time; a try that exceeds
// its limit is aborted and has failed. No timer runs before start() and after stop() or the success.
#pragma once
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "keeper/ready/attempt.hpp"
#include "protocol/base/units.hpp"

namespace keeper {

class Probe {
 public:
  /// Makes one try, which is begun afterwards.
  using Make = std::function<std::unique_ptr<Attempt>(Attempt::Ended)>;

  /// Calls `on_success` from the loop, once per start(); it may destroy this object.
  Probe(asio::io_context& io, Make make, Millis limit, std::function<void()> on_success);

  void start();
  /// Aborts the current try; start() begins anew.
  void stop();
  /// The pid of the command that runs now (cmd), 0 if there is none: a child of this process that is neither
  /// a run nor a stranger.
  int pid() const { return attempt_ ? attempt_->pid() : 0; }
  /// The result of the last try that has ended: "refused the connection". Empty before. stop() keeps it.
  const std::string& answer() const { return answer_; }

 private:
  template <class F>
  void after(Millis wait, F then);
  void try_once();
  void begin_attempt();
  void ended(bool good, std::string answer);

  asio::steady_timer timer_;  ///< of the pause, or of the try: only one at a time
  Make make_;
  Millis limit_;
  std::function<void()> on_success_;
  Millis pause_{0};
  std::unique_ptr<Attempt> attempt_;
  std::string answer_;
  Living living_;
};

}  // namespace keeper
