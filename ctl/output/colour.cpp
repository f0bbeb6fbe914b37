#include "ctl/output/colour.hpp"

#include <array>

namespace keeper {
namespace {

constexpr std::array kCodes = {"", "1", "2", "31", "32", "33", "34", "35", "36"};

}  // namespace

bool colour_wanted(bool terminal, const char* no_color, const char* term) {
  if (!terminal || (no_color != nullptr && *no_color != '\0')) return false;
  return term == nullptr || std::string_view(term) != "dumb";
}

std::string painted(std::string_view text, Colour colour, bool coloured) {
  if (!coloured || colour == Colour::none || text.empty()) return std::string(text);
  return std::string("\x1b[") + kCodes[static_cast<std::size_t>(colour)] + "m" + std::string(text) +
         "\x1b[0m";
}

Colour colour_of(State state) {
  switch (state) {
    case State::running: return Colour::green;
    case State::starting:
    case State::backoff:
    case State::stopping:
    case State::suspended: return Colour::yellow;
    case State::fatal:
    case State::unreachable: return Colour::red;
    case State::stopped:
    case State::exited: return Colour::dim;
  }
  return Colour::none;
}

Colour colour_of_log(std::size_t n) {
  constexpr std::array cycle = {Colour::cyan, Colour::green, Colour::yellow, Colour::magenta, Colour::blue};
  return cycle[n % cycle.size()];
}

}  // namespace keeper
