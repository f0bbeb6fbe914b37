#include "keeper/app/configuration.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "keeper/app/app_files.hpp"
#include "keeper/app/fd_store.hpp"
#include "keeper/app/lifecycle_log.hpp"
#include "keeper/app/listen_sockets.hpp"
#include "keeper/app/readiness_tracker.hpp"
#include "keeper/app/record_writer.hpp"
#include "keeper/app/spawner.hpp"
#include "keeper/app/spec_backup.hpp"
#include "keeper/app/waiters.hpp"
#include "keeper/child/account.hpp"
#include "keeper/core/policy.hpp"
#include "protocol/base/fd.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

/// What a keeper has set up once, for good: of another value it hears at its next start.
bool stays(string_view field) {
  constexpr std::array others = {string_view("name"),       string_view("instance"), string_view("instances"),
                                 string_view("guard"),      string_view("pid_file"), string_view("error_log"),
                                 string_view("environment")};
  return field.starts_with("log") || std::find(others.begin(), others.end(), field) != others.end();
}

/// `spec`, but with what a living keeper cannot change as it is in `now`.
Spec applicable(Spec spec, const Spec& now) {
  for (const Field& field : spec_fields())
    if (stays(field.name)) field.copy(now, spec);
  return spec;
}

std::vector<string> differences(const Spec& before, const Spec& after) {
  std::vector<string> out = spec_differences(before, after);
  for (string& line : out) {
    const string name = line.substr(0, line.find(':'));
    if (stays(name) && name != "environment") line += " (when it is stopped and started)";
  }
  return out;
}

/// When a file was written last, in nanoseconds.
std::int64_t written_at(const struct stat& st) {
  return st.st_mtim.tv_sec * 1'000'000'000 + st.st_mtim.tv_nsec;
}

std::optional<std::int64_t> written_at(const string& path) {
  struct stat st {};
  if (stat(path.c_str(), &st) != 0) return std::nullopt;
  return written_at(st);
}

}  // namespace

void Configuration::use(Fd file, std::vector<string> environment) {
  take_environment(std::move(environment));
  use_file(std::move(file));
}

/// Looks up the ids of a user that somebody has written into the file by hand.
Done Configuration::complete_user(const Spec& before, Spec& after) const {
  if (after.user == before.user || after.run_as != before.run_as) return {};
  const auto account = find_local_account(after.user);
  if (!account)
    return Error{Reason::refused, "run " + app_.stem() + " as " + after.user,
                 "it is not in /etc/passwd; a name service is asked by 'ctl start' alone, after 'ctl stop'",
                 0};
  after.run_as = account_text(*account);
  return {};
}

Done Configuration::may_end_for(const Spec& after) const {
  std::vector<const char*> variables;
  for (const string& variable : after.environment)
    variables.push_back(variable.c_str());
  variables.push_back(nullptr);
  return with_.spawner.may_end(after, variables.data());
}

Done Configuration::change(const std::optional<Spec>& wanted, Change how) {
  const bool for_good = how == Change::for_good;
  with_.files.follow_home();
  with_.waiters.note_changes({});
  const auto written = written_at(app_.home.spec_path(app_.stem()));
  if (!wanted && (!written || written == written_))
    return for_good ? with_.spawner.may_end(app_.spec, environ) : Done();
  const Spec before = whole();
  auto read = wanted ? Result<Spec>(*wanted) : app_.home.read_spec(app_.stem());
  if (!read) return read.error();
  Spec& after = *read;
  std::erase_if(after.environment, [](const string& variable) { return !passed_on(variable); });
  if (after.name != before.name || after.instance != before.instance)
    return Error{Reason::invalid, "change the spec of " + app_.stem(),
                 "this one is of " + file_stem(after.name, after.instance), 0};
  if (Done done = complete_user(before, after); !done) return done;
  if (Done done = for_good ? may_end_for(after) : Done(); !done) return done;
  written_ = written;
  auto changes = differences(before, after);
  if (changes.empty()) return {};
  with_.waiters.note_changes(std::move(changes));
  if (Done done = with_.listen.add(after.listen, before.listen); !done) return done;
  if (Done done = write_change(before, after, !wanted, how); !done) return done;
  apply(std::move(after));
  if (for_good) with_.listen.drop_others();
  return {};
}

/// Writes the file of the changed spec, and for a reload that of before beside it. `edited`: the changed one
/// is in the file already, and the one before is in none any more.
Done Configuration::write_change(const Spec& before, const Spec& after, bool edited, Change how) {
  if (how == Change::for_good) {
    confirm_first_record(app_.home, app_.stem());  // of a reload that this change overtakes
    return app_.home.write_spec(app_.stem(), after);
  }
  if (edited)
    if (Done done = app_.home.write_spec(app_.stem(), before); !done) return done;
  return write_first_record(app_.home, app_.stem(), after);
}

