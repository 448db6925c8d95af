// SPDX-License-Identifier: MIT
#include "traversal/journal.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <glib.h>

namespace natterjack {

namespace {

using Clock = std::chrono::system_clock;
Error io_error(const std::string& what, int error_number) {
    return Error{Errc::Network, what + ": " + std::strerror(error_number), error_number};
}

bool has_ended(const JournalEntry& entry, Clock::time_point now) {
    return entry.ends != Clock::time_point() && entry.ends <= now;
}

// The file's text, or more than a journal may have of it; empty when there is none.
std::optional<std::string> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return std::nullopt;
    std::string out;
    std::array<char, 16384> chunk{};
    while (out.size() <= Journal::kMaxBytes && file) {
        file.read(chunk.data(), chunk.size());
        out.append(chunk.data(), static_cast<std::size_t>(file.gcount()));
    }
    return out;
}

// The new text or the old, never half of it, even if this process dies in the middle. Not synced to
// the disk: that would cost every mapping tens of milliseconds, and a journal that a power cut
// truncates is set aside like any other that cannot be understood. Call under the lock.
Result<void> replace_file(const std::string& path, const std::string& text) {
    const auto fresh = path + ".new";
    const int fd =
        ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return io_error(fresh, errno);
    std::size_t written = 0;
    while (written < text.size()) {
        const auto count = ::write(fd, text.data() + written, text.size() - written);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        written += static_cast<std::size_t>(count);
    }
    const int error_number = written < text.size() ? errno : 0;
    ::close(fd);
    if (error_number != 0) return io_error(fresh, error_number);
    if (::rename(fresh.c_str(), path.c_str()) != 0) return io_error(path, errno);
    return {};
}

/// An advisory lock on a file beside the journal, which itself is replaced at each write.
class FileLock {
public:
    explicit FileLock(const std::string& path)
        : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
        // Bounded: a holder that was stopped in the middle must not stop us too.
        for (int tries = 0; fd_ >= 0 && tries < kTries; ++tries) {
            if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) {
                held_ = true;
                return;
            }
            g_usleep(kPauseMicroseconds);
        }
    }
    ~FileLock() {
        if (fd_ >= 0) ::close(fd_);
    }
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;

    [[nodiscard]] bool held() const { return held_; }

private:
    static constexpr int kTries = 40;
    static constexpr gulong kPauseMicroseconds = 5000;

    int fd_;
    bool held_ = false;
};

} // namespace

bool is_same_mapping(const Mapping& a, const Mapping& b) {
    return a.strategy == b.strategy && a.gateway == b.gateway && a.transport == b.transport &&
           a.internal == b.internal && a.remote == b.remote;
}

bool may_be_same_hardware(const std::string& a, const std::string& b) {
    return a.empty() || b.empty() || a == b;
}

/// Several loops' threads may have copies of one journal.
struct Journal::LastRead {
    std::mutex mutex;
    std::string text;
    ContentsPtr contents;
};

Journal::Journal(std::string directory)
    : directory_(std::move(directory)), last_read_(std::make_shared<LastRead>()) {
}

Journal Journal::of_user() {
    // GLib falls back to the passwd database for the home directory.
    const char* state = g_get_user_state_dir();
    return Journal(state == nullptr || *state != '/' ? "" : std::string(state) + "/natterjack");
}

Journal::ContentsPtr Journal::read_contents() const {
    if (directory_.empty()) return nullptr;
    const auto text = read_file(path()); // atomic replacement makes a lock needless for reading
    return text ? parsed(*text) : nullptr;
}

Journal::ContentsPtr Journal::parsed(const std::string& text) const {
    const std::lock_guard lock(last_read_->mutex);
    if (last_read_->contents && last_read_->text == text) return last_read_->contents;
    auto contents = text.size() > kMaxBytes ? std::nullopt : parse_journal(text);
    if (!contents) return nullptr;
    last_read_->text = text;
    last_read_->contents = std::make_shared<const JournalContents>(*std::move(contents));
    return last_read_->contents;
}

std::vector<JournalEntry> Journal::read(Clock::time_point now) const {
    const auto contents = read_contents();
    if (!contents) return {};
    std::vector<JournalEntry> out;
    std::copy_if(contents->entries.begin(), contents->entries.end(), std::back_inserter(out),
                 [&](const JournalEntry& entry) { return !has_ended(entry, now); });
    return out;
}

