// SPDX-License-Identifier: MIT
/// \file
/// \brief How a NAT behaves, in two of RFC 4787's words: as a SPEC makes it, as coturn's tool and
/// nat-probe see it. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "spec.hpp"

namespace natterjack::lab {

/// \a mapping: none, eim, adm, apdm or unknown. \a filtering: eif, adf, apdf or unknown.
struct Behaviour {
    std::string mapping = "unknown";
    std::string filtering = "unknown";

    friend bool operator==(const Behaviour&, const Behaviour&) = default;
};

/// "eim/apdf"; "none/eif"; "unknown".
[[nodiscard]] std::string to_string(const Behaviour& behaviour);

/// What a STUN test from the host of such a site sees, over IPv4 or else over IPv6. Unknown where
/// it gets no answer.
[[nodiscard]] Behaviour expected_behaviour(const SiteSpec& site);

/// What the words of `turnutils_natdiscovery -m -f` say.
[[nodiscard]] Behaviour read_natdiscovery(std::string_view output);

/// What the JSON of nat-probe says (schema nat-probe/1), of IPv4 or of IPv6; nothing if it is none.
[[nodiscard]] std::optional<Behaviour> read_nat_probe(std::string_view output, bool ipv6);

} // namespace natterjack::lab
