// What clients ask for, one overload per request (declared in protocol/wire/messages.hpp).
#include <unistd.h>

#include <algorithm>
#include <asio/post.hpp>
#include <cerrno>

#include "keeper/app/keeper.hpp"
#include "keeper/app/stale_request.hpp"
#include "keeper/node/message.hpp"
#include "protocol/home/file_place.hpp"
#include "protocol/home/inotify_use.hpp"
#include "protocol/home/log_files.hpp"
#include "protocol/home/proc.hpp"

namespace keeper {
namespace {

constexpr std::size_t kMostLogBytes = 192 * 1024;
constexpr std::size_t kDrainFirst = 1 << 20;  // what was written before it was asked
constexpr std::uint64_t kMostLogLines = 5'000;

}  // namespace

void Keeper::handle(const Ping&, const Caller&, Answer answer) {
  answer.give(Pong{spec_.name, getpid(), KEEPER_VERSION, kProtocol});
}

void Keeper::handle(const GetStatus&, const Caller&, Answer answer) {
  go_along_with_home();
  answer.give(status_with_usage());
}

void Keeper::handle(const GetSpec&, const Caller&, Answer answer) {
  answer.give(whole_spec());
}

void Keeper::handle(const Stop& stop, const Caller& caller, Answer answer) {
  if (outdated(stop, machine_.run(), "stop " + table_.stem, answer)) return;
  waiters_.stop(std::move(answer));
  if (stop.forget.value_or(false)) forget_ = stop.keep_logs.value_or(false) ? Forget::record : Forget::all;
  const bool scale = stop.scale.value_or(false);
  tell_for(asker_of(scale ? "scale" : "stop", caller), event::Stop{scale ? Cause::scale : Cause::stop});
}

void Keeper::handle(const RestartRun& restart, const Caller& caller, Answer answer) {
  const auto& end = machine_.last_end();
  if (restart.run && end && end->run == *restart.run && end->cause == Cause::restart) {
    // Somebody had the same run restarted, or this is asked again: that is done.
    if (machine_.pid()) return answer.give(status());
    return waiters_.restart(std::move(answer));
  }
  if (outdated(restart, machine_.run(), "restart " + table_.stem, answer)) return;
  if (Done done = take_spec(restart.spec, false); !done) return answer.fail(done.error());
  waiters_.restart(std::move(answer));
  tell_for(asker_of("restart", caller), event::Restart{});
}

void Keeper::handle(const SignalRun& request, const Caller& caller, Answer answer) {
  std::string doing = "signal " + table_.stem;
  if (outdated(request, machine_.run(), doing, answer)) return;
  auto signal = parse_signal(request.signal);
  if (!signal) return answer.fail({Reason::invalid, doing, signal.error().why(), 0});
  auto pid = machine_.pid();
  if (!pid) return answer.fail({Reason::not_running, doing, "it has no process just now", 0});
  signal_error_ = 0;
  recorder_.note_signal(machine_.run(), *signal, asker_of("signal " + signal_name(*signal), caller));
  tell(event::UserSignal{machine_.run(), *signal});
  if (signal_error_ == EPERM) return answer.fail({Reason::failed, doing, not_permitted_text({*pid}), 0});
  if (signal_error_ != 0) return answer.fail({Reason::failed, doing, {}, signal_error_});
  answer.give(Signalled{*pid});
}

void Keeper::handle(const SendMessage& request, const Caller&, Answer answer) {
  const std::string doing = "send to " + table_.stem;
  auto fail = [&](Reason reason, const char* why) { answer.fail({reason, doing, why, 0}); };
  if (outdated(request, machine_.run(), doing, answer)) return;
  const std::string& line = request.message.text;
  if (line.empty()) return fail(Reason::invalid, "there is no message");
  if (line.size() > kMostMessage) return fail(Reason::too_large, "a message has at most 64 KiB");
  if (read_node_message(line).is_nodes_own())
    return fail(Reason::invalid, "a message whose \"cmd\" begins with NODE_ is node's own");
  Run* run = find(machine_.run());
  if (run == nullptr || run->main_ended) return fail(Reason::not_running, "it has no process just now");
  if (!run->channel)
    return fail(Reason::failed, by_node_ ? "its program has closed its channel"
                                         : "it has no channel: only a program that node runs has one");
  if (!run->channel->send(line)) return fail(Reason::busy, "it does not read what it was sent before");
  answer.give(Sent{run->pid});
}

void Keeper::handle(const GetLogs& request, const Caller&, Answer answer) {
  go_along_with_home();
  std::string doing = "show the log of " + table_.stem;
  if (!output_->keeps_files()) return answer.fail({Reason::not_found, doing, "its log is " + spec_.log, 0});
  std::vector<LogFile> files = output_->files();
  auto file = std::find_if(files.begin(), files.end(),
                           [&](const LogFile& one) { return !request.log || one.stream == *request.log; });
  if (file == files.end())
    return answer.fail({Reason::not_found, doing, "it has no log '" + *request.log + "'", 0});
  bool follow = request.follow.value_or(false);
  std::uint64_t count = std::min(request.lines.value_or(100), kMostLogLines);
  const std::string given = file->stream == "err" ? error_log_path() : log_path();
  const ActingUser* rights = rights_at(given, user_);
  if (rights == nullptr) rights = rights_at(file->path, user_);
  const ActingAs as_user(rights);
  if (as_user.error() != 0) return answer.fail(system_error(doing, "as " + user_.name));
  // Where a line begins that has no end yet is known only from looking at it.
  auto tail = read_tail(file->path, follow ? std::max<std::uint64_t>(count, 1) : count, kMostLogBytes);
  if (!tail) return answer.fail(tail.error());
  LogLines lines{file->path, tail->bytes, std::move(tail->lines), tail->truncated};
  if (!follow) return answer.give(lines);
  LogSpot from = tail->end.file.inode == 0 ? LogFollower::now() : tail->end;
  // It is sent when it has ended.
  from.offset -= tail->unfinished;
  if (tail->unfinished > 0) lines.lines.pop_back();
  if (count == 0) lines.lines.clear();
  const auto watch = may_take_instance(home_) ? LogFollower::Watch::yes : LogFollower::Watch::no;
  auto follower = LogFollower::open_at(file->path, from, watch);
  if (!follower) return answer.fail(follower.error());
  follower->act_as(rights);
  log_feeds_.add(answer, std::move(lines), std::move(*follower));
}

void Keeper::answer_logs(const std::string& doing, Done (AppOutput::*doing_it)(), const Answer& answer) {
  std::string what = doing + " " + table_.stem;
  if (!output_->keeps_files()) return answer.fail({Reason::failed, what, "its log is " + spec_.log, 0});
  output_->drain(kDrainFirst);
  Done done = (output_.get()->*doing_it)();
  if (!done) return answer.fail({done.error().reason, what, done.error().why(), 0});
  answer.give(LogsNow{output_->files()});
}

void Keeper::handle(const RotateLogs&, const Caller&, Answer answer) {
  answer_logs("rotate", &AppOutput::rotate, answer);
}

void Keeper::handle(const ReopenLogs&, const Caller&, Answer answer) {
  answer_logs("reopen", &AppOutput::reopen, answer);
}

void Keeper::handle(const FlushLogs&, const Caller&, Answer answer) {
  if (!output_->keeps_files())
    return answer.fail({Reason::failed, "flush " + table_.stem, "its log is " + spec_.log, 0});
  output_->drain(kDrainFirst);
  flushes_.push_back({std::move(answer)});
  if (flushes_.size() == 1) flush_part();
}

/// Removes as many backups as one turn of the loop may, for whoever asked first.
void Keeper::flush_part() {
  if (flushes_.empty()) return;  // the keeper leaves
  Flush& flush = flushes_.front();
  const auto done = output_->flush_part(flush.log);
  if (!done && flush.failed) flush.failed = done.error();
  if (!done || *done) ++flush.log;
  std::optional<Flush> over;
  if (flush.log >= output_->logs()) {
    over = std::move(flush);
    flushes_.pop_front();
  }
  if (!flushes_.empty()) asio::post(io_, [this] { flush_part(); });
  if (!over) return;
  // Last: an answer may lead to the next request, and that to the end.
  if (over->failed)
    over->answer.give(LogsNow{output_->files()});
  else
    over->answer.fail({over->failed.error().reason, "flush " + table_.stem, over->failed.error().why(), 0});
}

void Keeper::handle(const Discover&, const Caller&, Answer answer) {
  answer.give(open_rpc());
}

void Keeper::refused(const Caller& caller) {
  lifecycle_log_.add("refused a client of uid " + std::to_string(caller.uid) + " (pid " +
                     std::to_string(caller.pid) + ")");
  lifecycle_log_.flush();
}

}  // namespace keeper
