// What a part of the keeper needs of the others, as a test has it.
#pragma once
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "keeper/app/app.hpp"
#include "keeper/app/status_source.hpp"
#include "keeper/control/service.hpp"
#include "keeper/core/machine.hpp"
#include "keeper/core/recorder.hpp"

namespace keeper {

/// An app: a real machine with its history, and parts that hear of what it announces as the keeper's do.
class FakeApp : public StatusSource {
 public:
  explicit FakeApp(const Policy& policy = {}) : machine(policy) {}

  Status status() override {
    Status out;
    out.name = "api";
    out.state = machine.state();
    out.run = machine.run();
    return out;
  }
  std::string stuck_text() const override { return machine.stuck(); }

  /// Steps the machine. Announcements are noted, told to `part`, and then published.
  template <class P>
  void tell(P& part, const Event& event) {
    std::vector<action::Announce> told;
    for (const Action& action : machine.step(event, now)) {
      const auto* announce = std::get_if<action::Announce>(&action);
      if (announce == nullptr) continue;
      recorder.note(*announce, WallTime{}, now);
      part.announced(*announce);
      told.push_back(*announce);
    }
    for (const action::Announce& each : told)
      part.published(each);
  }

  Machine machine;
  Recorder recorder{{}, Restart::always};
  std::vector<int> survivors;
  Time now{0};
};

/// An app "api" that runs sleep(1), in a home of its own that is removed at the end. No keeper has it.
class TempApp {
 public:
  explicit TempApp(Snapshot machine = {}) {
    const std::string pattern = std::filesystem::temp_directory_path() / "keeper-app-XXXXXX";
    path_ = pattern;
    if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("cannot make " + pattern);
    Home home = *Home::open(path_ + "/home", Home::Create::yes);
    Spec spec;
    spec.name = "api";
    spec.program = "/bin/sleep";
    spec.args = {"1000"};
    spec.cwd = path_;
    if (!home.lock("api", Home::kLockWait))
      throw std::runtime_error("cannot lock the app");  // makes its directory
    if (Done done = home.write_spec("api", spec); !done) throw std::runtime_error(done.error().text());
    RoleTable table;
    table.home = home.path();
    table.stem = "api";
    app_ = std::make_unique<App>(std::move(table), std::move(home), std::move(spec), std::vector<RunRecord>(),
                                 std::move(machine));
  }
  ~TempApp() {
    environ = environment_;  // Configuration has put its own in place
    app_.reset();
    std::filesystem::remove_all(path_);
  }
  TempApp(const TempApp&) = delete;
  TempApp& operator=(const TempApp&) = delete;

  App& operator*() { return *app_; }
  App* operator->() { return app_.get(); }

 private:
  char** const environment_ = environ;
  std::string path_;
  std::unique_ptr<App> app_;
};

/// A client's connection: the replies that it has been sent.
class Replies : public Answer::Sink, public std::enable_shared_from_this<Replies> {
 public:
  static std::shared_ptr<Replies> make() { return std::make_shared<Replies>(); }
  Answer answer() { return Answer(shared_from_this(), "1"); }

  Result<std::shared_ptr<Answer::Outlet>> open_stream() override {
    return Error{Reason::failed, "open a stream", "this is a test", 0};
  }
  bool room_for(std::size_t) const override { return true; }
  void deliver(std::string reply) override { all.push_back(std::move(reply)); }
  void attach(Fd) override {}

  std::vector<std::string> all;
};

}  // namespace keeper
