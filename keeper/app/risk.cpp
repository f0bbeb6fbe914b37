#include "keeper/app/risk.hpp"

#include <cerrno>

#include "keeper/app/fd_store.hpp"
#include "keeper/app/lifecycle_log.hpp"
#include "keeper/app/state_journal.hpp"
#include "keeper/app/subscribers.hpp"

namespace keeper {
namespace {

constexpr Millis kAgain{1000};

}  // namespace

std::string Risk::text() const {
  if (!guard_.empty()) return guard_;
  if (!page_.empty()) return page_;
  return store_.trouble();
}

void Risk::note_page(const Done& done) {
  std::string trouble = done ? "" : done.error().text();
  const int cause = done ? 0 : done.error().errnum;
  if (cause == ENOSPC || cause == EDQUOT) trouble += "; make room on the disk of " + app_.home.path();
  if (cause == EMFILE)
    trouble += "; 'prlimit --pid " + std::to_string(app_.own_pid) +
               " --nofile=4096:' gives this keeper more descriptors";
  if (trouble == page_) return;
  page_ = std::move(trouble);
  update();
}

void Risk::update() {
  const std::string now = text();
  if (now.empty() != told_.empty()) {
    log_.add(now.empty() ? "the program would survive the end of this keeper again"
                         : "should this keeper be killed, nobody can go on where it was: " + now);
    subscribers_.send(app_.machine.run(), now.empty() ? "at_risk_no_more" : "at_risk", now);
  }
  told_ = now;
  if (now.empty() || app_.leaving_as) return static_cast<void>(again_.cancel());
  again_.expires_after(kAgain);
  again_.async_wait([this](std::error_code error) {
    if (!error && !app_.is_over()) try_again();
  });
}

void Risk::try_again() {
  store_.put_again();
  journal_.try_again();
  update();
  log_.flush();
}

void Risk::describe(Status& status) {
  if (std::string risk = text(); !risk.empty()) status.at_risk = std::move(risk);
}

}  // namespace keeper
