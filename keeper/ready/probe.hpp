// Probe: tries something again and again until it goes well, for the conditions that nobody reports: tcp,
// http, cmd.
//
// The first try is 50 ms after start(): a program needs that to be there at all. After a try that failed it
// waits for 200 ms, then half as long again each time, up to 2 s. One try at a time; one that takes longer
// than its limit is given up and has failed. Nothing ticks before start() and after stop() or the success.
#pragma once
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "keeper/ready/attempt.hpp"
#include "protocol/wire/units.hpp"

namespace keeper {

class Probe {
 public:
  /// Makes one try; it is begun afterwards.
  using Make = std::function<std::unique_ptr<Attempt>(Attempt::Ended)>;

  /// `on_success` is called from the loop, once per start(); it may let go of this object.
  Probe(asio::io_context& io, Make make, Millis limit, std::function<void()> on_success);

  void start();
  /// What is being tried is given up; start() begins anew.
  void stop();
  /// Of the command that runs just now (cmd), 0 when there is none: a child of this process that is no run
  /// and no stranger.
  int pid() const { return attempt_ ? attempt_->pid() : 0; }
  /// What came of the last try that has ended: "refused the connection". Empty before that. stop() keeps it.
  const std::string& answer() const { return answer_; }

 private:
  template <class F>
  void after(Millis wait, F then);
  void try_once();
  void begin_attempt();
  void ended(bool good, std::string answer);

  asio::steady_timer timer_;  ///< of the pause, or of the try: there is one of them at a time
  Make make_;
  Millis limit_;
  std::function<void()> on_success_;
  Millis pause_{0};
  std::unique_ptr<Attempt> attempt_;
  std::string answer_;
  Living living_;
};

}  // namespace keeper
