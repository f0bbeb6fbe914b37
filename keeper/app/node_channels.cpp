#include "keeper/app/node_channels.hpp"

#include <asio/steady_timer.hpp>
#include <utility>

#include "keeper/app/cluster_sockets.hpp"
#include "keeper/app/fd_store.hpp"
#include "keeper/app/readiness_tracker.hpp"
#include "keeper/app/runs.hpp"
#include "keeper/app/signaller.hpp"
#include "keeper/app/spawner.hpp"
#include "keeper/app/state_journal.hpp"
#include "keeper/app/subscribers.hpp"
#include "keeper/child/pidfd.hpp"
#include "keeper/node/message.hpp"
#include "keeper/node/worker_script.hpp"
#include "protocol/base/discard.hpp"
#include "protocol/base/files.hpp"

namespace keeper {
namespace {

constexpr Millis kEndsByItself{500};

/// By which the guard holds the keeper's end of a run's channel.
constexpr const char* kStored = "node.";
std::string channel_store_name(RunId id) {
  return kStored + std::to_string(id);
}

}  // namespace

void NodeChannels::begin(RunId id) {
  if (Run* run = with_.runs.find(id); run != nullptr && run->channel) run->channel->begin();
}

Done NodeChannels::equip(RunId id, RunExtras& extras) {
  if (!with_.spawner.by_node()) return {};
  auto made = Channel::make(app_.io, kMostMessage, hooks_for(id));
  if (!made) return made.error();
  pending_ = std::move(*made);
  Channel& channel = *pending_;
  const int number = extras.free_number(app_.spec.inherit_fds);
  extras.fds.push_back({channel.programs_end(), number});
  extras.fds.push_back({channel.descriptor(), number + 1});
  extras.variables.push_back("NODE_CHANNEL_FD=" + std::to_string(number));
  extras.variables.push_back("NODE_CHANNEL_SERIALIZATION_MODE=json");
  if (with_.spawner.is_clustered()) {
    extras.variables.push_back("NODE_UNIQUE_ID=" + std::to_string(app_.spec.instance + 1));
    give_worker_script(extras);
  }
  with_.store.put(channel_store_name(id), channel.descriptor());
  // Saved before the spawn, so that a successor that adopts this program can find the keeper's end in it.
  if (std::exchange(copy_, number + 1) != number + 1) with_.journal.save();
  return {};
}

void NodeChannels::not_spawned(RunId id) {
  if (!pending_) return;
  pending_.reset();
  with_.store.drop(channel_store_name(id));
}

void NodeChannels::spawned(Run& run) {
  run.channel = std::move(pending_);
  if (run.channel) run.twin = copy_;
}

/// Gives a worker the script that it loads first. If that cannot be written, or not be read by another user
/// whom the program runs as, it is omitted.
void NodeChannels::give_worker_script(RunExtras& extras) const {
  const std::string path = app_.home.app_dir(app_.stem()) + "/worker.js";
  if (!app_.spec.run_as.empty() || !path.starts_with('/')) return;
  const auto there = read_file(path, 2 * worker_script().size());
  if ((!there || *there != worker_script()) && !write_file_atomically(path, worker_script(), false)) return;
  const std::string_view set = with_.spawner.variable("NODE_OPTIONS");
  const auto own = set.data() == nullptr ? std::nullopt : std::optional(set);
  if (auto options = worker_options(own, with_.spawner.words_for_node(), path))
    extras.variables.push_back("NODE_OPTIONS=" + *options);
}

/// The guard has held the channel. If the guard was killed too, the program has a copy. Else the run has no
/// channel any more; the next one has.
void NodeChannels::adopted(Run& run, const Life*) {
  const int copy = std::exchange(run.twin, -1);
  Fd own = with_.store.take(channel_store_name(run.id));
  if (!own && copy >= 0)
    if (auto fetched = fetch_channel(run.pidfd.native_handle(), copy)) own = std::move(*fetched);
  if (!own) return;
  if (run.half_sent) return close_for_all(std::move(own));  // the program has half a line of a predecessor
  run.twin = copy;
  run.channel = Channel::go_on(app_.io, std::move(own), run.skips, kMostMessage, hooks_for(run.id));
  with_.store.put(channel_store_name(run.id), run.channel->descriptor());
}

ChannelHooks NodeChannels::hooks_for(RunId id) {
  ChannelHooks out;
  out.line = [this, id](std::string_view line) { return on_line(id, line); };
  out.skips = [this, id](bool skips) {
    if (Run* run = with_.runs.find(id)) run->skips = skips;
    with_.journal.save();
    if (skips) with_.subscribers.send(id, "message_dropped", "it had more than 64 KiB");
  };
  out.cut = [this, id](bool half) {
    if (Run* run = with_.runs.find(id)) run->half_sent = half;
    with_.journal.save();
  };
  out.closed = [this, id] { on_closed(id); };
  return out;
}

Told NodeChannels::on_line(RunId id, std::string_view line) {
  using Kind = NodeMessage::Kind;
  const NodeMessage message = read_node_message(line);
  switch (message.kind) {
    case Kind::rubbish:
      with_.subscribers.send(id, "message_dropped", "it was no JSON, or had more than 1000 levels");
      break;
    case Kind::program:
      with_.subscribers.send(id, "message", std::string(line));
      if (message.ready) with_.readiness.mark_ready(id, ReadyCondition::Kind::node);
      break;
    case Kind::handle: {
      // Nothing here can serve a connection: its sender is told that it did not come.
      Run* run = with_.runs.find(id);
      if (run != nullptr && run->channel && !run->channel->send(kHandleRefused)) return Told::no_room;
      with_.subscribers.send(id, "message_dropped", "a handle came with it");
      break;
    }
    case Kind::cluster: return with_.cluster.on_worker(id, line);
    case Kind::nothing:
    case Kind::internal: break;
  }
  return Told::taken;
}

void NodeChannels::on_closed(RunId id) {
  Run* run = with_.runs.find(id);
  if (run == nullptr || !run->channel) return;
  with_.store.drop(channel_store_name(id));
  const bool lives = !run->main_ended;
  run->channel.reset();
  run->twin = -1;
  if (lives) with_.subscribers.send(id, "disconnected", "");
  if (lives && run->asked_to_leave) end_if_it_stays(*run);
  with_.journal.save();
}

bool NodeChannels::send_word(Run& run, int word) {
  const bool leave = word == action::Signal::leave_cluster;
  const std::string line = leave ? std::string(kLeaveCluster) : node_message_of(app_.spec.stop_message);
  if (!run.channel || !run.channel->send(line)) return false;
  run.asked_to_leave = leave;
  return true;
}

/// A worker that has left its cluster has finished its requests. Most end then; one that something else keeps
/// running (a timer, a connection to a database) is sent the first of the stop signals.
void NodeChannels::end_if_it_stays(Run& run) {
  run.has_left = std::make_unique<asio::steady_timer>(app_.io, kEndsByItself);
  run.has_left->async_wait([this, id = run.id](std::error_code error) {
    Run* left = error ? nullptr : with_.runs.find(id);
    if (left != nullptr && !left->main_ended) with_.signaller.send_first(*left);
  });
}

void NodeChannels::removed(Run& run) {
  if (!run.channel) return;
  run.channel->end();
  with_.store.drop(channel_store_name(run.id));
}

void NodeChannels::save(KeptState& state) const {
  state.twin = copy_;
}

void NodeChannels::add_descriptors(std::vector<HeldFd>& out) const {
  for (const Run& run : with_.runs.all())
    if (run.channel) out.push_back({channel_store_name(run.id), run.channel->descriptor()});
}

void NodeChannels::close_unused() {
  for (Fd& channel : with_.store.take_rest(kStored))
    close_for_all(std::move(channel));
}

}  // namespace keeper
