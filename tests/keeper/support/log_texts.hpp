// What tests of logs have in common: all files of one, and what a program wrote into them.
#pragma once
#include "tests/keeper/support/sandbox.hpp"

namespace keeper {

/// A log without keeper's own lines.
std::string output_in(const std::string& log);
/// What a line of the format `time` or `json` holds; json's escapes stay as they are.
std::string text_of(const std::string& line);
/// The same of a whole log, without keeper's own lines: what the program wrote, if it wrote plain text.
std::string texts_in(const std::string& log);
/// Fails the test where they differ, and shows the place.
void expect_same(const std::string& expected, const std::string& actual);
/// All files of a rotated log, oldest first.
std::vector<std::filesystem::path> files_of(const std::filesystem::path& log);
std::string all_of(const std::filesystem::path& log);
/// "NUMBER\n", 100 bytes each.
std::string numbered(int from, int to);

}  // namespace keeper
