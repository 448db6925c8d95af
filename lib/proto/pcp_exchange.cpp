// SPDX-License-Identifier: MIT
#include "proto/pcp_exchange.hpp"

#include <utility>

namespace natterjack {

namespace {

/// RFC 6887 sections 11.4 and 12.4: the fields by which an answer names its request.
bool same_flow(const pcp::Map& asked, const pcp::Map& answered) {
    return asked.nonce == answered.nonce && asked.protocol == answered.protocol &&
           asked.internal_port == answered.internal_port;
}

} // namespace

PcpExchange::PcpExchange(Endpoint server, pcp::Request request, TimePoint give_up_at,
                         RetransmitTimer::Policy policy)
    : server_(server), request_(std::move(request)), give_up_at_(give_up_at), timer_(policy) {
}

void PcpExchange::start(TimePoint now) {
    timer_.start(now, give_up_at_);
    outbox_ = Datagram{server_, pcp::encode(request_)};
}

bool PcpExchange::answers(const pcp::Response& response) const {
    if (response.body.index() != request_.body.index()) return false;
    const pcp::Map* asked = pcp::flow_of(request_.body);
    if (!asked) return true; // ANNOUNCE carries no nonce (RFC 6887 section 14.1)
    if (!same_flow(*asked, *pcp::flow_of(response.body))) return false;
    if (const auto* peer = std::get_if<pcp::Peer>(&request_.body)) {
        const auto& answered = std::get<pcp::Peer>(response.body);
        if (answered.remote != peer->remote || answered.remote_port != peer->remote_port) {
            return false;
        }
    }
    const bool deleting = request_.lifetime.count() == 0;
    const bool granted =
        response.result == pcp::ResultCode::Success && response.lifetime.count() > 0;
    return !(deleting && granted); // the answer to the request that made the mapping, come late
}

void PcpExchange::handle_datagram(const Endpoint& from, ByteView payload) {
    if (result_ || from != server_) return; // RFC 6887 section 8.3: from where we sent it
    if (const auto version = pcp::decode_version_mismatch(payload)) {
        finish(pcp::version_mismatch_error(*version));
        return;
    }
    auto response = pcp::decode_response(payload);
    if (!response || !answers(*response)) return;
    if (response->result != pcp::ResultCode::Success) {
        finish(pcp::to_error(response->result));
        return;
    }
    const pcp::Map* granted = pcp::flow_of(response->body);
    if (granted && request_.lifetime.count() != 0) {
        if (response->lifetime.count() == 0) {
            finish(Error{Errc::Refused, "the gateway granted the port for no time at all (PCP "
                                        "lifetime 0): its PCP is faulty, try another protocol"});
            return;
        }
        if (granted->external_port == 0 && granted->internal_port != 0) {
            finish(Error{Errc::Refused, "the gateway granted external port 0, which nobody can "
                                        "reach: its PCP is faulty, try another protocol"});
            return;
        }
    }
    finish(*std::move(response));
}

void PcpExchange::handle_timeout(TimePoint now) {
    if (result_) return;
    switch (timer_.expire(now)) {
    case RetransmitTimer::Verdict::Wait: return;
    case RetransmitTimer::Verdict::Resend:
        outbox_ = Datagram{server_, pcp::encode(request_)};
        return;
    case RetransmitTimer::Verdict::GiveUp:
        finish(Error{Errc::Timeout, "no PCP answer from " + server_.to_string()});
        return;
    }
}

void PcpExchange::handle_unreachable(const Endpoint& to) {
    if (result_ || to != server_) return;
    finish(Error{Errc::NotFound, "nothing speaks PCP at " + server_.to_string()});
}

std::optional<Datagram> PcpExchange::poll_transmit() {
    return std::exchange(outbox_, std::nullopt);
}

std::optional<TimePoint> PcpExchange::deadline() const {
    return timer_.deadline();
}

void PcpExchange::finish(Result<pcp::Response> result) {
    timer_.stop();
    outbox_.reset();
    result_ = std::move(result);
}

} // namespace natterjack
