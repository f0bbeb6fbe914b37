#include "keeper/app/fd_store.hpp"

#include <algorithm>
#include <utility>

#include "keeper/app/part.hpp"
#include "keeper/app/risk.hpp"

namespace keeper {
namespace {

constexpr int kPutAtOnce = 64;  // messages that the guard's socket has room for, whatever its limits are

/// `count`: of descriptors, of which `name` is the first.
std::string cannot_store(const std::string& name, std::size_t count, const std::string& why) {
  const std::string others = count > 1 ? " and " + std::to_string(count - 1) + " others" : "";
  return "cannot hand descriptor " + name + others + " up: " + why;
}

}  // namespace

FdStore::FdStore(App& app, Risk& risk, const std::vector<Part*>& parts)
    : app_(app), risk_(risk), parts_(parts), inherited_(std::exchange(app.table.held, {})) {}

void FdStore::use(GuardLink* guard) {
  guard_ = guard;
  not_held_.clear();
}

std::vector<HeldFd> FdStore::all() const {
  std::vector<HeldFd> out;
  for (const Part* part : parts_)
    part->add_descriptors(out);
  return out;
}

Done FdStore::put_all() {
  if (guard_ == nullptr) return {};
  int put = 0;
  for (const HeldFd& one : all()) {
    if (Done done = guard_->put(one.name, one.fd); !done) return done;
    if (++put % kPutAtOnce != 0) continue;
    if (Done done = guard_->settle(); !done) return done;
  }
  return guard_->settle();
}

void FdStore::put(const std::string& name, int fd) {
  if (guard_ == nullptr) return;
  if (Done done = guard_->put(name, fd); !done) note_missing(name, done.error().why());
}

void FdStore::drop(const std::string& name) {
  if (guard_ != nullptr) guard_->drop(name);
}

Fd FdStore::take(const std::string& name) {
  return take_held(inherited_, name);
}

std::vector<Fd> FdStore::take_rest(std::string_view prefix) {
  std::vector<Fd> out;
  std::erase_if(inherited_, [&](const HeldFd& one) {
    if (!one.name.starts_with(prefix)) return false;
    out.emplace_back(one.fd);
    drop(one.name);
    return true;
  });
  return out;
}

void FdStore::put_again() {
  if (not_held_.empty() || guard_ == nullptr) return;
  std::vector<HeldFd> known = all();
  known.push_back({"lock", app_.table.lock});
  known.push_back({"socket", app_.table.socket});
  std::erase_if(not_held_, [&](const auto& missing) {
    return std::none_of(known.begin(), known.end(),
                        [&](const HeldFd& one) { return one.name == missing.first; });
  });
  for (const HeldFd& one : known)
    if (not_held_.contains(one.name) && !guard_->awaits(one.name)) put(one.name, one.fd);
}

void FdStore::note_missing(const std::string& name, const std::string& why) {
  not_held_[name] = why;
  risk_.update();
}

void FdStore::note_answer(const std::string& name, GuardWord::Kept kept) {
  const std::string guard = std::to_string(guard_->pid());
  if (kept == GuardWord::held)
    not_held_.erase(name);
  else if (kept == GuardWord::none_came)
    note_missing(name, "its guard, pid " + guard +
                           ", has as many open descriptors as it may have; 'prlimit --pid " + guard +
                           " --nofile=4096:' permits more");
  else
    note_missing(name, "its guard, pid " + guard + ", has no room for it; 'kill -KILL " + guard +
                           "' has a guard of this version replace it");
}

std::string FdStore::trouble() const {
  if (!not_held_.empty()) {
    const auto& [name, why] = *not_held_.begin();
    return cannot_store(name, not_held_.size(), why);
  }
  const std::vector<std::string> overdue = guard_ ? guard_->overdue() : std::vector<std::string>();
  if (overdue.empty()) return {};
  const std::string guard = std::to_string(guard_->pid());
  return cannot_store(overdue.front(), overdue.size(),
                      "its guard, pid " + guard + ", does not answer; 'kill -CONT " + guard +
                          "' wakes a suspended one, 'kill -KILL " + guard + "' has it replaced");
}

std::string overflow_name(std::size_t log) {
  return log == 0 ? "out-kept" : "err-kept";
}

}  // namespace keeper
