#include "keeper/app/listen_sockets.hpp"

#include <unistd.h>

#include <algorithm>

#include "keeper/app/fd_store.hpp"
#include "keeper/app/lifecycle_log.hpp"
#include "keeper/app/runs.hpp"
#include "keeper/app/spawner.hpp"
#include "keeper/child/pidfd.hpp"
#include "keeper/node/server_socket.hpp"

namespace keeper {
namespace {

/// A program that lives on has the socket too, under whatever number. If this process may look into it
/// (ptrace(2), access mode), it is taken from there.
Fd socket_of_process(int pid, std::uint64_t inode) {
  Fd pidfd(pidfd_open(pid, 0));
  if (!pidfd) return {};
  auto fetched = fetch_socket(pid, pidfd.get(), inode);
  return fetched ? std::move(*fetched) : Fd();
}

Fd socket_of_program(const LeftBehind& left, std::uint64_t inode) {
  if (inode == 0) return {};
  std::vector<int> pids = {left.pid};
  for (const KeptRun& run : left.state.runs)
    pids.push_back(run.pid);
  for (int pid : pids)
    if (Fd found = pid > 0 ? socket_of_process(pid, inode) : Fd()) return found;
  return {};
}

}  // namespace

Done ListenSockets::open(const std::optional<LeftBehind>& left) {
  if (app_.spec.listen.empty()) return {};
  listeners_ = std::make_unique<Listeners>(&app_.user);
  listeners_->want(app_.spec.listen);
  for (const ListenAddress& address : app_.spec.listen) {
    KeptListener known{address.place()};
    for (const KeptListener& one : left ? left->state.listeners : std::vector<KeptListener>())
      if (one.place == known.place) known = one;
    Fd socket = store_.take(Listeners::held_name(known.place));
    if (!socket && left) socket = socket_of_program(*left, known.inode);
    if (socket) listeners_->take(known.place, std::move(socket), known.device, known.file);
  }
  Done done = listeners_->open_missing();
  if (!done && !left && !app_.table.next) return done;
  if (!done) log_.add(done.error().text() + "; that is tried again at the next start of its program");
  return {};
}

Done ListenSockets::add(const std::vector<ListenAddress>& wanted, const std::vector<ListenAddress>& before) {
  if (!listeners_ && !wanted.empty()) listeners_ = std::make_unique<Listeners>(&app_.user);
  if (!listeners_) return {};
  listeners_->want(wanted);
  if (Done done = listeners_->open_missing(); !done) {
    listeners_->want(before);
    listeners_->drop_others();
    return done;
  }
  store_all();
  return {};
}

void ListenSockets::want(const std::vector<ListenAddress>& addresses) {
  if (listeners_) listeners_->want(addresses);
}

void ListenSockets::remove_paths() {
  if (listeners_) listeners_->remove_paths();
}

void ListenSockets::watch_with(RemovalWatch* watch) {
  watch_ = watch;
  this->watch();
}

bool ListenSockets::is_watch(int watch) const {
  return std::find(watches_.begin(), watches_.end(), watch) != watches_.end();
}

void ListenSockets::stop_waiting() {
  if (!app_.machine.awaits()) connection_.reset();
}

void ListenSockets::store_all() {
  for (const Listeners::One& one : listeners_->all())
    if (one.socket) store_.put(Listeners::held_name(one.address.place()), one.socket.get());
  watch();
}

void ListenSockets::watch() {
  if (!watch_ || !listeners_) return;
  watches_.clear();
  for (const Fd& file : listeners_->files())
    watches_.push_back(watch_->add(file.get()));
}

void ListenSockets::repair() {
  if (!listeners_) return;
  const std::vector<std::string> mended = listeners_->mend_paths();
  for (const std::string& place : mended)
    log_.add("the file of " + place + " was removed, and is there again");
  if (!mended.empty()) watch();
}

/// The descriptors of a run begin at 3; variables say so (sd_listen_fds(3)).
Done ListenSockets::equip(RunId, RunExtras& extras) {
  if (!listeners_ || listeners_->empty()) return {};
  repair();
  listeners_->close_cut_off();
  if (listeners_->sockets().size() < listeners_->all().size()) {
    if (Done done = listeners_->open_missing(); !done) return done;
    store_all();
  }
  // Beside another run they are as that one wants them; and what a worker may be handed by its number must
  // not block.
  if (runs_.all().empty() && !spawner_.is_clustered()) listeners_->make_blocking();
  int number = kFirstPassedFd;
  for (int socket : listeners_->sockets())
    extras.fds.push_back({socket, number++});
  extras.variables.push_back("LISTEN_FDS=" + std::to_string(number - kFirstPassedFd));
  extras.variables.push_back("LISTEN_FDNAMES=" + listen_names(app_.spec.listen, app_.spec.name));
  extras.pid_variable = "LISTEN_PID";
  return {};
}

void ListenSockets::await_connection() {
  if (!app_.machine.awaits() || connection_) return;
  const std::vector<int> sockets = listeners_ ? listeners_->sockets() : std::vector<int>();
  Result<std::unique_ptr<ConnectionWatch>> made =
      sockets.empty() ? Error{Reason::failed, "wait for a connection", "nothing is listened at", 0}
                      : ConnectionWatch::make(app_.io, sockets, [this] { events_.tell(event::Start{}); });
  if (made) {
    connection_ = std::move(*made);
    return;
  }
  log_.add(made.error().text() + "; it is started at once");
  events_.tell(event::Start{});
}

std::string ListenSockets::addresses() const {
  std::string out;
  for (const ListenAddress& address : app_.spec.listen)
    out += (out.empty() ? "" : ", ") + address.place();
  return out;
}

void ListenSockets::drop_others() {
  for (const std::string& place : listeners_ ? listeners_->drop_others() : std::vector<std::string>())
    store_.drop(Listeners::held_name(place));
}

void ListenSockets::describe(Status& status) {
  if (app_.machine.awaits()) {
    status.waiting_for = {"connection"};
    status.not_ready = "no connection has come to " + addresses();
  }
  if (listeners_ && !runs_.all().empty()) status.cut_off = listeners_->cut_off();
}

void ListenSockets::save(KeptState& state) const {
  if (!listeners_) return;
  for (const Listeners::One& one : listeners_->all())
    if (one.socket)
      state.listeners.push_back({one.address.place(), socket_inode(one.socket.get()), one.device, one.file});
}

void ListenSockets::add_descriptors(std::vector<HeldFd>& out) const {
  if (!listeners_) return;
  for (const Listeners::One& one : listeners_->all())
    if (one.socket) out.push_back({Listeners::held_name(one.address.place()), one.socket.get()});
}

}  // namespace keeper
