#include "protocol/base/users.hpp"

#include <pwd.h>

#include <cstdio>
#include <memory>

namespace keeper {
namespace {

using std::string;

template <class Read>
void read_user(unsigned uid, Read read) {
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen("/etc/passwd", "re"), std::fclose);
  while (const passwd* user = file ? fgetpwent(file.get()) : nullptr)
    if (user->pw_uid == uid) return read(*user);
}

}  // namespace

string passwd_name(unsigned uid) {
  string name;
  read_user(uid, [&](const passwd& user) { name = user.pw_name; });
  return name;
}

string passwd_home(unsigned uid) {
  string home;
  read_user(uid, [&](const passwd& user) { home = user.pw_dir; });
  return home;
}

string user_name(unsigned uid) {
  string name = passwd_name(uid);
  return name.empty() ? "uid " + std::to_string(uid) : name;
}

string user_text(unsigned uid) {
  string name = passwd_name(uid), number = "uid " + std::to_string(uid);
  return name.empty() ? number : name + " (" + number + ")";
}

}  // namespace keeper
