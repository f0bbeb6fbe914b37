#include "keeper/ready/cmd_probe.hpp"

#include <signal.h>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>

namespace keeper {
namespace {

class Running : public Attempt {
 public:
  Running(asio::io_context& io, const std::string& command, const Commands& commands, Ended ended)
      : Attempt(std::move(ended)), io_(io), command_(command), commands_(commands) {}
  ~Running() override { kill_group(); }

  void begin() override;
  int pid() const override { return pid_; }

 private:
  void wait();
  void look();
  void kill_group();

  asio::io_context& io_;
  const std::string& command_;
  const Commands& commands_;
  int pid_ = 0;  ///< 0 once it is reaped: the number may be reused then
  std::optional<asio::posix::stream_descriptor> pidfd_;
};

void Running::begin() {
  auto started = commands_.start(command_);
  if (!started) return end(false, "could not be started");
  pid_ = started->pid;
  pidfd_.emplace(io_, started->pidfd.get());
  static_cast<void>(started->pidfd.release());
  wait();
}

void Running::wait() {
  pidfd_->async_wait(asio::posix::descriptor_base::wait_read, living_.only([this] { look(); }));
}

/// Kills the group first: while its leader is not reaped, the number cannot be reused.
void Running::look() {
  kill_group();
  auto exit = commands_.collect(pid_, pidfd_->native_handle());
  if (!exit) return wait();
  pid_ = 0;
  end(*exit == ExitInfo::code(0), ended_text(*exit));
}

void Running::kill_group() {
  if (pid_ > 0) kill(-pid_, SIGKILL);
}

}  // namespace

std::unique_ptr<Probe> cmd_probe(asio::io_context& io, std::string command, Commands commands, Millis limit,
                                 std::function<void()> on_success) {
  auto make = [&io, command = std::move(command), commands = std::move(commands)](Attempt::Ended ended) {
    return std::make_unique<Running>(io, command, commands, std::move(ended));
  };
  return std::make_unique<Probe>(io, std::move(make), limit, std::move(on_success));
}

}  // namespace keeper
