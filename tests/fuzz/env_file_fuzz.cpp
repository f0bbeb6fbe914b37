// Whatever stands in an env file, what comes out of it are variables, K=V without a NUL byte and with a name;
// and values that are put between quotes come out as they went in.
#include <cstdint>
#include <cstdlib>

#include "keeper/child/env_file.cpp"

using namespace keeper;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void quoted_again(const std::string& variable) {
  const auto equals = variable.find('=');
  std::string text = "export " + variable.substr(0, equals + 1) + '"';
  for (char c : variable.substr(equals + 1)) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  // The file's own ends of lines are no part of a value.
  if (text.find('\r') != std::string::npos) return;
  auto again = Reader(text + "\"\n").variables();
  require(again && again->size() == 1 && again->front() == variable);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto variables = Reader({reinterpret_cast<const char*>(data), size}).variables();
  if (!variables) {
    require(!variables.error().about.empty());
    return 0;
  }
  for (const std::string& variable : *variables) {
    const auto equals = variable.find('=');
    require(equals != std::string::npos && equals > 0);
    require(variable.find('\0') == std::string::npos);
    require(variable.find_first_of(" \t\"'`") >= equals);
    quoted_again(variable);
  }
  return 0;
}
