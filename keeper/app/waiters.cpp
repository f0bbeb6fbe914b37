#include "keeper/app/waiters.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "keeper/core/output_tail.hpp"
#include "protocol/base/line_buffer.hpp"

namespace keeper {
namespace {

constexpr std::size_t kSmallReport = 16 * 1024;  // two of them fit into a pipe of default size
constexpr int kLargestPipe = 1 << 20;            // without privileges (pipe(7))
constexpr std::size_t kShownLines = 10;

void fail(std::vector<Answer>& answers, const std::string& doing, const std::string& why) {
  for (const Answer& answer : std::exchange(answers, {}))
    answer.fail({Reason::failed, doing, why, 0});
}

void give(std::vector<Answer>& answers, const Status& status) {
  for (const Answer& answer : std::exchange(answers, {}))
    answer.give(status);
}

}  // namespace

void Waiters::use_start_report(Fd pipe, std::function<void()> done) {
  start_report_ = std::move(pipe);
  start_reported_ = std::move(done);
  fcntl(start_report_.get(), F_SETFL, O_WRONLY | O_NONBLOCK);
}

void Waiters::published(const action::Announce& a) {
  switch (a.what) {
    case action::What::reloaded:
    case action::What::reload_failed: end_reload(a); break;
    case action::What::started:
      report_start(StartReport::Kind::spawned, 0);
      if (!restart_.empty()) give(restart_, source_.status());
      fail(stop_, "stop " + stem_, "it was started again meanwhile");
      break;
    case action::What::confirmed: report_start(StartReport::Kind::confirmed, 0); break;
    case action::What::spawn_failed: fail(restart_, "restart " + stem_, a.text); break;
    case action::What::exited:
      // Before it was confirmed, or nobody would be waiting any more. An end that a restart asked for is no
      // failed start, and a start that is given up is reported when nothing of it is left.
      if (a.cause != Cause::restart && a.cause != Cause::changed && machine_.wanted() == Wanted::up)
        report_start(StartReport::Kind::failed, 1);
      break;
    case action::What::backoff: report_start(StartReport::Kind::failed, 1); break;
    case action::What::refused:
    case action::What::survivors: tell_stuck(a); break;
    default: break;
  }
}

void Waiters::app_ended() {
  if (!stop_.empty()) give(stop_, source_.status());
  refuse(restart_, "restart ");
  refuse(reload_, "reload ");
}

/// Answers those who wait for a run that will not be.
void Waiters::refuse(std::vector<Answer>& answers, const char* doing) const {
  fail(answers, doing + stem_, machine_.reason().empty() ? "it was stopped meanwhile" : machine_.reason());
}

void Waiters::end_reload(const action::Announce& a) {
  Reloaded reply;
  if (a.what == action::What::reload_failed) {
    reply.failed = a.text;
    const RunRecord* record = recorder_.record_of(a.run);
    if (a.run != 0)
      reply.output = split_lines(last_lines(
          record != nullptr ? record->output.text : output_->last_output(OutputTail::kMost), kShownLines));
  }
  reply.changed = std::exchange(changed_, {});
  if (reload_.empty()) return;
  reply.status = source_.status();
  for (const Answer& answer : std::exchange(reload_, {}))
    answer.give(reply);
}

/// Answers those who wait for the end of a run that cannot be ended. Their wish is carried out when the run
/// has ended by itself.
void Waiters::tell_stuck(const action::Announce& a) {
  std::string remedy = "; ";
  if (a.what == action::What::refused) {
    remedy += "'sudo kill";
    for (int pid : survivors_)
      remedy += " " + std::to_string(pid);
    remedy += "' ends it, and then ";
  } else {
    remedy += "when that has ended ";
  }
  const std::string why = source_.stuck_text() + remedy;
  fail(stop_, "stop " + stem_, why + "it is stopped");
  fail(restart_, "restart " + stem_, why + "it is started again");
  report_start(StartReport::Kind::failed, 1);
}

void Waiters::report_start(StartReport::Kind kind, int code) {
  if (!start_report_) return;
  const auto& end = machine_.last_end();
  const RunRecord* run = kind == StartReport::Kind::failed && end ? recorder_.record_of(end->run) : nullptr;
  const std::string line =
      report_line({kind, code, source_.status(), run != nullptr ? run->output.text : ""});
  // The command may be suspended, and does not read then: its pipe has room for the longest command line.
  if (line.size() > kSmallReport) fcntl(start_report_.get(), F_SETPIPE_SZ, kLargestPipe);
  for (std::string_view rest = line; !rest.empty();) {
    const ssize_t put = write(start_report_.get(), rest.data(), rest.size());
    if (put <= 0) break;  // it was interrupted, and is gone
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
  if (kind == StartReport::Kind::spawned) return;
  start_report_.reset();
  start_reported_();
}

}  // namespace keeper
