// ProgramWatch: notices that the program's file is another one (--restart-on-change).
#pragma once
#include <memory>
#include <string>

#include "keeper/app/app.hpp"
#include "keeper/app/events.hpp"
#include "keeper/watch/file_watch.hpp"

namespace keeper {

class LifecycleLog;
class Terminal;

class ProgramWatch {
 public:
  ProgramWatch(App& app, Events& events, LifecycleLog& log, Terminal& terminal)
      : app_(app), events_(events), log_(log), terminal_(terminal) {}

  /// Watches that file from now on. If it cannot be watched, the program is kept all the same.
  void watch(const std::string& path);
  /// Whether the file has changed since has_changed() was cleared.
  bool has_changed() const { return changed_; }
  void clear() { changed_ = false; }
  void stop() { watch_.reset(); }

 private:
  App& app_;
  Events& events_;
  LifecycleLog& log_;
  Terminal& terminal_;
  std::unique_ptr<FileWatch> watch_;
  bool is_off_ = false;  ///< it cannot be watched, which was said
  bool changed_ = false;
};

}  // namespace keeper
