// Colours: a few, each with one meaning, and only where a terminal shows them.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "protocol/wire/status.hpp"

namespace keeper {

enum class Colour { none, bold, dim, red, green, yellow, blue, magenta, cyan };

/// `no_color` and `term` are the variables' values, nullptr where they are not set (no-color.org).
bool colour_wanted(bool terminal, const char* no_color, const char* term);

std::string painted(std::string_view text, Colour colour, bool coloured);

/// Green: as it should be; yellow: on the way; red: somebody has to look; dim: costs nothing.
Colour colour_of(State state);

/// A colour for the n-th of several logs.
Colour colour_of_log(std::size_t n);

}  // namespace keeper
