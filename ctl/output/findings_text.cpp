#include "ctl/output/findings_text.hpp"

#include <algorithm>

#include "ctl/output/colour.hpp"
#include "protocol/base/escape.hpp"

namespace keeper {
namespace {

using std::string;

constexpr std::size_t kColumn = 9;  // "warning" and two spaces

string word_of(const Finding& finding) {
  return finding.fixed ? "fixed" : string(word_for(finding.severity));
}

Colour colour_of(const Finding& finding) {
  if (finding.fixed) return Colour::green;
  if (finding.severity == Severity::error) return Colour::red;
  return finding.severity == Severity::warning ? Colour::yellow : Colour::dim;
}

/// "2 errors"; nothing for none.
void add_count(const std::vector<Finding>& findings, const string& word, string& out) {
  auto count = std::count_if(findings.begin(), findings.end(),
                             [&](const Finding& finding) { return word_of(finding) == word; });
  if (count == 0) return;
  out += (out.empty() ? "" : ", ") + std::to_string(count) + " " + word;
  if (count > 1 && word != "fixed") out += "s";
}

}  // namespace

string findings_text(const std::vector<Finding>& findings, bool coloured) {
  string out;
  for (const Finding& finding : findings) {
    string word = word_of(finding);
    out += painted(word, colour_of(finding), coloured) + string(kColumn - word.size(), ' ');
    if (finding.app) out += escaped(*finding.app) + ": ";
    out += escaped(finding.what) + "\n" + string(kColumn, ' ') + escaped(finding.remedy) + "\n";
  }
  return out;
}

string findings_summary(const std::vector<Finding>& findings, const string& where) {
  string counts;
  for (const char* word : {"error", "warning", "note", "fixed"})
    add_count(findings, word, counts);
  bool well = std::none_of(findings.begin(), findings.end(),
                           [](const Finding& finding) { return finding.remains(); });
  string out = "looked at " + escaped(where) + ": ";
  if (well) return out + "all is well" + (counts.empty() ? "" : " (" + counts + ")") + "\n";
  return out + counts + "\n";
}

}  // namespace keeper
