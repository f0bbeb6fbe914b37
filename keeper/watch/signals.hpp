// Signals as facts, in one place (signalfd(2)). Every signal that can be caught is blocked for the whole life
// of a keeper, so none can end it or interrupt a call; those with a meaning are reported from the loop.
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <functional>

namespace keeper {

struct SignalFact {
  int number;
  bool from_terminal;  ///< the kernel sent it: Ctrl-C, which reaches every process of the group
  int pid;             ///< the sender, 0 for the kernel
  unsigned uid;
  bool passed_on = false;  ///< by the guard, which received it
};

/// Blocks every signal except those of program errors and job control, and resets all dispositions to their
/// default (so that a child, which inherits ignored ones over exec, has none). Once, at the start.
void own_all_signals();

class Signals {
 public:
  /// Reports INT, TERM, QUIT, HUP, USR1 and CHLD. own_all_signals() was called before.
  Signals(asio::io_context& io, std::function<void(const SignalFact&)> on_signal);

 private:
  void wait();
  asio::posix::stream_descriptor fd_;
  std::function<void(const SignalFact&)> on_signal_;
};

}  // namespace keeper
