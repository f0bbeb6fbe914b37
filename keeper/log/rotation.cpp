#include "keeper/log/rotation.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>

namespace keeper {
namespace {

using std::string;
using std::string_view;
using Kind = RotationStep::Kind;

constexpr int kMostNumber = 1'000'000'000;

/// Returns the number in "12"; 0 for other text.
int number_of(string_view digits) {
  int number = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  bool good =
      error == std::errc() && end == digits.data() + digits.size() && number > 0 && number < kMostNumber;
  return good && digits.front() != '0' ? number : 0;
}

/// The files under one number: 0 is PATH itself.
struct Place {
  bool log = false, compressed = false, index = false, foreign = false;
  std::uint64_t log_size = 0, compressed_size = 0;
  bool taken() const { return log || compressed; }
};

/// The files of a log while a plan is made: every step is applied here at once, so the next one sees it.
class Chain {
 public:
  Chain(string_view base, std::span<const DirectoryEntry> files, const RotationRules& rules)
      : base_(base), rules_(rules) {
    for (const DirectoryEntry& file : files)
      if (file.name.starts_with(base_)) note(file, string_view(file.name).substr(base_.size()));
  }

  RotationPlan take() && { return std::move(plan_); }

  void clean();
  void insert_aside();
  void insert_newest();
  void trim();
  void compress_oldest();
  void drop_lost_indexes();
  void install(int number);

 private:
  void note(const DirectoryEntry& file, string_view rest);
  string name(int number, const char* suffix = "") const {
    return base_ + (number == 0 ? "" : "." + std::to_string(number)) + suffix;
  }
  void rename(string from, string to) { plan_.push_back({Kind::rename, std::move(from), std::move(to)}); }
  void remove(string what) { plan_.push_back({Kind::remove, std::move(what), {}}); }

  bool is_foreign(int number) const;
  int next_above(int number) const;
  int last() const;
  int lowest_gap() const;
  void drop(int number);
  void move(int number, int above);
  void move_index(int number, int above);
  int make_gap();
  std::uint64_t most() const;

