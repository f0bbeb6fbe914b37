#include "keeper/app/runs.hpp"

#include <algorithm>
#include <asio/post.hpp>

#include "keeper/app/memory.hpp"
#include "keeper/child/pidfd.hpp"
#include "keeper/child/settings.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/base/proc.hpp"
#include "protocol/store/run_signs.hpp"

namespace keeper {
namespace {

constexpr std::size_t kDetachedMost = 256;  // processes, the last ones, for which the page has room

}  // namespace

Run* Runs::find(RunId id) {
  auto it = std::find_if(runs_.begin(), runs_.end(), [&](const Run& r) { return r.id == id; });
  return it == runs_.end() ? nullptr : &*it;
}

const Run* Runs::find(RunId id) const {
  auto it = std::find_if(runs_.begin(), runs_.end(), [&](const Run& r) { return r.id == id; });
  return it == runs_.end() ? nullptr : &*it;
}

std::vector<RunId> Runs::ids() const {
  std::vector<RunId> out;
  for (const Run& run : runs_)
    out.push_back(run.id);
  return out;
}

Run& Runs::add(Run run) {
  return runs_.emplace_back(std::move(run));
}

Run& Runs::adopt(const KeptRun& kept) {
  Run& run = add(Run(kept, app_.io));
  run.adopted = true;
  if (kept.id == app_.machine.run()) run.ended_at = last_.ended_at;
  Fd pidfd(kept.main_ended || kept.exit ? -1 : pidfd_open(kept.pid, 0));
  // Looked at after the pidfd is open: from here on the number cannot become another process unseen.
  if (!pidfd || process_start(kept.pid) != kept.start) return run;
  run.pidfd.assign(pidfd.get());
  pidfd.release();
  if (!run.oom) run.oom = oom_mark(kept.pid);
  return run;
}

std::list<Run> Runs::take(RunId id) {
  std::list<Run> out;
  Run* run = find(id);
  if (run == nullptr) return out;
  for (Part* part : parts_)
    part->removed(*run);
  if (id >= last_.id && id <= app_.machine.run()) last_ = *run;
  out.splice(out.end(), runs_,
             std::find_if(runs_.begin(), runs_.end(), [&](const Run& r) { return r.id == id; }));
  return out;
}

const KeptRun& Runs::current() const {
  const Run* run = find(app_.machine.run());
  return run != nullptr ? *run : last_;
}

std::vector<int> Runs::other_mains(const Run* but) const {
  std::vector<int> out;
  for (const KeptProcess& left : detached_)
    if (but != nullptr && lives(left)) out.push_back(left.pid);
  for (const Run& run : runs_) {
    if (&run != but && !run.main_ended) out.push_back(run.pid);
    if (!run.ready) continue;
    for (int pid : run.ready->pids())
      out.push_back(pid);
  }
  for (int pid : app_.output->pids())
    out.push_back(pid);
  return out;
}

RunIds Runs::ids_of(const Run& run) const {
  RunIds out{run.main_ended ? 0 : run.pid, run.session, other_mains(&run)};
  out.beside = runs_.size() > 1;
  out.user = run.user;
  if (!run.adopted) return out;
  out.marks = run_marks(app_.spec.name, run.keeper);
  out.guard = app_.guard_pid;
  out.keeper = run.keeper;
  return out;
}

/// A process whose parent ends moves in the tree while that is read: what is not found is looked for again.
bool Runs::has_one_of(const Run& run, const std::vector<int>& pids) const {
  for (int look = 0; look < 2; ++look) {
    std::vector<int> tree = tree_of(ids_of(run));
    if (std::find_first_of(tree.begin(), tree.end(), pids.begin(), pids.end()) != tree.end()) return true;
  }
  return false;
}

Run* Runs::run_of(const Sender& sender) {
  if (sender.pid <= 0) return nullptr;
  // systemd-notify speaks for its parent, which is this process once its own has ended; nobody but root can.
  if (sender.pid == app_.own_pid || (app_.guard_pid != 0 && sender.pid == app_.guard_pid))
    return runs_.empty() ? nullptr : &runs_.back();
  std::vector<int> line = sender.parents;
  line.insert(line.begin(), sender.pid);
  for (Run& run : runs_) {
    bool descends = std::find(line.begin(), line.end(), run.pid) != line.end();
    // Of its own accord the number stays its while its leader, the main process, is there.
    bool same_session = !sender.gone && run.pid == run.session && sender.session == run.session;
    if (descends || same_session || (!sender.gone && has_one_of(run, line))) return &run;
  }
  return nullptr;
}

void Runs::detach(const Run& run) {
  std::erase_if(detached_, [](const KeptProcess& left) { return !lives(left); });
  for (int pid : tree_of(ids_of(run)))
    if (auto start = process_start(pid)) detached_.push_back({pid, *start});
}

void Runs::announced(const action::Announce& a) {
  Run* run = find(a.run);
  switch (a.what) {
    case action::What::survivors:
    case action::What::refused:
      if (run != nullptr) survivors_ = tree(*run);
      break;
    case action::What::killing:
      if (run != nullptr) run->why_killed = a.text;
      break;
    case action::What::confirmed:
      if (run != nullptr) run->confirmed_at = wall_now();
      asio::post(app_.io, [] { give_back_memory(); });  // what the start needed
      break;
    case action::What::started:
      if (a.run == app_.machine.run()) survivors_.clear();
      break;
    case action::What::exited:
      last_exit_at_ = wall_now();
      if (run != nullptr) run->ended_at = last_exit_at_;
      if (last_.id == a.run) last_.ended_at = last_exit_at_;
      break;
    default: break;
  }
}

void Runs::describe(Status& s) {
  const KeptRun& run = current();
  s.started_at = run.started_at;
  s.confirmed_at = run.confirmed_at;
  s.stopped_at = run.ended_at;
  if (!run.said_status.empty()) s.status_text = run.said_status;
  for (const KeptProcess& left : detached_)
    if (lives(left)) s.left.push_back(left.pid);
  if (!s.pid) return;
  s.uptime_ms = (steady_now() - run.began).count();
  s.pid_start = run.start;
  if (!run.said_doing.empty()) s.doing = run.said_doing;
}

void Runs::save(KeptState& state) const {
  const KeptRun& shown = current();
  state.started_at = shown.started_at;
  state.confirmed_at = shown.confirmed_at;
  state.stopped_at = shown.ended_at;
  state.last_exit_at = last_exit_at_;
  state.started = shown.began;
  state.said_status = shown.said_status;
  state.said_doing = shown.said_doing;
  state.survivors = survivors_;
  state.runs.assign(runs_.begin(), runs_.end());
  const auto detached = static_cast<std::ptrdiff_t>(std::min(detached_.size(), kDetachedMost));
  state.left.assign(detached_.end() - detached, detached_.end());
}

void Runs::restore(const KeptState& state) {
  last_.started_at = state.started_at;
  last_.confirmed_at = state.confirmed_at;
  last_.ended_at = state.stopped_at;
  last_.began = state.started;
  last_.said_status = state.said_status;
  last_.said_doing = state.said_doing;
  last_exit_at_ = state.last_exit_at;
  survivors_ = state.survivors;
  detached_ = state.left;
  std::erase_if(detached_, [](const KeptProcess& one) { return !lives(one); });
  for (const KeptRun& run : state.runs)
    adopt(run);
}

}  // namespace keeper