/// Keeps what was written for a reload.
void Configuration::commit() {
  confirm_first_record(app_.home, app_.stem());
  with_.listen.drop_others();
}

/// Goes back to what the old run was configured with.
void Configuration::roll_back() {
  if (!undo_first_record(app_.home, app_.stem(), false)) return;
  auto before = app_.home.read_spec(app_.stem());
  if (!before) return with_.log.add(before.error().text());
  with_.listen.want(before->listen);
  with_.listen.drop_others();
  apply(std::move(*before));
  if (Done done = record_instances(); !done) with_.log.add(done.error().text());
}

/// Out of memory the process ends: half of a spec must not be used.
void Configuration::apply(Spec spec) try {
  std::vector<string> variables = std::exchange(spec.environment, {});
  with_.spawner.forget_plan();  // it points into what changes now
  app_.spec = applicable(std::move(spec), app_.spec);
  note_user();
  take_environment(std::move(variables));
  app_.machine.set_policy(make_policy(app_.spec, app_.machine.policy().jitter_seed));
  if (Done done = with_.readiness.open_socket(""); !done) with_.log.add(done.error().text());
  note_file();
} catch (const std::bad_alloc&) {
  events_.exit_out_of_memory();
  throw;
}

/// Writes the number of instances into the file, whoever wrote that and whether it is in use yet.
Done Configuration::record_instances() {
  auto recorded = app_.home.read_spec(app_.stem());
  if (!recorded) return recorded.error();
  if (recorded->instances == app_.spec.instances) return {};
  const bool used = written_at(app_.home.spec_path(app_.stem())) == written_;
  recorded->instances = app_.spec.instances;
  if (Done done = app_.home.write_spec(app_.stem(), *recorded); !done) return done;
  if (used) note_file();
  return {};
}

Spec Configuration::whole() const {
  Spec out = app_.spec;
  for (char** at = environ; *at != nullptr; ++at)
    out.environment.emplace_back(*at);
  return out;
}

Done Configuration::write_again() {
  if (access(app_.home.spec_path(app_.stem()).c_str(), F_OK) == 0) return {};
  if (!app_.table.to_stop.empty()) return {};  // the spec may be made up, and the app is to stop
  if (Done done = app_.home.write_spec(app_.stem(), whole()); !done) return done;
  note_file();
  return {};
}

void Configuration::record_user() {
  if (written_at(app_.home.spec_path(app_.stem())) != written_) return;
  if (Done done = app_.home.write_spec(app_.stem(), whole()); !done)
    return with_.log.add(done.error().text());
  note_file();
}

void Configuration::note_user() {
  app_.user = app_.home.acting_user(app_.spec);
}

/// Notes that the spec in use is the one that stands in the file now.
void Configuration::note_file() {
  auto file = app_.home.open_spec(app_.stem());
  if (!file) return;  // it is used all the same, and written again
  use_file(app_.home.private_spec(app_.stem(), std::move(*file)));
  with_.store.put("spec", file_.get());
}

void Configuration::use_file(Fd file) {
  file_ = std::move(file);
  struct stat st {};
  written_.reset();
  if (fstat(file_.get(), &st) == 0) written_ = written_at(st);
}

void Configuration::take_environment(std::vector<string> variables) {
  std::size_t same = 0;
  while (environ[same] != nullptr && same < variables.size() && variables[same] == environ[same])
    ++same;
  if (environ[same] == nullptr && same == variables.size()) return;
  variables_ = std::move(variables);
  environ_.clear();
  for (string& variable : variables_)
    environ_.push_back(variable.data());
  environ_.push_back(nullptr);
  environ = environ_.data();
}

Done Configuration::scale(int instances) {
  app_.spec.instances = instances;
  app_.output->rename();
  return record_instances();
}

void Configuration::confirm_first_start() {
  if (app_.first_start) confirm_first_record(app_.home, app_.stem());
  app_.first_start = false;
}

bool Configuration::undo_first_start() {
  return undo_first_record(app_.home, app_.stem(), app_.table.fresh);
}

void Configuration::announced(const action::Announce& a) {
  if (a.what == action::What::reloaded) commit();
  if (a.what == action::What::reload_failed) roll_back();  // before anything else is spawned
  if (a.what == action::What::started && a.run == app_.machine.run()) confirm_first_start();
}

void Configuration::add_descriptors(std::vector<HeldFd>& out) const {
  if (file_) out.push_back({"spec", file_.get()});
}

}  // namespace keeper
