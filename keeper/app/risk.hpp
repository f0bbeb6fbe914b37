// Risk: why nobody could resume where this keeper is, should it be killed now. It is told when it begins and
// ends, and while there is one what was missing is tried again each second.
#pragma once
#include <asio/steady_timer.hpp>
#include <string>

#include "keeper/app/app.hpp"
#include "keeper/app/part.hpp"

namespace keeper {

class FdStore;
class LifecycleLog;
class StateJournal;
class Subscribers;

class Risk : public Part {
 public:
  Risk(App& app, FdStore& store, StateJournal& journal, LifecycleLog& log, Subscribers& subscribers)
      : app_(app), store_(store), journal_(journal), log_(log), subscribers_(subscribers), again_(app.io) {}

  /// Returns the risk, and what to do about it; empty if there is none.
  std::string text() const;
  /// Tells of a risk that has begun or ended.
  void update();
  /// Notes whether the state page has the state; a success ends the trouble.
  void note_page(const Done& done);
  /// Notes why there is no guard, though there should be; empty: there is.
  void note_guard(std::string why) { guard_ = std::move(why); }

  void describe(Status& status) override;

 private:
  void try_again();

  App& app_;
  FdStore& store_;
  StateJournal& journal_;
  LifecycleLog& log_;
  Subscribers& subscribers_;
  std::string guard_;         ///< empty: it has one, or is to have none
  std::string page_;          ///< empty: the page has what it should
  std::string told_;          ///< as it was told last
  asio::steady_timer again_;  ///< runs only while there is a risk
};

}  // namespace keeper
