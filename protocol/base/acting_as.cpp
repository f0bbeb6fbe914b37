#include "protocol/base/acting_as.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "protocol/base/account.hpp"

namespace keeper {
namespace {

using Capabilities = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

// Makes bare system calls: the library's functions of these names change all threads (nptl(7)).

bool get_capabilities(Capabilities& into) {
  __user_cap_header_struct this_thread{_LINUX_CAPABILITY_VERSION_3, 0};
  return syscall(SYS_capget, &this_thread, into.data()) == 0;
}

bool set_capabilities(const Capabilities& wanted) {
  __user_cap_header_struct this_thread{_LINUX_CAPABILITY_VERSION_3, 0};
  return syscall(SYS_capset, &this_thread, wanted.data()) == 0;
}

/// Returns the capabilities that can come back, with none of them effective.
Capabilities without_effect(Capabilities all) {
  for (auto& word : all)
    word.effective = 0;
  return all;
}

/// These calls return the previous id, and do not report errors (setfsuid(2)).
bool set_file_id(long call, unsigned id) {
  syscall(call, id);
  if (static_cast<unsigned>(syscall(call, -1)) == id) return true;
  errno = EPERM;
  return false;
}

bool set_groups(const std::vector<unsigned>& groups) {
  return syscall(SYS_setgroups, groups.size(), groups.data()) == 0;
}

bool get_groups(std::vector<unsigned>& into) {
  const long count = syscall(SYS_getgroups, 0, nullptr);
  if (count < 0) return false;
  into.resize(static_cast<std::size_t>(count));
  return syscall(SYS_getgroups, count, into.data()) == count;
}

const ActingUser* acting = nullptr;  // there is one thread

}  // namespace

struct ActingAs::Own {
  unsigned uid = static_cast<unsigned>(syscall(SYS_setfsuid, -1));
  unsigned gid = static_cast<unsigned>(syscall(SYS_setfsgid, -1));
  int dumpable = prctl(PR_GET_DUMPABLE);
  Capabilities capabilities{};
  std::vector<unsigned> groups;
};

ActingUser acting_user(std::string_view run_as) {
  ActingUser out;
  if (run_as.empty() || geteuid() != 0) return out;
  auto account = read_account(run_as);
  if (!account || account->uid == 0) return out;
  out.acts = true;
  out.name = std::move(account->name);
  out.uid = account->uid;
  out.gid = account->gid;
  out.groups = std::move(account->groups);
  return out;
}

ActingAs::ActingAs(const ActingUser* user) {
  if (user == nullptr || !user->acts || user == acting) return;
  if (acting != nullptr || !take(*user)) {
    error_ = acting != nullptr ? EPERM : errno;
    if (own_) restore();
    errno = error_;
    return;
  }
  acting = user;
}

ActingAs::~ActingAs() {
  if (!own_) return;
  const int error = errno;
  restore();
  acting = nullptr;
  errno = error;
}

/// The capabilities go last, because they permit all of this.
bool ActingAs::take(const ActingUser& user) {
  auto own = std::make_unique<Own>();
  if (!get_capabilities(own->capabilities) || !get_groups(own->groups) || !set_groups(user.groups))
    return false;
  own_ = std::move(own);
  return set_file_id(SYS_setfsgid, user.gid) && set_file_id(SYS_setfsuid, user.uid) &&
         set_capabilities(without_effect(own_->capabilities));
}

/// Restores in the opposite order. Makes core dumps of this process possible again if they were before
/// (prctl(2), PR_SET_DUMPABLE).
void ActingAs::restore() {
  const Own& own = *own_;
  const bool good = set_capabilities(own.capabilities) && set_file_id(SYS_setfsuid, own.uid) &&
                    set_file_id(SYS_setfsgid, own.gid) && set_groups(own.groups);
  if (!good) std::abort();
  if (own.dumpable == 1) prctl(PR_SET_DUMPABLE, 1);
  own_.reset();
}

bool become(const ActingUser& user) {
  if (!user.acts) return true;
  return set_groups(user.groups) && syscall(SYS_setresgid, user.gid, user.gid, user.gid) == 0 &&
         syscall(SYS_setresuid, user.uid, user.uid, user.uid) == 0 && set_capabilities({});
}

}  // namespace keeper
