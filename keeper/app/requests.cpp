#include "keeper/app/requests.hpp"

#include <algorithm>
#include <cerrno>

#include "keeper/app/app_files.hpp"
#include "keeper/app/app_log.hpp"
#include "keeper/app/cluster_sockets.hpp"
#include "keeper/app/configuration.hpp"
#include "keeper/app/guard_session.hpp"
#include "keeper/app/lifecycle_log.hpp"
#include "keeper/app/record_writer.hpp"
#include "keeper/app/runs.hpp"
#include "keeper/app/signaller.hpp"
#include "keeper/app/spawner.hpp"
#include "keeper/app/stale_request.hpp"
#include "keeper/app/status_builder.hpp"
#include "keeper/app/subscribers.hpp"
#include "keeper/app/waiters.hpp"
#include "keeper/core/output_tail.hpp"
#include "keeper/node/message.hpp"
#include "protocol/base/line_buffer.hpp"
#include "protocol/base/proc.hpp"
#include "protocol/base/users.hpp"

namespace keeper {
namespace {

Asker asker_of(std::string by, const Caller& caller) {
  return {std::move(by), caller.pid, caller.uid, passwd_name(caller.uid)};
}

}  // namespace

void Requests::handle(const Ping&, const Caller&, Answer answer) {
  answer.give(Pong{app_.spec.name, app_.own_pid, KEEPER_VERSION, kProtocol});
}

void Requests::handle(const GetStatus&, const Caller&, Answer answer) {
  with_.files.follow_home();
  answer.give(with_.status.status_with_usage());
}

void Requests::handle(const GetSpec&, const Caller&, Answer answer) {
  answer.give(with_.configuration.whole());
}

void Requests::handle(const Stop& stop, const Caller& caller, Answer answer) {
  if (is_stale_request(stop, app_.machine.run(), "stop " + app_.stem(), answer)) return;
  with_.waiters.stop(std::move(answer));
  if (stop.forget.value_or(false))
    app_.forget = stop.keep_logs.value_or(false) ? Forget::record : Forget::all;
  const bool scale = stop.scale.value_or(false);
  events_.tell_for(asker_of(scale ? "scale" : "stop", caller),
                   event::Stop{scale ? Cause::scale : Cause::stop});
}

void Requests::handle(const RestartRun& restart, const Caller& caller, Answer answer) {
  const auto& end = app_.machine.last_end();
  if (restart.run && end && end->run == *restart.run && end->cause == Cause::restart) {
    // Somebody had the same run restarted, or this is asked again: that is done.
    if (app_.machine.pid()) return answer.give(with_.status.status());
    return with_.waiters.restart(std::move(answer));
  }
  if (is_stale_request(restart, app_.machine.run(), "restart " + app_.stem(), answer)) return;
  if (Done done = with_.configuration.change(restart.spec, Configuration::Change::for_good); !done)
    return answer.fail(done.error());
  with_.waiters.restart(std::move(answer));
  events_.tell_for(asker_of("restart", caller), event::Restart{});
}

/// Whether this reload is done already: the request is a second one.
bool Requests::is_reloaded(const ReloadRun& request) const {
  if (!request.run || *request.run == app_.machine.run() || !app_.machine.pid()) return false;
  const auto& end = app_.machine.last_end();
  const bool ended = end && end->run == *request.run && end->cause == Cause::reload;
  const auto& leaving = app_.machine.snapshot().leaving;
  return ended || std::any_of(leaving.begin(), leaving.end(), [&](const Life& life) {
           return life.run == *request.run && life.ending == Cause::reload;
         });
}

/// Whether this reload is under way already.
bool Requests::is_reloading(const ReloadRun& request) const {
  const Snapshot& machine = app_.machine.snapshot();
  const bool under_way = machine.reload_waiting || (machine.incoming && machine.incoming->for_reload);
  return request.run && *request.run == app_.machine.run() && under_way;
}

void Requests::handle(const ReloadRun& request, const Caller& caller, Answer answer) {
  const std::string doing = "reload " + app_.stem();
  if (is_reloaded(request)) return answer.give(Reloaded{with_.status.status(), {}, {}, {}});
  if (is_reloading(request)) return with_.waiters.reload(std::move(answer));
  if (is_stale_request(request, app_.machine.run(), doing, answer)) return;
  if (app_.machine.snapshot().incoming)
    return answer.fail({Reason::busy, doing, "another reload of it is under way", 0});
  if (Run* old = with_.runs.find(app_.machine.run());
      old != nullptr && !Signaller::may_signal_main(*old))  // it would stay beside the new one
    return answer.fail({Reason::failed, doing, not_permitted_text({old->pid}), 0});
  constexpr std::uint64_t kMost = 24 * 3'600'000;
  const Millis canary(std::min(request.canary_ms.value_or(0), kMost));
  if (Done done = with_.configuration.change(request.spec, Configuration::Change::for_reload); !done)
    return answer.fail(done.error());
  with_.waiters.reload(std::move(answer));
  events_.tell_for(asker_of("reload", caller), event::Reload{canary});
}

void Requests::handle(const Scale& request, const Caller&, Answer answer) {
  const std::string doing = "scale " + app_.stem();
  if (request.instances < 1 || request.instances > kMostInstances)
    return answer.fail(
        {Reason::invalid, doing, "there are from 1 to " + std::to_string(kMostInstances) + " instances", 0});
  const Done done = with_.configuration.scale(request.instances);
  with_.record.note_change();
  if (!done) return answer.fail(done.error());
  answer.give(with_.status.status());
}

void Requests::handle(const SignalRun& request, const Caller& caller, Answer answer) {
  std::string doing = "signal " + app_.stem();
  if (is_stale_request(request, app_.machine.run(), doing, answer)) return;
  auto signal = parse_signal(request.signal);
  if (!signal) return answer.fail({Reason::invalid, doing, signal.error().why(), 0});
  auto pid = app_.machine.pid();
  if (!pid) return answer.fail({Reason::not_running, doing, "it has no process just now", 0});
  with_.signaller.clear_error();
  app_.recorder.note_signal(app_.machine.run(), *signal, asker_of("signal " + signal_name(*signal), caller));
  events_.tell(event::UserSignal{app_.machine.run(), *signal});
  if (with_.signaller.last_error() == EPERM)
    return answer.fail({Reason::failed, doing, not_permitted_text({*pid}), 0});
  if (with_.signaller.last_error() != 0)
    return answer.fail({Reason::failed, doing, {}, with_.signaller.last_error()});
  answer.give(Signalled{*pid});
}

void Requests::handle(const SendMessage& request, const Caller&, Answer answer) {
  const std::string doing = "send to " + app_.stem();
  auto fail = [&](Reason reason, const char* why) { answer.fail({reason, doing, why, 0}); };
  if (is_stale_request(request, app_.machine.run(), doing, answer)) return;
  const std::string& line = request.message.text;
  if (line.empty()) return fail(Reason::invalid, "there is no message");
  if (line.size() > kMostMessage) return fail(Reason::too_large, "a message has at most 64 KiB");
  if (read_node_message(line).is_nodes_own())
    return fail(Reason::invalid, "a message whose \"cmd\" begins with NODE_ is node's own");
  Run* run = with_.runs.find(app_.machine.run());
  if (run == nullptr || run->main_ended) return fail(Reason::not_running, "it has no process just now");
  if (!run->channel)
    return fail(Reason::failed, with_.spawner.by_node()
                                    ? "its program has closed its channel"
                                    : "it has no channel: only a program that node runs has one");
  if (!run->channel->send(line)) return fail(Reason::busy, "it does not read what it was sent before");
  answer.give(Sent{run->pid});
}

void Requests::handle(const GetWhy& request, const Caller&, Answer answer) {
  RunHistory history{app_.recorder.runs()};
  if (const Run* run = with_.runs.find(app_.machine.run()); run != nullptr && run->oom)
    if (const auto kills = oom_kills_since(*run->oom); kills > 0) history.oom_kills = kills;
  if (request.lines)
    for (RunRecord& run : history.runs)
      run.output.text = std::string(last_lines(run.output.text, *request.lines));
  answer.give(history);
}

void Requests::handle(const WatchEvents&, const Caller&, Answer answer) {
  with_.subscribers.add(answer);
}

void Requests::handle(const RotateLogs&, const Caller&, Answer answer) {
  with_.app_log.rotate(answer);
}

void Requests::handle(const ReopenLogs&, const Caller&, Answer answer) {
  with_.app_log.reopen(answer);
}

void Requests::handle(const Discover&, const Caller&, Answer answer) {
  answer.give(open_rpc());
}

void Requests::refused(const Caller& caller) {
  with_.log.add("refused a client of uid " + std::to_string(caller.uid) + " (pid " +
                std::to_string(caller.pid) + ")");
  with_.log.flush();
}

void Requests::handle(const GetLogs& request, const Caller&, Answer answer) {
  with_.app_log.show(request, answer);
}

void Requests::handle(const FlushLogs&, const Caller&, Answer answer) {
  with_.app_log.flush(std::move(answer));
}

void Requests::handle(const ShareSocket& request, const Caller&, Answer answer) {
  with_.cluster.share(request, answer);
}

void Requests::handle(const Upgrade& request, const Caller&, Answer answer) {
  with_.guard.upgrade(request, answer);
}

}  // namespace keeper
