// What a keeper does when its files are gone: somebody removed the socket, the home, or a part of it. The
// program runs on; what it is kept by is made again, under the lock, in the order in which a start makes it.
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

#include "keeper/app/keeper.hpp"
#include "keeper/app/moved_home.hpp"
#include "protocol/home/clock.hpp"
#include "protocol/home/inotify_use.hpp"

namespace keeper {
namespace {

constexpr rlim_t kFewDescriptors = 64;
constexpr Millis kLetItFinish{100};  // an rm -r that is under way
constexpr Millis kFirstRetry{1000};  // where the home cannot be made again
constexpr Millis kLastRetry{60'000};

std::optional<FileId> file_at(const std::string& path) {
  struct stat st {};
  if (lstat(path.c_str(), &st) != 0) return std::nullopt;
  return FileId{st.st_dev, st.st_ino};
}

/// Whether the start of a program needs the descriptors that there are.
bool has_few_descriptors() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < kFewDescriptors;
}

std::optional<FileId> file_of(int fd) {
  struct stat st {};
  if (fstat(fd, &st) != 0) return std::nullopt;
  return FileId{st.st_dev, st.st_ino};
}

}  // namespace

/// What is noticed at once from now on: that the socket goes, and the log. Without an inotify instance, which
/// a keeper takes while half of them are left to its user's programs, ctl tells us of the one (SIGUSR1), and
/// the log is looked for at each line. The guard holds it too: whoever
/// closes one last waits 10 ms for the kernel.
void Keeper::watch_files(Fd known) {
  auto noticed = [this](int watch) { file_changed(watch); };
  if (known) {
    watch_ = std::make_unique<RemovalWatch>(io_, std::move(known), noticed);
  } else if (!has_few_descriptors() && may_take_instance(home_)) {
    if (auto made = RemovalWatch::make(io_, noticed)) {
      watch_ = std::move(*made);
      hand_up("watch", watch_->descriptor());
    }
  }
  watch_socket();
  watch_listeners();
}

void Keeper::watch_socket() {
  const std::string path = home_.socket_path(table_.stem);
  socket_file_ = file_at(path);
  if (!watch_) return;
  const int now = watch_->add(path);
  if (now != socket_watch_) watch_->remove(std::exchange(socket_watch_, now));
  if (now == RemovalWatch::kNone) heal_after(kLetItFinish);  // it is gone already
}

void Keeper::file_changed(int watch) {
  const bool listens =
      std::find(listener_watches_.begin(), listener_watches_.end(), watch) != listener_watches_.end();
  if (watch == socket_watch_ || watch == RemovalWatch::kAny || listens) heal_after(kLetItFinish);
  output_->look_for_file(watch);
}

/// Only under the lock, as all that is bound, and not where the name is another's by now. It is one
/// process's: the next one binds its own.
void Keeper::be_asked() {
  asked_.reset();
  if (has_few_descriptors() || !home_.is_lock_of(table_.stem, lock_.get())) return;
  try {
    if (auto socket = home_.bind_ask_socket(table_.stem))
      asked_ = std::make_unique<AskSocket>(io_, std::move(*socket), *this);
  } catch (const std::exception&) {
    // It cannot be watched just now: who asks connects.
  }
}

/// At its begin. The socket is looked at by who watches it.
void Keeper::heal_what_is_gone() {
  const bool all_there = !nameless_ && file_at(home_.spec_path(table_.stem)) &&
                         (!page_ || file_at(home_.state_path(table_.stem)) == file_of(page_->file()));
  if (!all_there) heal_after(kLetItFinish);
}

void Keeper::heal_after(Millis pause) {
  heal_.expires_after(pause);
  heal_.async_wait([this](std::error_code error) {
    if (!error) heal();
  });
}

void Keeper::heal() {
  if (leaving_as_ || gives_way_) return;
  find_home();
  output_->go_along();  // also where one log has found it: the others do not know
  name_home();
  mend_listeners();
  lifecycle_log_.flush();
  Done done;
  try {
    done = make_home_again();
  } catch (const std::exception& error) {
    done = Error{Reason::failed, "make its files again", error.what(), 0};
  }
  if (done) {
    heal_pause_ = Millis{0};
    heal_said_.clear();
    return;
  }
  if (done.error().text() != heal_said_) {
    heal_said_ = done.error().text();
    lifecycle_log_.add(heal_said_);
    lifecycle_log_.flush();
    terminal_.notice_of_app(heal_said_);
  }
  heal_pause_ = std::clamp(heal_pause_ * 2, kFirstRetry, kLastRetry);
  heal_after(heal_pause_);
}

/// Looks whether the home was moved, and takes it to be where it is by now. What is written there follows
/// from the loop. Returns whether it was moved.
bool Keeper::find_home() {
  auto moved = find_moved_home(home_.path(), table_.stem, table_.lock);
  if (!moved) return false;
  lifecycle_log_.add("its home was moved from " + home_.path() + " to " + moved->path());
  home_ = std::move(*moved);
  table_.home = home_.path();
  heal_after(Millis{0});
  return true;
}

/// Names the home in the variables of the next runs, if what they would be given does not lead to it any
/// more. Not while a run is spawned: the plan points into these variables.
void Keeper::name_home() {
  std::string named(variable_in(environ, "KEEPER_HOME"));
  if (named.empty()) {
    auto usual = Home::default_path();
    if (usual) named = std::move(*usual);
  }
  const auto before = file_at(named), now = file_at(home_.path());
  if (!now || before == now) return;
  std::vector<std::string> variables;
  for (char** at = environ; *at != nullptr; ++at)
    if (!std::string_view(*at).starts_with("KEEPER_HOME=")) variables.emplace_back(*at);
  variables.push_back("KEEPER_HOME=" + home_.path());
  plan_.reset();
  take_environment(std::move(variables));
  record_user();
}

/// The logs too are named as they are found from now on.
void Keeper::go_along_with_home() {
  if (find_home()) output_->go_along();
}

/// The lock first: if another keeper has the new one, the name is that one's, and nothing is touched.
Done Keeper::make_home_again() {
  auto home = Home::open(home_.path(), Home::Create::yes);
  if (!home) return home.error();
  const std::string& stem = table_.stem;
  if (!home->is_lock_of(stem, lock_.get())) {
    auto lock = home->lock(stem, Millis(0));
    nameless_ = !lock && lock.error().reason == Reason::already;
    if (!lock) {
      if (!nameless_) return lock.error();
      return Error{Reason::already, "be " + stem,
                   "its files were deleted, and another keeper has the name now; this one keeps pid " +
                       std::to_string(machine_.pid().value_or(0)) + " on, and can be reached by its pid, " +
                       std::to_string(getpid()) + ", alone",
                   0};
    }
    lock_ = std::move(*lock);
    table_.lock = lock_.get();
    hand_up("lock", table_.lock);
  }
  nameless_ = false;
  home_ = std::move(*home);
  note_user();
  if (Done done = write_spec_again(); !done) return done;
  if (!page_ || file_at(home_.state_path(stem)) != file_of(page_->file())) renew_page();
  if (auto now = file_at(home_.socket_path(stem)); !now || now != socket_file_) {
    auto socket = home_.bind_socket(stem);
    if (!socket) return socket.error();
    table_.socket = socket->get();
    hand_up("socket", table_.socket);
    server_->listen_at(std::move(*socket));
    be_asked();
    watch_socket();
  } else if (!watch_) {
    watch_files();
  }
  record_writer_.write_again();
  return {};
}

/// This process has the environment of the spec as its own.
Done Keeper::write_spec_again() {
  if (access(home_.spec_path(table_.stem).c_str(), F_OK) == 0) return {};
  if (!table_.to_stop.empty()) return {};  // its spec may be made up, and the app is to stop
  if (Done done = home_.write_spec(table_.stem, whole_spec()); !done) return done;
  note_spec();
  return {};
}

/// Writes the whole page again after another process has overwritten it or cut it short: nothing in it can be
/// believed, and this process knows the state.
void Keeper::make_page_anew() {
  auto page = page_->made_anew(home_.state_path(table_.stem), inbox_);
  if (!page) return;  // the next change is another chance
  take_page(std::move(*page));
  lifecycle_log_.add(home_.state_path(table_.stem) + " was damaged, and is written again");
}

/// What is being written into the logs is marked in the new one from now on.
void Keeper::renew_page() {
  auto page = StatePage::open(home_, table_.stem);
  page_has_name_ = static_cast<bool>(page);
  if (!page) return note_page(page.error());  // the guard holds the old one, but nobody else would find it
  if (page_) {
    for (std::size_t i = 0; i < StatePage::kPlaces; ++i)
      std::memcpy(page->place(i), page_->place(i), StatePage::kPlace);
    std::memcpy(static_cast<void*>(&page->inbox()), static_cast<const void*>(&page_->inbox()), sizeof(Inbox));
  }
  take_page(std::move(*page));
  persist();
  hand_up("state", page_->file());
}

void Keeper::take_page(StatePage page) {
  std::array<PieceMark*, StatePage::kPlaces> marks{};
  for (std::size_t i = 0; i < marks.size(); ++i)
    marks[i] = static_cast<PieceMark*>(page.place(i));
  output_->use_marks(marks);
  page_.emplace(std::move(page));
}

}  // namespace keeper
