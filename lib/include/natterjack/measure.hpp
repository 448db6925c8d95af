// SPDX-License-Identifier: MIT
/// \file
/// \brief What a diagnosis looks at only on request: how long mappings live, hairpinning, packet
/// sizes.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <natterjack/export.hpp>
#include <natterjack/loop.hpp>
#include <natterjack/probe_report.hpp>
#include <natterjack/result.hpp>
#include <natterjack/traversal.hpp>

namespace natterjack {

/// What all measurements are told.
struct MeasureRequest {
    NetworkChoice network{}; ///< Default-made: the default route's.
    /// "HOST:PORT" each, tried one after the other until one can be asked. Empty: those of
    /// `servers.conf`.
    std::vector<std::string> stun_servers{};
    std::chrono::seconds longest{180}; ///< Longer lifetimes are not looked for, 1 to 7200.
};

/// Between which silences a mapping ended.
struct LifetimeSpan {
    std::chrono::seconds at_least{0};              ///< After that long it was still there.
    std::optional<std::chrono::seconds> less_than; ///< By then it was gone; empty: it never was.
};

/// NATs have a longer timer for flows that go on for a while; both are measured (RFC 4787 section
/// 4.3 wants two minutes at least).
struct LifetimeReport {
    Finding<LifetimeSpan> single_exchange; ///< After one question and its answer.
    Finding<LifetimeSpan> active_flow;     ///< After exchanges over three seconds.
};

/// Many sockets fall silent for different times at once; where the mappings ended, more of them
/// look closer. Takes up to three times request.longest, over IPv4. Handlers as in probe().
/// \retval Errc::InvalidArgument, Errc::Malformed, Errc::NoNetwork  as probe()
/// \retval Errc::NotFound     no server was named or has an IPv4 address
/// \retval Errc::Timeout      no server answered
/// \retval Errc::Unsupported  those that answer cannot be asked (RESPONSE-PORT, RFC 5780)
[[nodiscard]] NATTERJACK_API Attempt measure_lifetime(
    const Loop& loop, MeasureRequest request, std::function<void(Result<LifetimeReport>)> handler,
    std::function<void(std::string_view)> progress = {});

/// Whether two sockets of this host reach each other by their external endpoints. Some gateways
/// take such packets for an attack. About two seconds. Errors as measure_lifetime(), but for
/// Unsupported.
[[nodiscard]] NATTERJACK_API Attempt
measure_hairpin(const Loop& loop, MeasureRequest request,
                std::function<void(Result<Finding<Hairpin>>)> handler);

/// What packets get through.
struct MtuReport {
    /// Bytes of the largest IP packet that got through to a server uncut, of those that were tried.
    Finding<int> mtu;
    Finding<Truth> fragments_out; ///< A packet that was cut arrived there.
    Finding<Truth> fragments_in;  ///< A packet that the server's side cut arrived here.
};

/// Which packet sizes get through to a server, and whether fragments do. About two seconds, over
/// IPv4. Errors as measure_hairpin().
[[nodiscard]] NATTERJACK_API Attempt measure_mtu(const Loop& loop, MeasureRequest request,
                                                 std::function<void(Result<MtuReport>)> handler);

} // namespace natterjack
