#include "keeper/app/run_readiness.hpp"

namespace keeper {

Result<std::unique_ptr<RunReadiness>> RunReadiness::make(asio::io_context& io, const Readiness& wanted,
                                                         const Probing& with, std::function<void(int)> shown,
                                                         Fd known) {
  std::unique_ptr<RunReadiness> out(new RunReadiness(std::move(shown)));
  int place = 0;
  for (const ReadyCondition& condition : wanted.events())
    if (Done done = out->add(io, condition, place++, with, known); !done) return done.error();
  return out;
}

Done RunReadiness::add(asio::io_context& io, const ReadyCondition& condition, int place, const Probing& with,
                       Fd& known) {
  auto show = [this, place] { shown_(place); };
  if (condition.kind == ReadyCondition::Kind::fd) {
    auto said = [this, show](NotifyFd::Said what) {
      fd_closed_ = what == NotifyFd::Said::closed;
      if (what == NotifyFd::Said::ready) show();
    };
    auto made = known ? Result<std::unique_ptr<NotifyFd>>(NotifyFd::go_on(io, std::move(known), said))
                      : NotifyFd::make(io, said);
    if (!made) return made.error();
    fd_ = std::move(*made);
    number_ = condition.fd;
  } else if (condition.kind == ReadyCondition::Kind::log) {
    auto made = LogMatch::make(condition.argument);
    if (!made) return made.error();
    lines_.push_back({place, std::move(*made)});
  } else if (auto probe = probe_for(io, condition, with, show)) {
    probes_.push_back({place, std::move(probe)});
  }
  return {};
}

void RunReadiness::begin() {
  if (fd_) fd_->spawned();
  for (auto& asked : probes_)
    asked.probe->start();
}

/// What is shown may lead to end(): so it is told when nothing is being looked through any more.
void RunReadiness::output(std::string_view bytes) {
  std::vector<int> places;
  std::erase_if(lines_, [&](const Line& line) {
    bool matched = line.match->feed(bytes);
    if (matched) places.push_back(line.place);
    return matched;
  });
  auto shown = shown_;
  for (int place : places)
    shown(place);
}

void RunReadiness::drain() {
  if (fd_) fd_->drain();
}

/// The probes are kept until the run ends: one of them may be what is calling.
void RunReadiness::end() {
  for (auto& asked : probes_)
    asked.probe->stop();
  lines_.clear();
}

std::vector<int> RunReadiness::pids() const {
  std::vector<int> out;
  for (const auto& asked : probes_)
    if (asked.probe->pid() > 0) out.push_back(asked.probe->pid());
  return out;
}

std::string RunReadiness::unshown(const ReadyCondition& condition, int place) const {
  for (const auto& asked : probes_)
    if (asked.place == place)
      return condition.text + " " +
             (asked.probe->answer().empty() ? "has not answered" : asked.probe->answer());
  switch (condition.kind) {
    case ReadyCondition::Kind::notify: return condition.text + ": no READY=1 has come";
    case ReadyCondition::Kind::node: return condition.text + ": no process.send('ready') has come";
    case ReadyCondition::Kind::fd:
      return condition.text + (fd_closed_ ? " was closed without a newline" : ": no newline has come");
    case ReadyCondition::Kind::log: return condition.text + ": no line has matched";
    default: return condition.text;
  }
}

}  // namespace keeper
