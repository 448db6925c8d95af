// SPDX-License-Identifier: MIT
/// \file
/// \brief What this user's programs have mapped, kept across runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/process.hpp"
#include "strategies/mapper.hpp"
#include "traversal/journal_text.hpp"

namespace natterjack {

/// One change of the journal: an entry that is put or replaced, or a mapping that is gone.
struct JournalChange {
    JournalEntry entry;
    bool erase = false;
};

/// Whose mapping it is, for a process that wants the same one.
enum class Ownership : std::uint8_t {
    Unknown,   ///< The journal has no such mapping.
    Inherited, ///< Its process is gone, or is this one: it is ours now.
    Foreign    ///< A live process renews it.
};
struct Claim {
    Ownership ownership = Ownership::Unknown;
    JournalEntry entry; ///< Unless Unknown.
};

/// The file `mappings.json` in `$XDG_STATE_HOME/natterjack` (else `~/.local/state/natterjack`).
///
/// Every call locks the file, so that processes may use it side by side; writes are atomic. A file
/// that cannot be understood is set aside as `mappings.json.broken`, never overwritten in place,
/// and the journal starts afresh. At most kMaxEntries; entries whose lease ended are dropped on
/// write. Copies share what they have read: a text that is still the same is not parsed again.
class Journal {
public:
    static constexpr std::size_t kMaxEntries = 4096;
    static constexpr std::size_t kMaxBytes = std::size_t{4} * 1024 * 1024;
    static constexpr std::size_t kMaxGateways = 64;

    /// \a directory is made when something is first written.
    explicit Journal(std::string directory);
    /// The user's own. The directory is empty, and the journal does nothing, when the user has no
    /// home.
    [[nodiscard]] static Journal of_user();

    /// The entries whose lease has not ended at \a now. A journal that cannot be read is empty.
    [[nodiscard]] std::vector<JournalEntry> read(std::chrono::system_clock::time_point now) const;
    /// Adds an entry, or replaces the one for the same mapping: see is_same_mapping().
    /// \retval Errc::Network  the directory or the file cannot be written (detail: errno)
    [[nodiscard]] Result<void> put(const JournalEntry& entry,
                                   std::chrono::system_clock::time_point now) const;
    [[nodiscard]] Result<void> erase(const Mapping& mapping,
                                     std::chrono::system_clock::time_point now) const;
    /// Several changes at the price of one.
    [[nodiscard]] Result<void> apply(const std::vector<JournalChange>& changes,
                                     std::chrono::system_clock::time_point now) const;

    /// Takes over, for \a owner, the mapping that \a wanted names (see is_same_mapping()) on the
    /// gateway with this hardware address. Foreign when a live process leads that port to the same
    /// place, by whichever strategy. Of two processes that try, one gets it.
    [[nodiscard]] Claim claim(const Mapping& wanted, const std::string& hardware,
                              const net::Process& owner,
                              std::chrono::system_clock::time_point now) const;
    /// Takes over, for \a owner, what runs of the same program that ended without closing left on
    /// that gateway. What was left to its lifetime on purpose stays.
    [[nodiscard]] std::vector<Mapping>
    claim_orphans(const IpAddress& gateway, const std::string& hardware, const net::Process& owner,
                  std::chrono::system_clock::time_point now) const;

    /// What is remembered of the gateway of that network; where its hardware address is not known,
    /// of the last one with that network address.
    [[nodiscard]] GatewayMemory recall(const IpAddress& gateway, const std::string& hardware) const;
    [[nodiscard]] Result<void> remember(const KnownGateway& known,
                                        std::chrono::system_clock::time_point now) const;

    /// Of the same file.
    friend bool operator==(const Journal& a, const Journal& b) {
        return a.directory_ == b.directory_;
    }

private:
    struct LastRead;
    using ContentsPtr = std::shared_ptr<const JournalContents>;

    /// Null: there is none, or it cannot be understood.
    [[nodiscard]] ContentsPtr read_contents() const;
    [[nodiscard]] ContentsPtr parsed(const std::string& text) const;
    template<class Change>
    Result<void> update(std::chrono::system_clock::time_point now, Change change) const;
    [[nodiscard]] std::string path() const { return directory_ + "/mappings.json"; }

    std::string directory_;
    std::shared_ptr<LastRead> last_read_;
};

/// True when both are one mapping: strategy, gateway, transport, internal endpoint and, of a flow,
/// the remote peer agree.
[[nodiscard]] bool is_same_mapping(const Mapping& a, const Mapping& b);
/// False when both hardware addresses are known and differ: one that is not known excludes nobody.
[[nodiscard]] bool may_be_same_hardware(const std::string& a, const std::string& b);

} // namespace natterjack
