// The sockets that a keeper holds for its program, from before its first run until after its last.
#include <unistd.h>

#include "keeper/app/keeper.hpp"
#include "keeper/child/pidfd.hpp"
#include "keeper/node/server_socket.hpp"

namespace keeper {
namespace {

/// A program that lives on has the socket too, under whatever number. Where we may look into it (ptrace(2),
/// access mode), it is taken from there.
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

/// What an earlier keeper opened is taken from the guard, or from the program itself; all else is opened. For
/// a first start what cannot be had is an error; a program that runs already is kept all the same.
Done Keeper::open_listeners(const std::optional<LeftBehind>& left, std::vector<HeldFd>& held) {
  if (spec_.listen.empty()) return {};
  listeners_ = std::make_unique<Listeners>(&user_);
  listeners_->want(spec_.listen);
  for (const ListenAddress& address : spec_.listen) {
    KeptListener known{address.place()};
    for (const KeptListener& one : left ? left->state.listeners : std::vector<KeptListener>())
      if (one.place == known.place) known = one;
    Fd socket = take_held(held, Listeners::held_name(known.place));
    if (!socket && left) socket = socket_of_program(*left, known.inode);
    if (socket) listeners_->take(known.place, std::move(socket), known.device, known.file);
  }
  Done done = listeners_->open_missing();
  if (!done && !left && !table_.next) return done;
  if (!done)
    lifecycle_log_.add(done.error().text() + "; that is tried again at the next start of its program");
  return {};
}

std::vector<KeptListener> Keeper::kept_listeners() const {
  std::vector<KeptListener> out;
  if (!listeners_) return out;
  for (const Listeners::One& one : listeners_->all())
    if (one.socket)
      out.push_back({one.address.place(), socket_inode(one.socket.get()), one.device, one.file});
  return out;
}

void Keeper::hand_up_listeners() {
  for (const Listeners::One& one : listeners_->all())
    if (one.socket) hand_up(Listeners::held_name(one.address.place()), one.socket.get());
  watch_listeners();
}

void Keeper::watch_listeners() {
  if (!watch_ || !listeners_) return;
  listener_watches_.clear();
  for (const Fd& file : listeners_->files())
    listener_watches_.push_back(watch_->add(file.get()));
}

/// Somebody has removed the file of one of them.
void Keeper::mend_listeners() {
  if (!listeners_) return;
  const std::vector<std::string> mended = listeners_->mend_paths();
  for (const std::string& place : mended)
    lifecycle_log_.add("the file of " + place + " was removed, and is there again");
  if (!mended.empty()) watch_listeners();
}

/// The descriptors of a run from 3 on, and the variables that say so (sd_listen_fds(3)).
Done Keeper::give_listeners(RunExtras& extras) {
  if (!listeners_ || listeners_->empty()) return {};
  mend_listeners();
  listeners_->close_cut_off();
  if (listeners_->sockets().size() < listeners_->all().size()) {
    if (Done done = listeners_->open_missing(); !done) return done;
    hand_up_listeners();
  }
  // Beside another run they are as that one wants them; and what a worker may be handed by its number must
  // not block.
  if (runs_.empty() && !clustered()) listeners_->make_blocking();
  int number = kFirstPassedFd;
  for (int socket : listeners_->sockets())
    extras.fds.push_back({socket, number++});
  extras.variables.push_back("LISTEN_FDS=" + std::to_string(number - kFirstPassedFd));
  extras.variables.push_back("LISTEN_FDNAMES=" + listen_names(spec_.listen, spec_.name));
  extras.pid_variable = "LISTEN_PID";
  return {};
}

/// While nobody has connected there is no run (lazy).
void Keeper::await_connection() {
  if (!machine_.awaits() || connection_watch_) return;
  const std::vector<int> sockets = listeners_ ? listeners_->sockets() : std::vector<int>();
  Result<std::unique_ptr<ConnectionWatch>> made =
      sockets.empty() ? Error{Reason::failed, "wait for a connection", "nothing is listened at", 0}
                      : ConnectionWatch::make(io_, sockets, [this] { tell(event::Start{}); });
  if (made) {
    connection_watch_ = std::move(*made);
    return;
  }
  lifecycle_log_.add(made.error().text() + "; it is started at once");
  tell(event::Start{});
}

std::string Keeper::listening_at() const {
  std::string out;
  for (const ListenAddress& address : spec_.listen)
    out += (out.empty() ? "" : ", ") + address.place();
  return out;
}

}  // namespace keeper
