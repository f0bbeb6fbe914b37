// Findings about one app.
#include <algorithm>

#include "ctl/doctor/findings.hpp"
#include "ctl/ops/fleet_state.hpp"
#include "ctl/ops/outcome.hpp"
#include "protocol/base/units.hpp"

namespace keeper {
namespace {

using std::string;

constexpr Millis kClockSlack{5000};

/// In its largest unit: "2h", "12d".
string about(Millis time) {
  using namespace std::chrono_literals;
  Millis unit = time >= 24h    ? Millis(24h)
                : time >= 1h   ? Millis(1h)
                : time >= 1min ? Millis(1min)
                               : Millis(1s);
  return duration_text(time - time % unit);
}

/// Says that the program runs on meanwhile; empty if there is none.
string not_ended(const Row& row) {
  return row.status.pid ? "; its program runs on as pid " + std::to_string(*row.status.pid) : "";
}

class Examined {
 public:
  Examined(const HomeFacts& home, const AppFacts& app) : home_(home), app_(app), stem_(app.id.stem()) {}

  std::vector<Found> all() {
    for (const PathFacts& path : app_.paths)
      if (path.wanted != PathFacts::Kind::socket || !app_.stale_socket) paths(path);
    records();
    keepers();
    if (app_.row) reach(*app_.row);
    if (app_.row) survivors(app_.row->status);
    if (app_.row) cut_off(*app_.row);
    leftovers();
    needed();
    logs();
    clock();
    return std::move(out_);
  }

 private:
  void add(Severity severity, string what, string remedy, Mend mend = {}) {
    out_.push_back({{severity, stem_, std::move(what), std::move(remedy), false}, std::move(mend)});
  }
  void add_removable(string what, Mend::Kind kind, const string& path, int pid = 0) {
    add(Severity::warning, std::move(what), "'ctl doctor --fix' removes it", {kind, stem_, path, 0, pid});
  }
  void paths(const PathFacts& path);
  void records();
  string spec_remedy(bool answered) const;
  string status_remedy(bool answered) const;
  void keepers();
  void reach(const Row& row);
  void deaf_keeper(const Row& row);
  void survivors(const Status& s);
  void cut_off(const Row& row);
  void leftovers();
  void needed();
  void logs();
  void clock();

