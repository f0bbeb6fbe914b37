#include "ctl/cli/arguments.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "ctl/ops/exit_code.hpp"
#include "protocol/base/escape.hpp"

namespace keeper {
namespace {

constexpr const char* kTargets =
    "A TARGET is the name of an app (all its instances), NAME:N (one of them), a process id (the\n"
    "program's or its keeper's), a quoted glob ('w*'), or all.\n";
constexpr const char* kExitCodes =
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not running, 4 no such target, 5 partly done, or no "
    "answer\n"
    "in time.\n";

std::string padded(const std::string& text, std::size_t width) {
  return text + std::string(text.size() < width ? width - text.size() : 1, ' ');
}

/// "-1": a word like others.
bool is_number(std::string_view word) {
  return word.size() > 1 && word.front() == '-' &&
         word.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

}  // namespace

struct Arguments::Parser {
  CLI::App app;
};

Arguments::Arguments(const Command& command, std::vector<std::string> words)
    : command_(command), given_(std::move(words)), parser_(std::make_unique<Parser>()) {
  parser_->app.set_help_flag("-h,--help");
}
Arguments::~Arguments() = default;

void Arguments::flag(const char* names, bool& into, const char* help) {
  parser_->app.add_flag(names, into);
  shown_.push_back({names, help});
}

void Arguments::text(const char* names, std::string& into, const char* value, const char* help) {
  parser_->app.add_option(names, into)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  shown_.push_back({std::string(names) + " " + value, help});
}

void Arguments::texts(const char* names, std::vector<std::string>& into, const char* value,
                      const char* help) {
  CLI::Option* option = parser_->app.add_option(names, into)->expected(1);
  option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  option->allow_extra_args(false);  // or it takes the targets behind it as well
  shown_.push_back({std::string(names) + " " + value, help});
}

void Arguments::duration(const char* names, std::optional<Millis>& into, const char* help) {
  auto text = std::make_shared<std::string>();
  CLI::Option* option = parser_->app.add_option(names, *text);
  option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  shown_.push_back({std::string(names) + " DURATION", help});
  checks_.push_back([text, option, names, &into]() -> std::string {
    if (option->count() == 0) return {};
    auto parsed = parse_duration(*text);
    if (!parsed) return std::string(names) + ": " + parsed.error().why();
    into = *parsed;
    return {};
  });
}

void Arguments::words(std::vector<std::string>& into, const char* what, std::size_t least) {
  parser_->app.add_option(what, into);
  checks_.push_back([&into, what, least]() -> std::string {
    for (std::string& word : into)
      if (word.starts_with(" -") && is_number(std::string_view(word).substr(1))) word.erase(0, 1);
    return into.size() >= least ? "" : "no " + std::string(what) + " is given";
  });
}

int Arguments::wrong(const std::string& why) const {
  std::string name(command_.name);
  std::fprintf(stderr, "ctl: cannot run 'ctl %s': %s\n'ctl %s --help' shows how it is used\n", name.c_str(),
               why.c_str(), name.c_str());
  return exit_code::usage;
}

std::string Arguments::help() const {
  std::string name(command_.name);
  std::string out = "Usage: ctl " + name + " [OPTIONS] " + std::string(command_.usage) + "\n";
  std::string others = command_.short_flag != 0 ? std::string("ctl -") + command_.short_flag : "";
  for (const Alias& alias : command_.aliases) {
    others += (others.empty() ? "ctl " : ", ctl ") + std::string(alias.word);
    if (!alias.first.empty()) others += " (ctl " + name + " " + std::string(alias.first) + ")";
  }
  if (!others.empty()) out += "Also: " + others + "\n";
  out += "\n" + std::string(command_.summary) + "\n" + std::string(command_.more);
  if (command_.usage.find("TARGET") != std::string_view::npos) out += kTargets;

  std::size_t width = 12;
  for (const Shown& option : shown_)
    width = std::max(width, option.names.size() + 2);
  out += "\nOptions:\n";
  for (const Shown& option : shown_)
    out += "  " + padded(option.names, width) + option.help + "\n";
  out += "  " + padded("-h,--help", width) + "show this and exit\n";
  return out + "\nExamples:\n" + std::string(command_.examples) + "\n" + kExitCodes;
}

std::optional<int> Arguments::parse() {
  std::vector<std::string> reversed(given_.rbegin(), given_.rend());  // what CLI11 takes
  for (std::string& word : reversed)
    if (is_number(word)) word.insert(0, " ");  // no option to CLI11
  try {
    parser_->app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    std::fputs(help().c_str(), stdout);
    return exit_code::done;
  } catch (const CLI::ExtrasError&) {
    // CLI11 has left what nobody took.
    for (const std::string& word : parser_->app.remaining())
      return wrong((word.starts_with('-') ? "no option '" : "too many words: '") + word + "'");
    return wrong("too many words");
  } catch (const CLI::ParseError& error) {
    return wrong(error.what());
  }
  for (const auto& check : checks_)
    if (std::string why = check(); !why.empty()) return wrong(why);
  return std::nullopt;
}

}  // namespace keeper
