// What a node program and its keeper say to each other over its channel.
#include <utility>

#include "keeper/app/keeper.hpp"
#include "keeper/child/pidfd.hpp"
#include "keeper/node/message.hpp"
#include "keeper/node/worker_script.hpp"
#include "protocol/home/discard.hpp"

namespace keeper {
namespace {

constexpr Millis kEndsByItself{500};

}  // namespace

/// Null where it gets none.
Result<std::unique_ptr<Channel>> Keeper::make_channel(RunId id) {
  if (!by_node_) return std::unique_ptr<Channel>();
  return Channel::make(io_, kMostMessage, channel_hooks(id));
}

/// Whoever finds the program without a record of this run has to know where our end is.
void Keeper::give_channel(RunId id, Channel& channel, RunExtras& extras) {
  const int number = extras.free_number(spec_.inherit_fds);
  extras.fds.push_back({channel.programs_end(), number});
  extras.fds.push_back({channel.descriptor(), number + 1});
  extras.variables.push_back("NODE_CHANNEL_FD=" + std::to_string(number));
  extras.variables.push_back("NODE_CHANNEL_SERIALIZATION_MODE=json");
  if (clustered()) {
    extras.variables.push_back("NODE_UNIQUE_ID=" + std::to_string(spec_.instance + 1));
    give_worker_script(extras);
  }
  hand_up(held_channel(id), channel.descriptor());
  if (std::exchange(twin_, number + 1) != number + 1) persist();
}

/// Where it cannot be written, or not be read by what runs as another user, a worker does without.
void Keeper::give_worker_script(RunExtras& extras) const {
  const std::string path = home_.app_dir(table_.stem) + "/worker.js";
  if (!spec_.run_as.empty() || !path.starts_with('/')) return;
  const auto there = read_file(path, 2 * worker_script().size());
  if ((!there || *there != worker_script()) && !write_file_atomically(path, worker_script(), false)) return;
  const std::string_view set = variable_in(plan_->envp(), "NODE_OPTIONS");
  const auto own = set.data() == nullptr ? std::nullopt : std::optional(set);
  if (auto options = worker_options(own, words_for_node_, path))
    extras.variables.push_back("NODE_OPTIONS=" + *options);
}

/// The guard held it; else, where the guard was killed too, its program has it. Where that cannot be had it
/// has no channel any more: the next run has one.
void Keeper::take_up_channel(Run& run, const KeptRun& kept) {
  Fd own = take_held(ready_pipes_, held_channel(kept.id));
  if (!own && kept.twin >= 0)
    if (auto fetched = fetch_channel(run.pidfd.native_handle(), kept.twin)) own = std::move(*fetched);
  if (!own) return;
  if (kept.half_sent)
    return close_for_all(std::move(own));  // the program has half a line of an earlier keeper
  run.skips = kept.skips;
  run.twin = kept.twin;
  run.channel = Channel::go_on(io_, std::move(own), kept.skips, kMostMessage, channel_hooks(kept.id));
  hand_up(held_channel(kept.id), run.channel->descriptor());
}

ChannelHooks Keeper::channel_hooks(RunId id) {
  ChannelHooks out;
  out.line = [this, id](std::string_view line) { return on_line(id, line); };
  out.skips = [this, id](bool skips) {
    if (Run* run = find(id)) run->skips = skips;
    persist();
    if (skips) tell_of_message(id, "message_dropped", "it had more than 64 KiB");
  };
  out.cut = [this, id](bool half) {
    if (Run* run = find(id)) run->half_sent = half;
    persist();
  };
  out.closed = [this, id] { on_channel_closed(id); };
  return out;
}

Told Keeper::on_line(RunId id, std::string_view line) {
  using Kind = NodeMessage::Kind;
  const NodeMessage message = read_node_message(line);
  switch (message.kind) {
    case Kind::rubbish:
      tell_of_message(id, "message_dropped", "it was no JSON, or had more than 1000 levels");
      break;
    case Kind::program:
      tell_of_message(id, "message", std::string(line));
      if (message.ready) show(id, ReadyCondition::Kind::node);
      break;
    case Kind::handle: {
      // Nothing here can serve a connection: its sender is told that it did not come.
      Run* run = find(id);
      if (run != nullptr && run->channel && !run->channel->send(kHandleRefused)) return Told::no_room;
      tell_of_message(id, "message_dropped", "a handle came with it");
      break;
    }
    case Kind::cluster: return on_worker(id, line);
    case Kind::nothing:
    case Kind::internal: break;
  }
  return Told::taken;
}

void Keeper::on_channel_closed(RunId id) {
  Run* run = find(id);
  if (run == nullptr || !run->channel) return;
  if (guard_) guard_->drop(held_channel(id));
  const bool lives = !run->main_ended;
  run->channel.reset();
  if (lives) tell_of_message(id, "disconnected", "");
  if (lives && run->asked_to_leave) end_who_has_left(*run);
  persist();
}

void Keeper::tell_of_message(RunId id, const char* what, std::string text) {
  if (streams_.empty()) return;
  AppEvent event = event_now(what);
  event.status.reset();
  event.run = id;
  if (const Run* run = find(id)) event.pid = run->pid;
  if (!text.empty()) event.text = std::move(text);
  streams_.send(std::move(event));
}

/// Who has closed its channel, or does not read, gets the first of the stop signals at once.
void Keeper::send_word(Run& run, int word) {
  const bool leave = word == action::Signal::leave_cluster;
  const std::string line = leave ? std::string(kLeaveCluster) : node_message_of(spec_.stop_message);
  if (!run.channel || !run.channel->send(line)) return send_first_signal(run);
  run.asked_to_leave = leave;
}

void Keeper::send_first_signal(Run& run) {
  const Policy& policy = machine_.policy();
  const StopStep step = stop_step(policy, std::nullopt, policy.stop_message ? 1 : 0);
  for (const StopStep::Send& each : step.sends)
    send_signal(run, each.signal, each.scope);
}

/// A worker that has left its cluster has finished what it had. Most end then; one that something else keeps
/// running (a timer, a connection to a database) is not waited for.
void Keeper::end_who_has_left(Run& run) {
  run.has_left = std::make_unique<asio::steady_timer>(io_, kEndsByItself);
  run.has_left->async_wait([this, id = run.id](std::error_code error) {
    Run* left = error ? nullptr : find(id);
    if (left != nullptr && !left->main_ended) send_first_signal(*left);
  });
}

}  // namespace keeper
