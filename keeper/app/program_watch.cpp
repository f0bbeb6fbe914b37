#include "keeper/app/program_watch.hpp"

#include <asio/post.hpp>

#include "keeper/app/lifecycle_log.hpp"
#include "keeper/app/terminal.hpp"
#include "protocol/store/inotify_use.hpp"

namespace keeper {

void ProgramWatch::watch(const std::string& path) {
  if (is_off_ || (watch_ && watch_->path() == path)) return;
  const auto by = may_take_instance(app_.home) ? FileWatch::By::events : FileWatch::By::looks;
  auto changed = [this] {
    changed_ = true;
    asio::post(app_.io, [this] {  // what follows may end this watch
      if (!app_.leaving_as) events_.tell(event::ProgramChanged{});
    });
  };
  auto made = FileWatch::make(app_.io, path, by, std::move(changed), &app_.user);
  if (made) {
    watch_ = std::move(*made);
    return;
  }
  is_off_ = true;
  log_.add("restart_on_change is off: " + made.error().text());
  terminal_.notice("restart_on_change is off: " + made.error().text());
}

}  // namespace keeper
