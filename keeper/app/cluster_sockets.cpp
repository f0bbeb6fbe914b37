#include "keeper/app/cluster_sockets.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <asio/post.hpp>
#include <cerrno>
#include <cstring>

#include "keeper/app/fd_store.hpp"
#include "keeper/app/listen_sockets.hpp"
#include "keeper/app/runs.hpp"
#include "keeper/app/state_journal.hpp"
#include "keeper/app/subscribers.hpp"
#include "keeper/child/pidfd.hpp"
#include "keeper/listen/open_listener.hpp"
#include "protocol/base/clock.hpp"

namespace keeper {
namespace {

constexpr std::size_t kMostSockets = 256;  // the state page and the guard have room for them
constexpr Millis kAskAgain{5};
constexpr Millis kSiblingWait{500};
constexpr Millis kAskAtMost{10'000};

/// By which the guard holds a socket.
std::string socket_store_name(int number) {
  return "server." + std::to_string(number);
}

}  // namespace

Told ClusterSockets::on_worker(RunId id, std::string_view line) {
  Run* run = runs_.find(id);
  const auto message = read_worker_message(line);
  if (run == nullptr || !run->channel || !message) return Told::taken;
  switch (message->act) {
    case WorkerMessage::Act::query: return answer_query(*run, *message);
    case WorkerMessage::Act::refused: return refuse_query(*run, *message, message->error);
    case WorkerMessage::Act::closes: close_socket(*run, message->key); break;
    case WorkerMessage::Act::leaves: run->leaves = true; break;
    case WorkerMessage::Act::exits:
      return run->channel->send(acknowledgement(*message)) ? Told::taken : Told::no_room;
    case WorkerMessage::Act::other: break;
  }
  return Told::taken;
}

Told ClusterSockets::refuse_query(Run& run, const WorkerMessage& query, int error) {
  if (!run.channel->send(refusal(query, error))) return Told::no_room;
  const bool full = error == EMFILE && sockets_.size() >= kMostSockets;
  if (query.act == WorkerMessage::Act::query)
    subscribers_.send(run.id, "listen_failed",
                      wish_text(query.wish) + ": " + strerror(error) +
                          (full ? "; an app has 256 listening sockets at most" : ""));
  return Told::taken;
}

/// One whose file somebody has removed, most often the program before it listens, is opened anew.
Told ClusterSockets::answer_query(Run& run, const WorkerMessage& query) {
  int error = 0;
  drop([&](const KeptSocket& one) { return one.key == query.key && is_cut_off(one); });
  ServedSocket* socket = find_socket(query.key);
  if (socket == nullptr) {
    const Lookup how = sockets_.size() < kMostSockets ? find_or_open(query) : Lookup{EMFILE, false};
    if (how.again) {
      replay_later();
      return Told::later;
    }
    socket = find_socket(query.key);
    error = how.error;
  }
  asked_since_.reset();
  if (socket == nullptr) return refuse_query(run, query, error);
  if (socket->kept.run != run.id) socket->kept.before = std::exchange(socket->kept.run, run.id);
  journal_.save();
  const bool sent = run.channel->send(socket_answer(query, socket->kept.data), socket->fd.get());
  return sent ? Told::taken : Told::no_room;
}

ClusterSockets::ServedSocket* ClusterSockets::find_socket(const std::string& key) {
  auto it = std::find_if(sockets_.begin(), sockets_.end(), [&](auto& one) { return one.kept.key == key; });
  return it == sockets_.end() ? nullptr : &*it;
}

/// Nobody can connect to it: its file is gone, or another's.
bool ClusterSockets::is_cut_off(const KeptSocket& one) const {
  return !one.path.empty() && socket_file_is_gone(one.path, one.path_inode, app_.user);
}

/// The last run here that listens at it has closed it. What a run closes because it ends is for the next one.
void ClusterSockets::close_socket(const Run& run, const std::string& key) {
  const auto& leaving = app_.machine.snapshot().leaving;
  const bool told_to_end =
      std::any_of(leaving.begin(), leaving.end(), [&](const Life& life) { return life.run == run.id; });
  const bool for_the_next = run.leaves || (told_to_end && app_.machine.wanted() == Wanted::up);
  for (ServedSocket& one : sockets_) {
    if (one.kept.key != key) continue;
    if (one.kept.before == run.id) one.kept.before = 0;
    if (one.kept.run == run.id && runs_.find(one.kept.before) != nullptr)
      one.kept.run = std::exchange(one.kept.before, 0);
  }
  if (!for_the_next) drop([&](const KeptSocket& one) { return one.key == key && one.run == run.id; });
  journal_.save();
}

/// From a sibling, or opened. Only one keeper of an app looks for a socket at a time, and for one only.
ClusterSockets::Lookup ClusterSockets::find_or_open(const WorkerMessage& query) {
  SocketWish wish = query.wish;
  wish.reuse_port = app_.spec.listen_mode == ListenMode::reuseport && wish.port != 0 &&
                    wish.kind != SocketWish::Kind::local;
  if (!asked_since_) asked_since_ = steady_now();
  if (wish.reuse_port) return open_socket(query, wish);
  const bool patient = steady_now() - *asked_since_ < kAskAtMost;
  if (!search_ && !begin_search(query.key)) return {0, patient};
  if (!search_->over || search_->key != query.key) return {0, patient};
  const auto search = std::move(search_);
  if (search->no_room) return {ENOBUFS, false};
  Lookup out = open_socket(query, wish);
  // The guard may still hold the port of a socket that was closed just now. The file of one is there until
  // the siblings have answered, and then gone, whoever holds it.
  const bool local = wish.kind == SocketWish::Kind::local;
  const bool going = local ? !partings_.empty() : closed_just_now(wish);
  out.again = out.error == EADDRINUSE && (going || !search->all_answered) && patient;
  return out;
}

/// All at once; nobody waits for them. False: there is one that could not be asked.
bool ClusterSockets::ask_siblings(const std::string& key, std::vector<std::unique_ptr<SiblingQuery>>& asked,
                                  const SiblingQuery::OnDone& told) {
  bool all = true;
  for (const AppId& app : app_.home.sockets()) {
    if (app.name != app_.spec.name || app.stem() == app_.stem()) continue;
    auto connection = app_.home.connect_socket(app.stem());
    if (!connection) {  // one that is gone has nothing
      const Reason why = connection.error().reason;
      if (why != Reason::not_found && why != Reason::unreachable) all = false;
      continue;
    }
    asked.push_back(std::make_unique<SiblingQuery>(app_.io, std::move(*connection), key, kSiblingWait, told));
  }
  return all;
}

/// False if it is not its turn.
bool ClusterSockets::begin_search(const std::string& key) {
  Fd turn = lock_lookup();
  if (!turn) return false;
  search_ = std::make_unique<SiblingSearch>(SiblingSearch{key, std::move(turn)});
  search_->all_answered =
      ask_siblings(key, search_->asked, [this](std::optional<SharedSocket> shared, Fd socket) {
        sibling_answered(std::move(shared), std::move(socket));
      });
  search_->open = static_cast<int>(search_->asked.size());
  search_->over = search_->open == 0;
  return true;
}

/// The first socket that comes is taken; else the last answer ends the search.
void ClusterSockets::sibling_answered(std::optional<SharedSocket> shared, Fd socket) {
  if (!search_ || search_->over) return;
  if (!shared) search_->all_answered = false;
  KeptSocket kept{.key = search_->key};
  if (shared) kept.data = shared->data, kept.path = shared->path, kept.path_inode = shared->path_inode;
  const bool found = shared && shared->held && socket && !is_cut_off(kept);
  if (found) search_->no_room = !keep_socket(std::move(kept), std::move(socket));
  if (--search_->open > 0 && !found) return;
  search_->over = true;
  asio::post(app_.io, [this] { end_search(); });
}

/// Gives the socket to the worker, or lets it open one, while it is still this keeper's turn.
void ClusterSockets::end_search() {
  replay_queries();
  search_.reset();
}

/// Nothing while another keeper of this app has it.
Fd ClusterSockets::lock_lookup() const {
  const std::string directory = app_.home.app_dir(app_.spec.name);
  mkdir(directory.c_str(), 0700);
  Fd file(open((directory + "/listen").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (file && fcntl(file.get(), F_OFD_SETLK, &whole) < 0) file.reset();
  return file;
}

/// server.listen({fd: N}): in a program that is no worker N would be one of what --listen opened.
ServerSocket ClusterSockets::passed_socket(const SocketWish& wish) const {
  const int number = wish.number;
  const std::vector<int> passed = listen_.sockets();
  const auto at = static_cast<std::size_t>(number - kFirstPassedFd);
  if (number < kFirstPassedFd || at >= passed.size() || wish.kind == SocketWish::Kind::udp)
    return {Fd(), EBADF};
  Fd copy(fcntl(passed[at], F_DUPFD_CLOEXEC, 0));
  if (!copy || fcntl(copy.get(), F_SETFL, O_NONBLOCK) < 0) return {Fd(), errno};
  return {std::move(copy), 0};
}

/// Opens it with the rights of the program's user, because the program has chosen the address.
ClusterSockets::Lookup ClusterSockets::open_socket(const WorkerMessage& query, const SocketWish& wish) {
  const bool local = wish.kind == SocketWish::Kind::local;
  const auto mask = local ? app_.spec.umask : std::nullopt;
  const mode_t before = mask ? umask(mask->bits) : 0;
  ServerSocket opened = wish.number >= 0 ? passed_socket(wish) : open_server_socket(wish, app_.user);
  if (mask) umask(before);
  if (!opened.fd) return {opened.error, false};
  KeptSocket kept{.key = query.key, .data = query.data};
  if (local) {
    kept.path = wish.address;
    kept.path_inode = socket_file(wish.address, app_.user);
  }
  if (keep_socket(kept, std::move(opened.fd))) return {};
  return {ENOBUFS, false};
}

/// Hands the socket up and records it, before anything relies on it. False: the state page has no room for
/// it, and the socket is closed. Without any page the socket is kept all the same, as the program is.
bool ClusterSockets::keep_socket(KeptSocket kept, Fd fd) {
  kept.inode = socket_inode(fd.get());
  kept.number = 0;
  for (const ServedSocket& one : sockets_)
    kept.number = std::max(kept.number, one.kept.number + 1);
  sockets_.push_back({std::move(kept), std::move(fd)});
  const int number = sockets_.back().kept.number;
  store_.put(socket_store_name(number), sockets_.back().fd.get());
  if (!journal_.page()) journal_.save();
  if (!journal_.page() || journal_.write()) return true;
  drop([&](const KeptSocket& one) { return one.number == number; });
  journal_.save();
  return false;
}

/// The guard held them; else the program has them.
void ClusterSockets::restore(const KeptState& state) {
  for (const KeptSocket& kept : state.sockets) {
    Fd fd = store_.take(socket_store_name(kept.number));
    for (Run& run : runs_.all())
      if (!fd && run.pidfd.is_open())
        if (auto fetched = fetch_socket(run.pid, run.pidfd.native_handle(), kept.inode))
          fd = std::move(*fetched);
    if (!fd) continue;
    sockets_.push_back({kept, std::move(fd)});
    store_.put(socket_store_name(kept.number), sockets_.back().fd.get());
  }
}

/// A confirmed run that listens elsewhere than the one before it: what nobody has asked for any more goes.
void ClusterSockets::drop_unused() {
  const bool listens = std::any_of(sockets_.begin(), sockets_.end(),
                                   [&](auto& one) { return one.kept.run == app_.machine.run(); });
  if (listens) drop([this](const KeptSocket& one) { return runs_.find(one.run) == nullptr; });
}

/// The old run goes on, with what it listens at; where only the new one did nobody would ever accept.
void ClusterSockets::take_from(RunId failed) {
  for (ServedSocket& one : sockets_)
    if (one.kept.run == failed && runs_.find(one.kept.before) != nullptr) one.kept.run = one.kept.before;
  drop([failed](const KeptSocket& one) { return one.run == failed; });
}

/// With their files, where no sibling has them.
void ClusterSockets::drop(const std::function<bool(const KeptSocket&)>& unwanted) {
  for (std::size_t i = sockets_.size(); i-- > 0;) {
    if (!unwanted(sockets_[i].kept)) continue;
    store_.drop(socket_store_name(sockets_[i].kept.number));
    const KeptSocket kept = std::move(sockets_[i].kept);
    note_closed(sockets_[i].fd.get());
    sockets_.erase(sockets_.begin() + static_cast<std::ptrdiff_t>(i));
    if (!kept.path.empty() && !is_cut_off(kept)) part_with(kept);
  }
}

void ClusterSockets::note_closed(int fd) {
  const Millis now = steady_now();
  std::erase_if(closed_, [&](const ClosedPort& one) { return now - one.at >= kSiblingWait; });
  if (closed_.size() >= kMostSockets) closed_.erase(closed_.begin());
  if (const auto bound = bound_port(fd)) closed_.push_back({*bound, now});
}

bool ClusterSockets::closed_just_now(const SocketWish& wish) const {
  return std::any_of(closed_.begin(), closed_.end(), [&](const ClosedPort& one) {
    return steady_now() - one.at < kSiblingWait && is_in_the_way(one.bound, wish);
  });
}

/// A sibling that does not answer may have it.
void ClusterSockets::part_with(const KeptSocket& kept) {
  Parting& parting = partings_.emplace_back(Parting{kept});
  auto told = [this, &parting](const std::optional<SharedSocket>& shared, const Fd&) {
    if (!shared || (shared->held && shared->path_inode == parting.kept.path_inode)) parting.shared = true;
    if (--parting.open == 0) asio::post(app_.io, [this, &parting] { end_parting(parting); });
  };
  parting.shared = !ask_siblings(kept.key, parting.asked, told);
  parting.open = static_cast<int>(parting.asked.size());
  if (parting.open == 0) end_parting(parting);
}

void ClusterSockets::end_parting(const Parting& parting) {
  if (!parting.shared) remove_socket_file(parting.kept.path, parting.kept.path_inode, app_.user);
  partings_.remove_if([&](const Parting& one) { return &one == &parting; });
}

/// The last keeper of an app takes what it made in the file system along.
void ClusterSockets::unlink() {
  if (sockets_.empty()) return;
  const std::vector<AppId> all = app_.home.sockets();
  if (std::any_of(all.begin(), all.end(), [this](const AppId& app) { return app.name == app_.spec.name; }))
    return;
  for (const ServedSocket& one : sockets_)
    if (!one.kept.path.empty()) remove_socket_file(one.kept.path, one.kept.path_inode, app_.user);
}

void ClusterSockets::replay_later() {
  ask_again_.expires_after(kAskAgain);
  ask_again_.async_wait([this](std::error_code error) {
    if (!error) replay_queries();
  });
}

void ClusterSockets::replay_queries() {
  for (RunId id : runs_.ids())
    if (Run* run = runs_.find(id); run != nullptr && run->channel) run->channel->ask_again();
}

void ClusterSockets::describe(Status& status) {
  for (const ServedSocket& one : sockets_) {
    const bool used = std::any_of(runs_.all().begin(), runs_.all().end(), [&](const Run& run) {
      return !run.main_ended && (run.id == one.kept.run || run.id == one.kept.before);
    });
    if (used && is_cut_off(one.kept)) status.cut_off.push_back(one.kept.path);
  }
}

void ClusterSockets::share(const ShareSocket& request, const Answer& answer) {
  ServedSocket* socket = find_socket(request.key);
  if (socket == nullptr || is_cut_off(socket->kept)) return answer.give(SharedSocket{});
  answer.attach(Fd(fcntl(socket->fd.get(), F_DUPFD_CLOEXEC, 3)));
  answer.give(SharedSocket{true, socket->kept.data, socket->kept.path, socket->kept.path_inode});
}

void ClusterSockets::announced(const action::Announce& a) {
  if (a.what == action::What::confirmed) drop_unused();
  if (a.what == action::What::reload_failed && a.run != 0) take_from(a.run);
}

void ClusterSockets::save(KeptState& state) const {
  for (const ServedSocket& socket : sockets_)
    state.sockets.push_back(socket.kept);
}

void ClusterSockets::add_descriptors(std::vector<HeldFd>& out) const {
  for (const ServedSocket& socket : sockets_)
    out.push_back({socket_store_name(socket.kept.number), socket.fd.get()});
}

}  // namespace keeper
