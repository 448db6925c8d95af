// SPDX-License-Identifier: MIT
#include "placeholders.hpp"

#include <cctype>

namespace nat_probe {

namespace {

using natterjack::Endpoint;
using natterjack::IpAddress;

std::string kind_of(const IpAddress& address) {
    const std::string kind = address.is_public()       ? "public"
                             : address.is_shared()     ? "shared"
                             : address.is_private()    ? "private"
                             : address.is_link_local() ? "link-local"
                                                       : "special";
    return address.is_v4() ? kind : kind + "6";
}

bool may_stand_in_address(char c) {
    return std::isxdigit(static_cast<unsigned char>(c)) != 0 || c == '.' || c == ':';
}

} // namespace

std::string Placeholders::name(const IpAddress& address) {
    if (show_ || address.is_unspecified()) return address.to_string();
    const auto known = names_.find(address);
    if (known != names_.end()) return known->second;
    const auto kind = kind_of(address);
    auto made = "<" + kind + "-" + std::to_string(++counts_[kind]) + ">";
    return names_.emplace(address, std::move(made)).first->second;
}

std::string Placeholders::name(const Endpoint& endpoint) {
    if (show_) return endpoint.to_string();
    return name(endpoint.address) + ":" + std::to_string(endpoint.port);
}

std::string Placeholders::scrub(std::string_view text) {
    if (show_) return std::string(text);
    std::string out;
    while (!text.empty()) {
        std::size_t length = 0;
        while (length < text.size() && may_stand_in_address(text[length])) ++length;
        if (length == 0) {
            out += text.front();
            text.remove_prefix(1);
            continue;
        }
        // The longest beginning of the word that is an address: "192.0.2.1:80." has more behind it.
        std::size_t taken = 0;
        for (std::size_t tried = length; tried >= 2 && taken == 0; --tried) {
            const auto address = IpAddress::parse(text.substr(0, tried));
            if (!address) continue;
            out += name(*address);
            taken = tried;
        }
        if (taken == 0) {
            out += text.substr(0, length);
            taken = length;
        }
        text.remove_prefix(taken);
    }
    return out;
}

} // namespace nat_probe