template<class Change>
Result<void> Journal::update(Clock::time_point now, Change change) const {
    if (directory_.empty()) return {};
    if (g_mkdir_with_parents(directory_.c_str(), 0700) != 0) return io_error(directory_, errno);
    const FileLock lock(path() + ".lock");
    if (!lock.held()) return io_error(path() + ".lock", errno);
    JournalContents contents;
    if (const auto text = read_file(path())) {
        const auto known = parsed(*text);
        if (!known) {
            const auto aside = path() + ".broken";
            g_warning("%s cannot be understood: set aside as %s", path().c_str(), aside.c_str());
            if (::rename(path().c_str(), aside.c_str()) != 0) return io_error(aside, errno);
        } else {
            contents = *known;
        }
    }
    auto& [entries, gateways] = contents;
    std::erase_if(entries, [&](const JournalEntry& entry) { return has_ended(entry, now); });
    change(contents);
    if (entries.size() > kMaxEntries) {
        entries.erase(entries.begin(), entries.end() - kMaxEntries);
    }
    if (gateways.size() > kMaxGateways) {
        gateways.erase(gateways.begin(), gateways.end() - kMaxGateways);
    }
    return replace_file(path(), to_text(contents));
}

Result<void> Journal::put(const JournalEntry& entry, Clock::time_point now) const {
    return apply({{entry}}, now);
}

Result<void> Journal::erase(const Mapping& mapping, Clock::time_point now) const {
    return apply({{.entry = {.mapping = mapping}, .erase = true}}, now);
}

Result<void> Journal::apply(const std::vector<JournalChange>& changes,
                            Clock::time_point now) const {
    return update(now, [&](JournalContents& contents) {
        for (const JournalChange& change : changes) {
            std::erase_if(contents.entries, [&](const JournalEntry& other) {
                return is_same_mapping(change.entry.mapping, other.mapping) &&
                       may_be_same_hardware(change.entry.hardware, other.hardware);
            });
            if (!change.erase) contents.entries.push_back(change.entry);
        }
    });
}

Claim Journal::claim(const Mapping& wanted, const std::string& hardware, const net::Process& owner,
                     Clock::time_point now) const {
    const auto is_port = [&](const JournalEntry& entry) {
        return entry.mapping.gateway == wanted.gateway &&
               entry.mapping.transport == wanted.transport &&
               entry.mapping.internal == wanted.internal && entry.mapping.remote == wanted.remote &&
               !has_ended(entry, now) && may_be_same_hardware(entry.hardware, hardware);
    };
    const auto is_foreign = [&](const JournalEntry& entry) {
        return is_port(entry) && entry.owner != owner && net::may_be_alive(entry.owner);
    };
    const auto known = read_contents(); // most of the time there is nothing to write
    if (!known || std::none_of(known->entries.begin(), known->entries.end(), is_port)) return {};
    Claim claim;
    const auto written = update(now, [&](JournalContents& contents) {
        auto& entries = contents.entries;
        auto found = std::find_if(entries.begin(), entries.end(), is_foreign);
        if (found != entries.end()) {
            claim = {Ownership::Foreign, *found};
            return;
        }
        found = std::find_if(entries.begin(), entries.end(), [&](const JournalEntry& entry) {
            return is_port(entry) && entry.mapping.strategy == wanted.strategy;
        });
        if (found == entries.end()) return;
        claim = {Ownership::Inherited, *found};
        found->owner = owner;
    });
    // Without the lock nobody may be sure.
    if (!written && claim.ownership == Ownership::Inherited) return {};
    return claim;
}

std::vector<Mapping> Journal::claim_orphans(const IpAddress& gateway, const std::string& hardware,
                                            const net::Process& owner,
                                            Clock::time_point now) const {
    const auto is_orphan = [&](const JournalEntry& entry) {
        return entry.mapping.gateway == gateway && entry.owner.pid != 0 &&
               entry.owner.program == owner.program && !has_ended(entry, now) &&
               may_be_same_hardware(entry.hardware, hardware) && !net::may_be_alive(entry.owner);
    };
    const auto known = read_contents();
    if (!known || std::none_of(known->entries.begin(), known->entries.end(), is_orphan)) return {};
    std::vector<Mapping> out;
    const auto written = update(now, [&](JournalContents& contents) {
        for (JournalEntry& entry : contents.entries) {
            if (!is_orphan(entry)) continue;
            entry.owner = owner;
            out.push_back(entry.mapping);
        }
    });
    return written ? out : std::vector<Mapping>{};
}

GatewayMemory Journal::recall(const IpAddress& gateway, const std::string& hardware) const {
    const auto contents = read_contents();
    if (!contents) return {};
    const auto found = std::find_if(
        contents->gateways.rbegin(), contents->gateways.rend(), [&](const KnownGateway& known) {
            return known.gateway == gateway && may_be_same_hardware(known.hardware, hardware);
        });
    return found == contents->gateways.rend() ? GatewayMemory{} : found->memory;
}

Result<void> Journal::remember(const KnownGateway& known, Clock::time_point now) const {
    return update(now, [&](JournalContents& contents) {
        std::erase_if(contents.gateways, [&](const KnownGateway& other) {
            return other.gateway == known.gateway && other.hardware == known.hardware;
        });
        contents.gateways.push_back(known);
    });
}

} // namespace natterjack