  const HomeFacts& home_;
  const AppFacts& app_;
  string stem_;
  std::vector<Found> out_;
};

void Examined::paths(const PathFacts& path) {
  for (Found& one : path_findings(home_, path, stem_))
    out_.push_back(std::move(one));
}

void Examined::records() {
  const bool answered = app_.row && app_.row->answered;
  for (const Error& error : app_.unreadable)
    add(Severity::error, error.text(),
        error.doing.ends_with("spec.json") ? spec_remedy(answered) : status_remedy(answered));
  if (app_.spec_is_gone)
    add(Severity::error, home_.path + "/apps/" + stem_ + "/spec.json is gone", spec_remedy(answered));
}

string Examined::spec_remedy(bool answered) const {
  if (answered) return "its keeper goes on with what it has read before; mend the file before it is stopped";
  const bool lives = app_.row && has_keeper(app_.row->status.state);
  return (lives ? "'ctl stop " + stem_ + "' ends its program; then " : string()) + "'keeper -d -n " +
         app_.id.name + " PROGRAM' defines it anew, 'ctl delete " + stem_ + "' forgets it";
}

string Examined::status_remedy(bool answered) const {
  if (app_.spec_is_readable || answered) return "its next start writes it anew: 'ctl restart " + stem_ + "'";
  return "its next start writes it anew";
}

/// What a lock rules out, unless somebody deleted the directory that it is in. One that ended properly would
/// take the other's socket along: it thinks that it is its own. Keeper and guard are suspended first: between
/// two KILLs the second process would start the first one anew.
void Examined::keepers() {
  std::optional<int> answering;
  if (app_.row && app_.row->answered) answering = app_.row->status.keeper_pid;
  std::vector<int> all, others;
  string halves, killed;
  for (const KeeperProcess& keeper : app_.keepers) {
    all.push_back(keeper.pid);
    if (keeper.pid == answering || (!answering && &keeper == &app_.keepers.back())) continue;
    if (keeper.guard != 0) {
      halves += " " + std::to_string(keeper.guard) + " " + std::to_string(keeper.pid);
      others.push_back(keeper.guard);
    }
    others.push_back(keeper.pid);
    for (int pid : keeper.children)
      others.push_back(pid);
  }
  if (answering && std::find(all.begin(), all.end(), *answering) == all.end()) all.push_back(*answering);
  if (all.size() < 2) return;
  std::sort(all.begin(), all.end());
  string what = std::to_string(all.size()) + " keepers claim it:" + pids_text(all);
  if (answering) what += "; " + std::to_string(*answering) + " answers at its socket";
  if (app_.record && app_.record->keeper_pid)
    what += (answering ? ", the record names " : "; the record names ") +
            std::to_string(*app_.record->keeper_pid);
  for (int pid : others)
    killed += " " + std::to_string(pid);
  const string suspend = halves.empty() ? "" : "kill -STOP" + halves + "; ";
  add(Severity::error, what, "'" + suspend + "kill -KILL" + killed + "' ends the other with its program");
}

void Examined::reach(const Row& row) {
  const Status& s = row.status;
  if (is_orphan(row)) {
    string pid = std::to_string(*s.pid);
    string remedy = "'ctl stop " + stem_ + "' ends it";
    if (app_.spec_is_readable) remedy = "'ctl start " + stem_ + "' keeps it on, " + remedy;
    if (app_.output_full)
      add(Severity::error,
          "its keeper was killed, and its program, pid " + pid + ", waits: nobody reads what it writes",
          remedy);
    else
      add(Severity::error, "its keeper was killed, and its program runs on as pid " + pid, remedy);
  } else if (is_deaf(row)) {
    deaf_keeper(row);
  } else if (row.answered && !s.version.empty() && s.version != home_.version) {
    add(Severity::note, "its keeper is of version " + s.version + ", this ctl of " + home_.version,
        "'ctl stop " + stem_ + " && ctl start " + stem_ + "' keeps it with the version that is installed");
  }
}

/// Nothing is started beside them.
void Examined::survivors(const Status& s) {
  if (s.survivors.empty()) return;
  string kill;
  for (int pid : s.survivors)
    kill += " " + std::to_string(pid);
  const bool said = has_keeper(s.state) && s.reason;
  add(Severity::error, "a run of it cannot be ended:" + (said ? " " + *s.reason : pids_text(s.survivors)),
      "as root, 'kill -KILL" + kill +
          "' ends it, unless the kernel holds it; nothing is started until it is gone");
}

void Examined::cut_off(const Row& row) {
  if (!row.answered) return;
  for (const string& path : row.status.cut_off)
    add(Severity::error, "nobody can connect to " + path + ": its file is gone, or another's",
        "'ctl restart " + stem_ + "' listens anew");
}

void Examined::deaf_keeper(const Row& row) {
  if (cannot_begin(row))
    return add(Severity::error, *row.status.reason + not_ended(row),
               "mend that: its guard tries again within 5 s; or 'ctl stop " + stem_ +
                   "' ends its guard and its program");
  Finding said = in_two_parts(deaf(row).why(),
                              "try again in a moment; 'ctl list " + stem_ + "' shows what is known of it");
  if (app_.keeper_suspended && row.status.keeper_pid) {
    string pid = std::to_string(*row.status.keeper_pid);
    said.what = "its keeper, pid " + pid + ", is suspended (by SIGSTOP)";
    said.remedy = "'kill -CONT " + pid + "' wakes it";
  }
  add(row.failure == Reason::full ? Severity::warning : Severity::error, said.what, said.remedy);
}

void Examined::leftovers() {
  if (app_.stale_socket) {
    string path = home_.path + "/sock/" + stem_ + ".sock";
    add_removable("nobody listens at " + path, Mend::Kind::socket, path);
  }
  for (const PidFile& file : app_.stale_pid_files)
    add_removable("the program that " + file.path + " names has ended", Mend::Kind::pid_file, file.path,
                  file.pid);
  for (const string& path : app_.leftovers)
    add_removable(path + " is half-written, and whoever wrote it is gone", Mend::Kind::leftover, path);
  for (const string& path : app_.renaming_logs)
    add(Severity::note, path + " is a log whose rotation was broken off",
        "nothing is lost: 'ctl logs' reads it, and the next start makes it a backup");
}

void Examined::needed() {
  bool runs = app_.row && has_keeper(app_.row->status.state);
  for (const NeededFile& file : app_.missing)
    add(runs ? Severity::error : Severity::warning,
        "its " + file.role + " " + file.path + " is not there any more" +
            (runs ? ": its next start fails" : ": it cannot be started"),
        "put it back; or 'keeper -d -n " + app_.id.name + " PROGRAM' configures it anew" +
            (runs ? ", once it is stopped" : ""));
}

void Examined::logs() {
  if (!app_.row || !app_.row->answered) return;
  if (const auto& risk = app_.row->status.at_risk) {
    const Finding said = in_two_parts(*risk, "mend that");
    add(Severity::error, "a killed keeper would not be followed: " + said.what,
        said.remedy + "; it is tried again each second");
  }
  for (const LogFile& log : app_.row->status.logs)
    if (log.trouble)
      add(Severity::error, "its log " + log.path + " has trouble: " + *log.trouble,
          "mend that; its output waits meanwhile, as far as --log-buffer goes");
}

void Examined::clock() {
  if (!app_.record) return;
  const Status& s = *app_.record;
  std::optional<WallTime> newest;
  for (const auto& time :
       {s.started_at, s.confirmed_at, s.stopped_at, s.last_exit ? s.last_exit->at : std::nullopt})
    if (time && (!newest || *time > *newest)) newest = time;
  if (!newest || *newest <= home_.now + kClockSlack) return;
  add(Severity::warning,
      "its record is of " + about(*newest - home_.now) + " from now (" + time_text(*newest) +
          "): the clock was put back, or is wrong",
      "set the clock right ('date', 'timedatectl'); times in its log and of 'ctl why' overlap till then");
}

}  // namespace

std::vector<Found> app_findings(const HomeFacts& home, const AppFacts& app) {
  return Examined(home, app).all();
}

}  // namespace keeper
