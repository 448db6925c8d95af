// SPDX-License-Identifier: MIT
/// \file
/// \brief A place outside that can be asked to send a datagram to one of our ports. Sans-IO.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include <natterjack/result.hpp>

#include "base/bytes.hpp"
#include "base/datagram.hpp"
#include "base/time.hpp"
#include "wire/stun.hpp"

namespace natterjack {

/// Which of our sockets: each has its own port, so that what the others sent opens nothing for it.
enum class ProofSocket {
    Listener, ///< On the internal port that is to be proved. Never sends.
    Asker,    ///< Talks to the server.
    Control   ///< Its port is opened towards the server, to show that the server sends at all.
};

struct ProofDatagram {
    ProofSocket socket = ProofSocket::Asker;
    Datagram datagram;
};

/// Tells one knock from another and from everything else that arrives: unpredictable.
using KnockId = stun::TransactionId;

/// The id of a knock that arrived at one of our ports, whoever sent it: the transaction of a
/// Binding response or indication. Empty: not a knock.
[[nodiscard]] std::optional<KnockId> knock_id(ByteView payload);

/// After every call the caller drains poll_transmit() and sleeps until deadline() or until a
/// datagram arrives.
class Vantage {
public:
    Vantage() = default;
    Vantage(const Vantage&) = delete;
    Vantage& operator=(const Vantage&) = delete;
    virtual ~Vantage() = default;

    virtual void start(TimePoint now) = 0;
    /// What came to the asking or to the control socket.
    virtual void handle_datagram(TimePoint now, ProofSocket socket, const Endpoint& from,
                                 ByteView payload) = 0;
    virtual void handle_timeout(TimePoint now) = 0;
    [[nodiscard]] std::optional<ProofDatagram> poll_transmit();
    [[nodiscard]] virtual std::optional<TimePoint> deadline() const = 0;

    /// The address under which it sees us, once it can be asked to knock; or why it cannot.
    [[nodiscard]] const std::optional<Result<IpAddress>>& ready() const { return ready_; }
    /// Asks for one knock at \a target, which has the address of ready(). \a from_elsewhere: from
    /// an address that we never sent to, where there is one.
    virtual void knock(TimePoint now, const Endpoint& target, const KnockId& id,
                       bool from_elsewhere) = 0;
    /// Why nothing can be learnt from this one after all; empty as long as something can.
    [[nodiscard]] const std::string& objection() const { return objection_; }
    /// Opens the control socket's port towards the place that knocks without `from_elsewhere`.
    virtual void open_control(TimePoint now) = 0;
    /// Where that port is seen from outside; empty until it is.
    [[nodiscard]] const std::optional<Endpoint>& control() const { return control_; }

    /// All that our sockets have sent to by now.
    [[nodiscard]] const std::vector<Endpoint>& contacted() const { return contacted_; }
    /// True when knocks may come from \a address. From any other somebody has rewritten it.
    [[nodiscard]] virtual bool knocks_from(const IpAddress& address) const = 0;
    /// "the STUN server 192.0.2.1:3478".
    [[nodiscard]] virtual std::string name() const = 0;
    /// Gives back what the server holds for us. Something may be left to transmit.
    virtual void close() = 0;

protected:
    // What both kinds find out, each in its way.
    std::deque<ProofDatagram> outbox_;
    std::vector<Endpoint> contacted_;
    std::optional<Result<IpAddress>> ready_;
    std::optional<Endpoint> control_;
    std::string objection_;
};

} // namespace natterjack
