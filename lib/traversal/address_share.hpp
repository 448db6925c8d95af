// SPDX-License-Identifier: MIT
/// \file
/// \brief Which of the host's IPv6 addresses each of a request's openings is for.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include <natterjack/traversal.hpp>

#include "net/network.hpp"
#include "strategies/mapper.hpp"

namespace natterjack {

/// One opening's share of the addresses. Copies are the same share. When a provider gives the home
/// another prefix, or a temporary address gives way to the next, each opening moves to an address
/// that none of the others is for. Belongs to the loop's thread.
class AddressShare {
public:
    /// What the shares of one request have in common. \a choice: as the caller made it.
    class Pool {
    public:
        explicit Pool(NetworkChoice choice) : choice_(std::move(choice)) {}

    private:
        friend class AddressShare;
        NetworkChoice choice_;
        std::map<std::size_t, IpAddress> addresses_; ///< By opening.
    };

    /// A share of \a pool, which begins with \a address.
    AddressShare(std::shared_ptr<Pool> pool, const IpAddress& address);

    /// The ways that would do for this opening: its own, and those that are nobody's. Best first.
    [[nodiscard]] std::vector<Path> ways(const net::Network& network) const;
    /// Its address from now on: what it has, while that is a way; else the best of ways(); what it
    /// has, where there is none.
    [[nodiscard]] IpAddress pick(const net::Network& network);

private:
    std::shared_ptr<Pool> pool_;
    std::size_t index_;
};

} // namespace natterjack
