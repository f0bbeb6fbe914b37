#include "keeper/ready/probe.hpp"

#include <algorithm>
#include <asio/io_context.hpp>
#include <exception>

namespace keeper {
namespace {

constexpr Millis kFirst{50};
constexpr Millis kPause{200};
constexpr Millis kLongestPause{2'000};

}  // namespace

Probe::Probe(asio::io_context& io, Make make, Millis limit, std::function<void()> on_success)
    : timer_(io), make_(std::move(make)), limit_(limit), on_success_(std::move(on_success)) {}

void Probe::start() {
  stop();
  pause_ = kPause;
  after(kFirst, [this] { try_once(); });
}

void Probe::stop() {
  living_.renew();
  timer_.cancel();
  attempt_.reset();
}

/// Waits for this from here on, and no longer for anything earlier.
template <class F>
void Probe::after(Millis wait, F then) {
  living_.renew();
  timer_.expires_after(wait);
  timer_.async_wait(living_.only(std::move(then)));
}

/// If there is no memory, or no room in epoll, the try fails like any other.
void Probe::try_once() {
  after(limit_, [this] { ended(false, "did not answer within " + duration_text(limit_)); });
  answer_ = "has not answered yet";
  auto mark = living_.mark();
  try {
    begin_attempt();
  } catch (const std::exception& error) {
    if (!mark.expired()) ended(false, std::string("could not be tried: ") + error.what());
  }
}

void Probe::begin_attempt() {
  attempt_ = make_([this, mark = living_.mark()](bool good, std::string answer) {
    if (!mark.expired()) ended(good, std::move(answer));
  });
  attempt_->begin();
}

void Probe::ended(bool good, std::string answer) {
  answer_ = std::move(answer);
  if (!good) {
    attempt_.reset();
    after(pause_, [this] { try_once(); });
    pause_ = std::min(pause_ * 3 / 2, kLongestPause);
    return;
  }
  stop();
  auto tell = on_success_;
  tell();
}

}  // namespace keeper
