// SPDX-License-Identifier: MIT
/// \file
/// \brief What this user's programs have mapped, kept across runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "strategies/mapper.hpp"

namespace natterjack {

/// A mapping as it outlives its program: times by the wall clock.
struct JournalEntry {
    Mapping mapping; ///< Without granted_at.
    /// When the gateway forgets it; the epoch: it has no lifetime.
    std::chrono::system_clock::time_point ends;
    /// The process that renews it; 0: it was left to its lifetime.
    std::int64_t owner = 0;
};

/// The file `mappings.json` in `$XDG_STATE_HOME/natterjack` (else `~/.local/state/natterjack`).
///
/// Every call locks the file, so that processes may use it side by side; writes are atomic. A file
/// that cannot be understood is set aside as `mappings.json.broken`, never overwritten in place,
/// and the journal starts afresh. At most kMaxEntries; entries whose lease ended are dropped on
/// write.
class Journal {
public:
    static constexpr std::size_t kMaxEntries = 4096;
    static constexpr std::size_t kMaxBytes = std::size_t{4} * 1024 * 1024;

    /// \a directory is made when something is first written.
    explicit Journal(std::string directory) : directory_(std::move(directory)) {}
    /// The user's own. The directory is empty, and the journal does nothing, when the user has no
    /// home.
    [[nodiscard]] static Journal of_user();

    /// The entries whose lease has not ended at \a now. A journal that cannot be read is empty.
    [[nodiscard]] std::vector<JournalEntry> read(std::chrono::system_clock::time_point now) const;
    /// Adds an entry, or replaces the one for the same mapping (strategy, gateway, transport,
    /// internal endpoint).
    /// \retval Errc::Network  the directory or the file cannot be written (detail: errno)
    Result<void> put(const JournalEntry& entry, std::chrono::system_clock::time_point now) const;
    Result<void> erase(const Mapping& mapping, std::chrono::system_clock::time_point now) const;

private:
    template<class Change>
    Result<void> update(std::chrono::system_clock::time_point now, Change change) const;
    [[nodiscard]] std::string path() const { return directory_ + "/mappings.json"; }

    std::string directory_;
};

/// True when both are one mapping: strategy, gateway, transport and internal endpoint agree.
[[nodiscard]] bool is_same_mapping(const Mapping& a, const Mapping& b);

} // namespace natterjack
