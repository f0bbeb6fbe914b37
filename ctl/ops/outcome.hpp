// How a piece of work went, for one app.
#pragma once
#include <string>

#include "ctl/ops/exit_code.hpp"
#include "protocol/store/home.hpp"
#include "protocol/wire/status.hpp"

namespace keeper {

struct Outcome {
  AppId id;
  int code = exit_code::done;
  std::string text;                    ///< done: what to say, or nothing; else why it could not be done
  std::vector<std::string> details{};  ///< lines to show below that
  std::uint64_t run = 0;               ///< the run that was begun, where one was
  std::vector<std::string> notes{};    ///< what else is to be said of the app

  static Outcome done(const AppId& id, std::string text) { return {id, exit_code::done, std::move(text)}; }
  static Outcome failed(const AppId& id, const Error& error) {
    return {id, exit_code::of(error.reason), error.why()};
  }
};

/// Several outcomes as one exit code: `partly` where some were done and some not; the one code where all
/// failed alike.
class Tally {
 public:
  void add(int code);
  int exit_code() const;

 private:
  bool any_done_ = false;
  bool any_late_ = false;
  bool alike_ = true;
  int code_ = exit_code::done;  ///< of the first that failed
};

/// Returns how the end of a run was forced: ", by KILL: it did not end within 10s of SIGTERM; killed pid 12
/// (./api)"; empty if it was not.
std::string force_text(const Status& after);
/// "; left running: pid 12 pid 13": what kill_mode `process` spared; empty if there is nothing.
std::string left_text(const Status& after);
/// " pid 12 pid 13"
std::string pids_text(const std::vector<int>& pids);

}  // namespace keeper
