#include "keeper/app/app_files.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "keeper/app/configuration.hpp"
#include "keeper/app/control_plane.hpp"
#include "keeper/app/fd_store.hpp"
#include "keeper/app/lifecycle_log.hpp"
#include "keeper/app/listen_sockets.hpp"
#include "keeper/app/moved_home.hpp"
#include "keeper/app/record_writer.hpp"
#include "keeper/app/spawner.hpp"
#include "keeper/app/state_journal.hpp"
#include "keeper/app/terminal.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/base/proc.hpp"
#include "protocol/store/home.hpp"
#include "protocol/store/inotify_use.hpp"

namespace keeper {
namespace {

constexpr Millis kLetItFinish{100};  // an rm -r that is under way
constexpr Millis kFirstRetry{1000};  // if the home cannot be made again
constexpr Millis kLastRetry{60'000};
constexpr const char* kWatch = "watch";

std::optional<FileId> file_at(const std::string& path) {
  struct stat st {};
  if (lstat(path.c_str(), &st) != 0) return std::nullopt;
  return FileId{st.st_dev, st.st_ino};
}

std::optional<FileId> file_of(int fd) {
  struct stat st {};
  if (fstat(fd, &st) != 0) return std::nullopt;
  return FileId{st.st_dev, st.st_ino};
}

/// Whether the state page is the file of that name.
bool has_name(const std::optional<StatePage>& page, const std::string& path) {
  return page && file_at(path) == file_of(page->file());
}

}  // namespace

void AppFiles::watch(Fd known) {
  auto noticed = [this](int watch) { on_change(watch); };
  if (known) {
    watch_ = std::make_unique<RemovalWatch>(app_.io, std::move(known), noticed);
  } else if (!has_few_descriptors() && may_take_instance(app_.home)) {
    if (auto made = RemovalWatch::make(app_.io, noticed)) {
      watch_ = std::move(*made);
      with_.store.put(kWatch, watch_->descriptor());
    }
  }
  watch_socket();
  with_.listen.watch_with(watch_.get());
}

int AppFiles::watch_file(int fd, int before) {
  if (!watch_) return RemovalWatch::kNone;
  watch_->remove(before);
  return watch_->add(fd);
}

void AppFiles::stop_watching() {
  with_.listen.watch_with(nullptr);
  watch_.reset();
}

void AppFiles::watch_socket() {
  const std::string path = app_.home.socket_path(app_.stem());
  socket_file_ = file_at(path);
  if (!watch_) return;
  const int now = watch_->add(path);
  if (now != socket_watch_) watch_->remove(std::exchange(socket_watch_, now));
  if (now == RemovalWatch::kNone) repair_after(kLetItFinish);  // it is gone already
}

void AppFiles::on_change(int watch) {
  if (watch == socket_watch_ || watch == RemovalWatch::kAny || with_.listen.is_watch(watch))
    repair_after(kLetItFinish);
  app_.output->look_for_file(watch);
}

/// The socket is looked at by watch_socket().
void AppFiles::repair_missing() {
  const bool all_there =
      !app_.name_lost && file_at(app_.home.spec_path(app_.stem())) &&
      (!with_.journal.page() || has_name(with_.journal.page(), app_.home.state_path(app_.stem())));
  if (!all_there) repair_after(kLetItFinish);
}

void AppFiles::repair_after(Millis pause) {
  repair_timer_.expires_after(pause);
  repair_timer_.async_wait([this](std::error_code error) {
    if (!error) repair();
  });
}

void AppFiles::repair() {
  if (app_.leaving_as || app_.gives_way) return;
  find_home();
  app_.output->go_along();  // also where one log has found it: the others do not know
  name_home();
  with_.listen.repair();
  with_.log.flush();
  Done done;
  try {
    done = make_again();
  } catch (const std::exception& error) {
    done = Error{Reason::failed, "make its files again", error.what(), 0};
  }
  if (done) {
    repair_pause_ = Millis{0};
    repair_error_.clear();
    return;
  }
  if (done.error().text() != repair_error_) {
    repair_error_ = done.error().text();
    with_.log.add(repair_error_);
    with_.log.flush();
    with_.terminal.notice_of_app(repair_error_);
  }
  repair_pause_ = std::clamp(repair_pause_ * 2, kFirstRetry, kLastRetry);
  repair_after(repair_pause_);
}

bool AppFiles::find_home() {
  auto moved = find_moved_home(app_.home.path(), app_.stem(), app_.table.lock);
  if (!moved) return false;
  with_.log.add("its home was moved from " + app_.home.path() + " to " + moved->path());
  app_.home = std::move(*moved);
  app_.table.home = app_.home.path();
  repair_after(Millis{0});
  return true;
}

void AppFiles::name_home() {
  std::string named(variable_in(environ, "KEEPER_HOME"));
  if (named.empty()) {
    auto usual = Home::default_path();
    if (usual) named = std::move(*usual);
  }
  const auto before = file_at(named), now = file_at(app_.home.path());
  if (!now || before == now) return;
  std::vector<std::string> variables;
  for (char** at = environ; *at != nullptr; ++at)
    if (!std::string_view(*at).starts_with("KEEPER_HOME=")) variables.emplace_back(*at);
  variables.push_back("KEEPER_HOME=" + app_.home.path());
  with_.spawner.forget_plan();
  with_.configuration.take_environment(std::move(variables));
  with_.configuration.record_user();
}

void AppFiles::follow_home() {
  if (find_home()) app_.output->go_along();
}

/// Takes the lock of the home again. If another keeper has it, the name is that one's, and nothing is
/// touched.
Done AppFiles::lock_again(const Home& home) {
  const std::string& stem = app_.stem();
  if (home.is_lock_of(stem, lock_.get())) return {};
  auto lock = home.lock(stem, Millis(0));
  app_.name_lost = !lock && lock.error().reason == Reason::already;
  if (app_.name_lost)
    return Error{Reason::already, "be " + stem,
                 "its files were deleted, and another keeper has the name now; this one keeps pid " +
                     std::to_string(app_.machine.pid().value_or(0)) + " on, and can be reached by its pid, " +
                     std::to_string(app_.own_pid) + ", alone",
                 0};
  if (!lock) return lock.error();
  lock_ = std::move(*lock);
  app_.table.lock = lock_.get();
  with_.store.put("lock", app_.table.lock);
  return {};
}

Done AppFiles::bind_again() {
  auto socket = app_.home.bind_socket(app_.stem());
  if (!socket) return socket.error();
  app_.table.socket = socket->get();
  with_.store.put("socket", app_.table.socket);
  with_.control.listen_at(std::move(*socket));
  with_.control.open_datagrams(lock_.get());
  watch_socket();
  return {};
}

Done AppFiles::make_again() {
  auto home = Home::open(app_.home.path(), Home::Create::yes);
  if (!home) return home.error();
  if (Done done = lock_again(*home); !done) return done;
  app_.name_lost = false;
  app_.home = std::move(*home);
  with_.configuration.note_user();
  if (Done done = with_.configuration.write_again(); !done) return done;
  if (!has_name(with_.journal.page(), app_.home.state_path(app_.stem()))) with_.journal.renew();
  const auto now = file_at(app_.home.socket_path(app_.stem()));
  if (!now || now != socket_file_) {
    if (Done done = bind_again(); !done) return done;
  } else if (!watch_) {
    watch({});
  }
  with_.record.write_again();
  return {};
}

void AppFiles::add_descriptors(std::vector<HeldFd>& out) const {
  if (watch_) out.push_back({kWatch, watch_->descriptor()});
}

}  // namespace keeper
