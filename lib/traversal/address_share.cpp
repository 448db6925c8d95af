// SPDX-License-Identifier: MIT
#include "traversal/address_share.hpp"

#include <algorithm>

#include "traversal/paths.hpp"

namespace natterjack {

AddressShare::AddressShare(std::shared_ptr<Pool> pool, const IpAddress& address)
    : pool_(std::move(pool)), index_(pool_->addresses_.size()) {
    pool_->addresses_[index_] = address;
}

std::vector<Path> AddressShare::ways(const net::Network& network) const {
    auto paths = choose_ipv6_paths(network, pool_->choice_).value_or({});
    std::erase_if(paths, [this](const Path& path) {
        return std::any_of(pool_->addresses_.begin(), pool_->addresses_.end(),
                           [&](const auto& share) {
                               return share.first != index_ && share.second == path.source;
                           });
    });
    return paths;
}

IpAddress AddressShare::pick(const net::Network& network) {
    auto& own = pool_->addresses_[index_];
    const auto paths = ways(network);
    const bool stands = std::any_of(paths.begin(), paths.end(),
                                    [&](const Path& path) { return path.source == own; });
    if (!stands && !paths.empty()) own = paths.front().source;
    return own;
}

} // namespace natterjack
