// The records of an app in its home.
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "protocol/base/fd.hpp"
#include "protocol/base/files.hpp"
#include "protocol/base/proc.hpp"
#include "protocol/base/users.hpp"
#include "protocol/store/home.hpp"
#include "protocol/store/home_inside.hpp"
#include "protocol/store/run_signs.hpp"
#include "protocol/wire/codec.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;
using namespace inside;

constexpr std::size_t kMostSpec = 4 << 20;
constexpr std::size_t kMostStatus = 1 << 20;
constexpr std::size_t kMostPid = 32;

/// Returns the name of an app's directory while it is being removed.
string aside_name(string_view stem) {
  return "." + string(stem) + ".removed";
}

/// The next removal of the same app may move its directory to the same place.
bool remove_aside(int apps, const char* aside) {
  for (int tries = 0; tries < 100; ++tries) {
    if (remove_all(apps, aside)) return true;
    if (errno != ENOTEMPTY) return false;
  }
  return false;
}

}  // namespace

Done Home::write_record(string_view stem, const char* name, string_view text, bool sync) const {
  const string path = app_dir(stem) + "/" + name;
  Result<Fd> app = open_app(stem, Create::no, "write " + path);
  if (!app) return app.error();
  Done done = write_file_at(app->get(), name, text, sync, path);
  if (done || done.error().errnum != EISDIR || !move_aside(app->get(), name)) return done;
  return write_file_at(app->get(), name, text, sync, path);
}

Result<string> Home::read_record(string_view stem, const char* name, std::size_t most) const {
  const string path = app_dir(stem) + "/" + name;
  Result<Fd> app = open_app(stem, Create::no, "read " + path);
  if (!app) return app.error();
  return read_file_at(app->get(), name, most, path, Owner::we);
}

Done Home::write_spec(string_view stem, const Spec& spec) const {
  return write_record(stem, kSpecFile, spec_text(spec), true);
}

Fd Home::private_spec(string_view stem, Fd file) const {
  struct stat at {};
  if (fstat(file.get(), &at) != 0 || at.st_nlink == 0) return file;
  const Result<Fd> app = open_app(stem, Create::no, {});
  const Result<string> text = read_file(file.get(), kMostSpec, {});
  if (!app || !text) return file;
  Fd copy(openat(app->get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, kPrivateFile));
  const timespec times[2] = {at.st_atim, at.st_mtim};
  if (!copy || !write_all(copy.get(), *text) || futimens(copy.get(), times) != 0) return file;
  return copy;
}

Done Home::write_status(string_view stem, const Status& status, const std::vector<RunRecord>& runs) const {
  return write_record(stem, "status.json", record_text(status, runs), false);
}

Result<Fd> Home::open_spec(string_view stem) const {
  const string path = spec_path(stem), doing = "read " + path;
  Result<Fd> app = open_app(stem, Create::no, doing);
  if (!app) return app.error();
  return open_regular(app->get(), kSpecFile, doing, Owner::we);
}

Result<Spec> Home::read_spec(string_view stem) const {
  Result<Fd> file = open_spec(stem);
  if (!file) return file.error();
  return read_spec(stem, file->get());
}

Result<Spec> Home::read_spec(string_view stem, int file) const {
  Result<string> text = read_file(file, kMostSpec, "read " + spec_path(stem));
  if (!text) return text.error();
  Result<Spec> spec = parse_spec(*text);
  if (!spec) return Error{Reason::invalid, "read " + spec_path(stem), spec.error().text(), 0};
  // The directory gives the name: a copied record belongs to another app, and no name may lead out of here.
  AppId id = *AppId::parse(stem);
  spec->name = std::move(id.name);
  spec->instance = id.instance;
  return spec;
}

Result<Status> Home::read_status(string_view stem) const {
  Result<string> text = read_record(stem, "status.json", kMostStatus);
  if (!text) return text.error();
  Result<Status> status = read_as<Status>(*text);
  if (!status) return Error{Reason::invalid, "read " + status_path(stem), status.error().text(), 0};
  if (has_keeper(status->state) && !still_runs(*status)) take_newer_pid(stem, *status);
  return status;
}

/// The pid file is written at once for each run, the record a moment later.
void Home::take_newer_pid(string_view stem, Status& status) const {
  if (status.boot_id != boot_id()) return;
  auto text = read_record(stem, "pid", kMostPid);
  const int pid = text ? std::atoi(text->c_str()) : 0;
  auto start = process_start(pid);
  RunSigns signs{.marks = {"KEEPER_NAME=" + status.name}};
  if (auto user = user_of(pid); user && passwd_name(*user) == status.user) signs.user = user;
  if (!start || !belongs_to_run(pid, signs)) return;
  status.pid = pid;
  status.pid_start = start;
}

std::vector<RunRecord> Home::read_runs(string_view stem) const {
  Result<string> text = read_record(stem, "status.json", kMostStatus);
  if (!text) return {};
  Result<RunHistory> history = read_as<RunHistory>(*text);
  return history ? std::move(history->runs) : std::vector<RunRecord>();
}

Done Home::remove_app(string_view stem) const {
  const string doing = "remove " + app_dir(stem);
  if (Done done = check_stem(stem, doing); !done) return done;
  Fd apps = open_directory(directory_.get(), "apps", Create::no);
  if (!apps) return file_error(doing);
  // Moves it out of the way in one step: a process that starts the app meanwhile gets a directory of its own,
  // which is not deleted here. Removes the rest of an interrupted removal of that name first.
  const string name(stem), aside = aside_name(stem);
  if (!remove_aside(apps.get(), aside.c_str()) ||
      renameat(apps.get(), name.c_str(), apps.get(), aside.c_str()) != 0 ||
      !remove_aside(apps.get(), aside.c_str()))
    return file_error(doing);
  return {};
}

Done Home::finish_removal(string_view stem) const {
  const string doing = "remove " + path_ + "/apps/" + aside_name(stem);
  if (Done done = check_stem(stem, doing); !done) return done;
  Fd apps = open_directory(directory_.get(), "apps", Create::no);
  if (!apps || !remove_aside(apps.get(), aside_name(stem).c_str())) return file_error(doing);
  return {};
}

}  // namespace keeper
