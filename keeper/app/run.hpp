// Run: one run of the program as the system knows it, from its spawn until nothing of it is left. What a
// successor needs of it is KeptRun; the rest is what this process holds for it.
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "keeper/app/kept_state.hpp"
#include "keeper/app/run_readiness.hpp"
#include "keeper/node/channel.hpp"

namespace keeper {

struct Run : KeptRun {
  Run(KeptRun facts, asio::io_context& io) : KeptRun(std::move(facts)), pidfd(io) {}

  asio::posix::stream_descriptor pidfd;  ///< of its main process; closed once that has ended
  bool adopted = false;                  ///< a predecessor started it: it is no child of this process
  std::optional<Millis> seen_to_end{};   ///< since when it has ended, and its parent has not reaped it
  std::unique_ptr<asio::steady_timer> look_again{};  ///< for its exit status; null: not now
  std::unique_ptr<RunReadiness> ready{};             ///< null if nothing has to be shown
  std::unique_ptr<Channel> channel{};                ///< null if node does not run it, or it has closed it
  bool asked_to_leave = false;                       ///< the keeper has asked it to leave its cluster
  bool leaves = false;                               ///< it leaves its cluster of its own accord
  std::unique_ptr<asio::steady_timer> has_left{};    ///< runs once it has closed its channel after that
  std::vector<int> killed{};                         ///< processes that are known to have been sent KILL
  std::string killed_text{};                         ///< the last line about them; empty: none
};

}  // namespace keeper
