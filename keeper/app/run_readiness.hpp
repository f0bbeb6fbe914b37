// What shows that one run works: the conditions of its spec, each watched by the edge that it needs.
//
// Made before the spawn, which takes a descriptor from it; reports every condition once, by its number. What
// asks (probes, lines of output) stops when the run is confirmed; its descriptor stays, for a program may go
// on writing into it. `notify` is not here: that socket belongs to the keeper.
#pragma once
#include <asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "keeper/ready/log_match.hpp"
#include "keeper/ready/notify_fd.hpp"
#include "keeper/ready/probe_for.hpp"
#include "protocol/wire/readiness.hpp"

namespace keeper {

class RunReadiness {
 public:
  /// `shown` is called with the place of a condition in Readiness::events(), from the loop or from output().
  /// `known`: descriptor_held() of an earlier keeper, whose run this is. Errors: failed (no descriptors).
  static Result<std::unique_ptr<RunReadiness>> make(asio::io_context& io, const Readiness& wanted,
                                                    const Probing& with,
                                                    std::function<void(int condition)> shown, Fd known = {});

  /// For the spawn: what the child gets, and as which number; -1 and -1 for none.
  int descriptor() const { return fd_ ? fd_->writing() : -1; }
  int number() const { return number_; }
  /// What the next keeper needs to go on with this run; -1: nothing.
  int descriptor_held() const { return fd_ ? fd_->reading() : -1; }
  /// It was spawned: the probes begin.
  void begin();
  void output(std::string_view bytes);
  /// Whether output() is of any use.
  bool wants_output() const { return !lines_.empty(); }
  /// Its main process has ended: what it wrote into its descriptor before is read now.
  void drain();
  /// Nothing is asked any more.
  void end();
  /// What its program has not shown of such a condition, or what came of asking: "tcp:80 refused the
  /// connection".
  std::string unshown(const ReadyCondition& condition, int place) const;
  /// Of commands that run just now: children of this process that are no part of a run.
  std::vector<int> pids() const;

 private:
  explicit RunReadiness(std::function<void(int)> shown) : shown_(std::move(shown)) {}
  Done add(asio::io_context& io, const ReadyCondition& condition, int place, const Probing& with, Fd& known);

  struct Line {
    int place;
    std::unique_ptr<LogMatch> match;
  };
  struct Asked {
    int place;
    std::unique_ptr<Probe> probe;
  };
  std::function<void(int)> shown_;
  std::unique_ptr<NotifyFd> fd_;
  int number_ = -1;
  bool fd_closed_ = false;
  std::vector<Asked> probes_;
  std::vector<Line> lines_;
};

}  // namespace keeper
