// SPDX-License-Identifier: MIT
/// \file
/// \brief What the protocols of nat-lab-gateway share: the mappings, the firewall, the addresses.
#pragma once

#include <string>
#include <utility>

#include <natterjack/loop.hpp>

#include "net/loop.hpp"
#include "tests/support/gateway/mapping_table.hpp"

namespace natterjack::gateway {

/// The command line.
struct Settings {
    std::string lan;   ///< The LAN's interface.
    std::string wan;   ///< The WAN's.
    IpAddress address; ///< Our own on the LAN.
    std::string table; ///< Of nftables, in the family inet.
    unsigned igd = 0;  ///< The version that is spoken; 0: none.
    bool natpmp = false;
    bool pcp = false;
    bool liar = false;    ///< Says yes, lists, and opens nothing.
    std::string external; ///< Said to be ours outside; empty: the WAN's own address.
    std::size_t capacity = MappingTable::kCapacity; ///< Mappings that the table has room for.
};

/// The gateway without its protocols. Removes what has ended, and keeps the firewall as the table
/// is.
class Gateway {
public:
    Gateway(const Loop& loop, Settings settings);

    [[nodiscard]] const Settings& settings() const { return settings_; }
    [[nodiscard]] const Loop& loop() const { return loop_; }
    [[nodiscard]] const MappingTable& table() const { return table_; }
    /// The address outside, as we say it. Unspecified: the WAN has none.
    [[nodiscard]] IpAddress external() const;
    /// Seconds since the table was empty.
    [[nodiscard]] Lifetime epoch() const;

    /// Changes the table by \a change, whose Result this returns, and makes the firewall follow.
    /// \retval Errc::Network  it did not: all is as it was
    template<class Change>
    auto update(Change change) -> decltype(change(std::declval<MappingTable&>())) {
        const auto before = table_;
        auto result = change(table_);
        if (program()) return result;
        table_ = before;
        return Error{Errc::Network, "nft refused"};
    }

private:
    [[nodiscard]] bool program() const;
    void expire();

    Loop loop_;
    Settings settings_;
    MappingTable table_;
    bool is_programmed_ = true; ///< The firewall knows what has ended.
    TimePoint start_;
    net::Timer timer_;
};

} // namespace natterjack::gateway
