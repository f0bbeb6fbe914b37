#include "keeper/app/state_journal.hpp"

#include <array>
#include <cstring>
#include <new>

#include "keeper/app/fd_store.hpp"
#include "keeper/app/lifecycle_log.hpp"
#include "keeper/app/risk.hpp"

namespace keeper {
namespace {

constexpr const char* kState = "state";

}  // namespace

void StateJournal::use(Result<StatePage> page) {
  if (page)
    page_.emplace(std::move(*page));
  else
    return risk_.note_page(page.error());
  risk_.note_page({});
}

bool StateJournal::save() try {
  if (app_.name_lost && !page_) return true;
  if (!page_) use(StatePage::open(app_.home, app_.stem()));
  if (!page_) return false;
  const Done written = write();
  if (!written || page_has_name_) risk_.note_page(written);
  return static_cast<bool>(written);
} catch (const std::bad_alloc&) {
  events_.exit_out_of_memory();
  return false;
}

/// If there is no room for all of it, it is written without what a successor does not need.
Done StateJournal::write() {
  KeptState state = this->state();
  if (page_->damaged()) rewrite(state.inbox);
  Done written = page_->write(to_bytes(state));
  if (written) return written;
  state.machine.memory.marks.clear();
  state.missed.clear();
  state.missed_text.clear();
  state.left.clear();
  for (KeptRun& run : state.runs)
    run.oom.reset();
  written = page_->write(to_bytes(state));
  if (written) return written;
  Error error = written.error();
  error.doing += " into " + app_.home.state_path(app_.stem());
  return error;
}

SpawnClaim StateJournal::claim_for(RunId id) {
  if (!page_) return {};
  const std::uint64_t claim = page_->begin_claim(id);
  return {&page_->claim(), claim};
}

void StateJournal::renew() {
  auto page = StatePage::open(app_.home, app_.stem());
  page_has_name_ = static_cast<bool>(page);
  if (!page)
    return risk_.note_page(page.error());  // the guard holds the old one, but nobody else would find it
  if (page_) {
    for (std::size_t i = 0; i < StatePage::kPlaces; ++i)
      std::memcpy(page->place(i), page_->place(i), StatePage::kPlace);
    std::memcpy(static_cast<void*>(&page->inbox()), static_cast<const void*>(&page_->inbox()), sizeof(Inbox));
  }
  take(std::move(*page));
  save();
  store_.put(kState, page_->file());
}

void StateJournal::rewrite(std::uint32_t inbox) {
  auto page = page_->made_anew(app_.home.state_path(app_.stem()), inbox);
  if (!page) return;  // the next change is another chance
  take(std::move(*page));
  log_.add(app_.home.state_path(app_.stem()) + " was damaged, and is written again");
}

void StateJournal::take(StatePage page) {
  std::array<PieceMark*, StatePage::kPlaces> marks{};
  for (std::size_t i = 0; i < marks.size(); ++i)
    marks[i] = static_cast<PieceMark*>(page.place(i));
  app_.output->use_marks(marks);
  page_.emplace(std::move(page));
}

KeptState StateJournal::state() const {
  KeptState out;
  out.boot = app_.boot_id;
  out.keeper = app_.own_pid;
  out.machine = app_.machine.snapshot();
  for (const Part* part : parts_)
    part->save(out);
  if (app_.machine.wanted() == Wanted::down) out.forget = app_.forget;
  return out;
}

void StateJournal::try_again() {
  if (page_has_name_)
    save();
  else
    renew();
}

void StateJournal::add_descriptors(std::vector<HeldFd>& out) const {
  if (page_) out.push_back({kState, page_->file()});
}

}  // namespace keeper
