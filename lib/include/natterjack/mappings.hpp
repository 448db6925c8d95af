// SPDX-License-Identifier: MIT
/// \file
/// \brief What the gateways already have: list mappings, delete one, ask for external addresses.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <natterjack/endpoint.hpp>
#include <natterjack/export.hpp>
#include <natterjack/loop.hpp>
#include <natterjack/opening.hpp>
#include <natterjack/remote_peers.hpp>
#include <natterjack/result.hpp>
#include <natterjack/traversal.hpp>

namespace natterjack {

/// One entry of a gateway.
struct ListedMapping {
    Transport transport = Transport::Udp;
    Endpoint internal;
    Endpoint external; ///< The address is unspecified when the gateway does not say.
    Strategy strategy = Strategy::Igd; ///< How we know of it.
    std::chrono::seconds lifetime{0};  ///< Left, in seconds; 0: until it is deleted.
    std::string description;           ///< As the gateway has it, control characters removed.
    IpAddress gateway;
    Reach reach = Reach::Anyone; ///< BehindAnotherNat when the external address is not public.
    std::vector<RemotePeers> only_from; ///< Whom it lets in; empty: anyone.
    bool enabled = true;                ///< False: the gateway has it, and lets nothing through.
    bool ours = false;                  ///< Opened by natterjack for this user, by the journal.
    std::string owner; ///< Which process of ours keeps it, or that none does; empty unless ours.
    std::string note;  ///< Empty, or one line that a user should see.
};

/// What one protocol says the gateway's external address is.
struct ExternalAddress {
    Strategy strategy = Strategy::Igd;
    IpAddress gateway;
    IpAddress address;
    Reach reach = Reach::Anyone; ///< Anyone, or BehindAnotherNat when the address is not public.
};

/// Asks the gateways about their mappings. Handlers run on the loop, once per call, and never after
/// destruction; they may be empty. Any thread.
class NATTERJACK_API Mappings {
public:
    /// Asks by \a only these of available_strategies(); empty: by all that map. \a families: whose
    /// mappings list() and remove() are about. No router lists its IPv6 pinholes, so only ours are
    /// known.
    Mappings(const Loop& loop, NetworkChoice network, std::vector<Strategy> only = {},
             Families families = Families::Both);
    ~Mappings();
    Mappings(const Mappings&) = delete;
    Mappings& operator=(const Mappings&) = delete;

    struct Listing {
        std::vector<ListedMapping> mappings;
        Story story; ///< Who was asked and what came of it.
        /// remove(): what is ours, too, and could not be deleted.
        std::optional<Error> trouble;
    };
    /// Answers within \a deadline, 1 ms to 10 minutes; as remove() and external() do.
    /// \retval Errc::InvalidArgument  no such interface or address of ours, or no such deadline
    /// \retval Errc::NoNetwork        this host has no way out
    /// \retval Errc::NotFound         no gateway can list, and the journal knows nothing
    void list(std::chrono::milliseconds deadline,
              std::function<void(Result<Listing, OpenFailure>)> handler);

    /// Deletes the mapping of this host's (or our journal's) \a port: the internal port that we
    /// opened, else the external port; and our pinholes for it. Never deletes an entry that leads
    /// to another host. Answers with what was deleted; the story tells what else there is.
    /// Besides the errors of list():
    /// \retval Errc::NotFound  nothing here opens ports, or lets know what it has
    /// \retval Errc::Conflict  it leads to another host
    /// \retval Errc::Refused   the gateway said no, or has no such mapping
    /// NAT-PMP alone cannot tell whether there was a mapping: what it accepts counts as deleted.
    void remove(std::uint16_t port, Transport transport, std::chrono::milliseconds deadline,
                std::function<void(Result<Listing, OpenFailure>)> handler);

    struct Addresses {
        std::vector<ExternalAddress> addresses;
        Story story;
    };
    /// What each protocol says. Errors as list(); Errc::NotFound when nobody answered.
    void external(std::chrono::milliseconds deadline,
                  std::function<void(Result<Addresses, OpenFailure>)> handler);

private:
    class State;
    std::shared_ptr<State> state_;
};

} // namespace natterjack
