// SPDX-License-Identifier: MIT
/// \file
/// \brief A STUN server that tries other hosts' ports for them: the other side of a proof.
#pragma once

#include <memory>
#include <optional>

#include <natterjack/endpoint.hpp>
#include <natterjack/export.hpp>
#include <natterjack/loop.hpp>
#include <natterjack/result.hpp>

namespace natterjack {

struct ProofServerOptions {
    /// To listen at, over UDP and TCP; the alternate port is the next one. Not unspecified: answers
    /// must leave from the address that they are to come from.
    Endpoint listen{};
    /// A second address of this host, of the same family: then answers can come from an address
    /// that nobody has asked (RFC 5780). Empty: only from another port.
    std::optional<IpAddress> second{};
};

/// Answers Binding requests (RFC 8489), from another of its endpoints or to another port of the
/// asking address when asked to (RFC 5780), and connects back over TCP. Plain requests it answers
/// over TCP, too; connections that ask nothing for ten seconds end, and there is room for 256, 16
/// of each address. It sends nothing to a port
/// that did not ask unless the address has shown that it asked, nothing that is longer than what it
/// was asked with, and within limits; it remembers a bounded number of addresses, in memory only.
///
/// Destroying it ends it. Belongs to the loop; make and destroy it on the loop's thread.
class NATTERJACK_API ProofServer {
public:
    /// \retval Errc::InvalidArgument  no address to listen at, or a second one of another family
    /// \retval Errc::Network          the kernel refused: the port is in use, no such address
    ///                                (detail: errno)
    [[nodiscard]] static Result<ProofServer> create(const Loop& loop,
                                                    const ProofServerOptions& options);
    ProofServer(ProofServer&&) noexcept;
    ProofServer& operator=(ProofServer&&) noexcept;
    ~ProofServer();

    /// With the port that the kernel chose, when 0 was asked for.
    [[nodiscard]] Endpoint local() const;

private:
    class State;
    explicit ProofServer(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

} // namespace natterjack