  string base_;
  RotationRules rules_;
  std::map<int, Place> places_;
  std::vector<string> leftovers_;
  bool aside_ = false;  ///< PATH.rotating, a name of an earlier version
  std::uint64_t aside_size_ = 0;
  bool temporary_ = false;  ///< PATH.gz.tmp
  RotationPlan plan_;
};

void Chain::note(const DirectoryEntry& file, string_view rest) {
  if (rest == ".rotating") aside_ = file.regular;
  if (rest == ".rotating") aside_size_ = file.size;
  if (rest == ".gz.tmp") temporary_ = file.regular;
  if (rest == ".idx" && file.regular) places_[0].index = true;
  if (rest.empty()) places_[0].log = file.regular;
  if (rest.empty()) places_[0].log_size = file.size;
  if (!rest.starts_with('.')) return;
  rest.remove_prefix(1);
  auto dot = std::min(rest.find('.'), rest.size());
  int number = number_of(rest.substr(0, dot));
  string_view suffix = rest.substr(dot);
  if (number == 0) return;
  if (suffix.empty() || suffix == ".gz" || suffix == ".idx") {
    Place& place = places_[number];
    if (!file.regular) place.foreign = true;
    if (!file.regular) return;
    (suffix.empty() ? place.log : suffix == ".gz" ? place.compressed : place.index) = true;
    if (suffix != ".idx") (suffix.empty() ? place.log_size : place.compressed_size) = file.size;
  } else if (suffix == ".gz.tmp" && file.regular) {
    leftovers_.push_back(file.name);
  }
}

/// Removes incomplete files, and originals whose compressed file is complete.
void Chain::clean() {
  for (string& leftover : leftovers_)
    remove(std::move(leftover));
  if (temporary_ && !rules_.compressing) remove(base_ + ".gz.tmp");
  for (auto& [number, place] : places_) {
    if (!place.log || !place.compressed || number == 0) continue;
    if (place.index) remove(name(number, ".idx"));
    remove(name(number));
    place.log = place.index = false;
  }
}

bool Chain::is_foreign(int number) const {
  auto place = places_.find(number);
  return place != places_.end() && place->second.foreign;
}

int Chain::next_above(int number) const {
  while (is_foreign(++number)) {
  }
  return number;
}

/// Returns the highest number that a backup may have; 0 for none.
int Chain::last() const {
  int number = rules_.backups;
  while (number > 0 && is_foreign(number))
    --number;
  return number;
}

/// Returns the lowest free number up to last(); beyond it if there is none.
int Chain::lowest_gap() const {
  int gap = next_above(0);
  for (auto place = places_.find(gap); place != places_.end() && place->second.taken();
       place = places_.find(gap))
    gap = next_above(gap);
  return gap;
}

void Chain::drop(int number) {
  Place& place = places_[number];
  if (place.index) remove(name(number, ".idx"));
  if (place.log) remove(name(number));
  if (place.compressed) remove(name(number, ".gz"));
  bool foreign = place.foreign;
  place = {};
  place.foreign = foreign;
}

/// Keeps an index that waits above for this file; an older one makes room.
void Chain::move_index(int number, int above) {
  if (!places_[number].index) return;
  if (places_[above].index) remove(name(above, ".idx"));
  rename(name(number, ".idx"), name(above, ".idx"));
  places_[number].index = false;
  places_[above].index = true;
}

void Chain::move(int number, int above) {
  move_index(number, above);
  Place &from = places_[number], &to = places_[above];
  if (from.log) rename(name(number), name(above));
  if (from.compressed) rename(name(number, ".gz"), name(above, ".gz"));
  to.log = from.log;
  to.compressed = from.compressed;
  to.log_size = from.log_size;
  to.compressed_size = from.compressed_size;
  from = {};
}

/// Frees the lowest number, and returns it. There is at least one that a backup may have.
int Chain::make_gap() {
  int gap = lowest_gap();
  if (gap > last()) drop(gap = last());
  std::vector<int> below;
  for (int number = next_above(0); number < gap; number = next_above(number))
    below.push_back(number);
  for (; !below.empty(); below.pop_back()) {
    move(below.back(), gap);
    gap = below.back();
  }
  return gap;
}

void Chain::insert_aside() {
  if (!aside_) return;
  if (rules_.backups == 0) return remove(base_ + ".rotating");
  if (last() == 0) return;  // no name is free for it
  int first = make_gap();
  rename(base_ + ".rotating", name(first));
  places_[first].log = true;
  places_[first].log_size = aside_size_;
}

void Chain::insert_newest() {
  if (!places_[0].log) return;
  if (rules_.backups == 0) return drop(0);
  if (last() > 0) move(0, make_gap());
}

/// Returns the bytes of the backups and of a PATH that has grown to its size.
std::uint64_t Chain::most() const {
  std::uint64_t all = std::numeric_limits<std::uint64_t>::max(), files = 0;
  bool bounded = rules_.max_size > 0 && rules_.backups >= 0;
  bool fits =
      bounded &&
      !__builtin_mul_overflow(rules_.max_size, static_cast<std::uint64_t>(rules_.backups) + 1, &files) &&
      !__builtin_add_overflow(files, kLineEnds, &files);
  if (fits) all = files;
  return std::min(all, rules_.max_total.value_or(all));
}

/// Removes the oldest while there are too many, or they are too large.
void Chain::trim() {
  std::uint64_t total = rules_.max_size;
  std::vector<int> too_many;
  for (const auto& [number, place] : places_) {
    if (number == 0 || !place.taken()) continue;
    total += (place.log ? place.log_size : 0) + (place.compressed ? place.compressed_size : 0);
    bool fits = number <= rules_.backups && total <= most() && too_many.empty();
    if (!fits) too_many.push_back(number);
  }
  for (auto number = too_many.rbegin(); number != too_many.rend(); ++number)
    drop(*number);
}

void Chain::compress_oldest() {
  if (!rules_.compress || rules_.compressing) return;
  for (auto place = places_.rbegin(); place != places_.rend(); ++place)
    if (place->first > 0 && place->second.log)
      return plan_.push_back({Kind::compress, name(place->first), base_ + ".gz.tmp"});
}

/// Handles an index without its file. At a gap it may belong to the file below, whose rotation was
/// interrupted: it moves back.
void Chain::drop_lost_indexes() {
  for (auto& [number, place] : places_) {
    if (number == 0 || !place.index || place.log) continue;
    auto below = places_.find(number - 1);
    bool goes_back = below != places_.end() && below->second.log && !below->second.index && !place.taken();
    place.index = false;
    if (!goes_back) {
      remove(name(number, ".idx"));
      continue;
    }
    rename(name(number, ".idx"), name(number - 1, ".idx"));
    below->second.index = true;
  }
}

void Chain::install(int number) {
  if (!temporary_) return;
  auto found = places_.find(number);
  bool wanted = number > 0 && found != places_.end() && found->second.log && !found->second.compressed;
  if (!wanted) return remove(base_ + ".gz.tmp");
  rename(base_ + ".gz.tmp", name(number, ".gz"));
  if (found->second.index) remove(name(number, ".idx"));
  remove(name(number));
}

RotationPlan in_order(string_view base, std::span<const DirectoryEntry> files, const RotationRules& rules,
                      bool rotate) {
  Chain chain(base, files, rules);
  chain.clean();
  chain.insert_aside();
  if (rotate) chain.insert_newest();
  chain.trim();
  chain.drop_lost_indexes();
  chain.compress_oldest();
  return std::move(chain).take();
}

}  // namespace

RotationPlan plan_rotation(string_view base, std::span<const DirectoryEntry> files,
                           const RotationRules& rules) {
  return in_order(base, files, rules, true);
}

RotationPlan plan_tidying(string_view base, std::span<const DirectoryEntry> files,
                          const RotationRules& rules) {
  return in_order(base, files, rules, false);
}

RotationPlan plan_compressed(string_view base, std::span<const DirectoryEntry> files, int number) {
  Chain chain(base, files, {});
  chain.install(number);
  return std::move(chain).take();
}

}  // namespace keeper
