// SPDX-License-Identifier: MIT
/// \file
/// \brief Addresses as a report shows them: names that can be pasted anywhere, or as they are.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include <natterjack/endpoint.hpp>

namespace nat_probe {

/// The same address always gets the same name, which tells its kind: "<public-1>", "<private-2>",
/// "<shared-1>" (RFC 6598), "<link-local-1>", "<special-1>"; with IPv6, "<public6-1>".
class Placeholders {
public:
    explicit Placeholders(bool show_addresses) : show_(show_addresses) {}

    [[nodiscard]] std::string name(const natterjack::IpAddress& address);
    /// The port is kept: alone it tells nobody who somebody is.
    [[nodiscard]] std::string name(const natterjack::Endpoint& endpoint);
    /// Replaces every numeric address in a text.
    [[nodiscard]] std::string scrub(std::string_view text);
    [[nodiscard]] bool shows_addresses() const { return show_; }

private:
    bool show_;
    std::map<natterjack::IpAddress, std::string> names_;
    std::map<std::string, int> counts_;
};

} // namespace nat_probe
