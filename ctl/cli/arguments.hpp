// The options of one command: declared by the command, parsed here, and shown by its --help.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ctl/cli/command.hpp"
#include "protocol/base/units.hpp"

namespace keeper {

class Arguments {
 public:
  Arguments(const Command& command, std::vector<std::string> words);
  ~Arguments();

  /// Option names are "-f,--follow". What they write to must live until parse() has returned.
  void flag(const char* names, bool& into, const char* help);
  void text(const char* names, std::string& into, const char* value, const char* help);
  /// The same, and it may be given again.
  void texts(const char* names, std::vector<std::string>& into, const char* value, const char* help);
  void duration(const char* names, std::optional<Millis>& into, const char* help);
  /// The words that are no options, `least` of them at least.
  void words(std::vector<std::string>& into, const char* what, std::size_t least);

  /// Nothing: go on. Else it has said what is wrong, or shown the help, and this is the exit code.
  std::optional<int> parse();

  /// Says that the words are wrong, and how to learn more; the exit code for that.
  int wrong(const std::string& why) const;

 private:
  struct Parser;
  struct Shown {
    std::string names, help;
  };
  std::string help() const;

  const Command& command_;
  std::vector<std::string> given_;
  std::unique_ptr<Parser> parser_;
  std::vector<Shown> shown_;
  std::vector<std::function<std::string()>> checks_;  ///< after the parse; what is wrong, if anything
};

}  // namespace keeper
