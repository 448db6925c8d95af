// SPDX-License-Identifier: MIT
#include "strategies/pcp/pcp_request.hpp"

#include <utility>

#include "net/follow_deadline.hpp"

namespace natterjack {

PcpRequest::PcpRequest(const Loop& loop, const Path& path, pcp::Request request,
                       TimePoint give_up_at, Handler handler)
    : exchange_({path.gateway, pcp::kServerPort}, std::move(request), give_up_at),
      handler_(std::move(handler)),
      timer_(loop) {
    net::UdpSocket::Options options;
    options.bind.address = path.source;
    options.interface = path.interface;
    auto socket = net::UdpSocket::open(loop, options);
    if (!socket) {
        timer_.start_after(Duration(0), [this, error = socket.error()] { finish(error); });
        return;
    }
    socket_ = *std::move(socket);
    socket_->on_datagram([this](const Endpoint& from, ByteView payload) {
        exchange_.handle_datagram(from, payload);
        proceed();
    });
    socket_->on_icmp([this](const net::IcmpReport& report) {
        if (report.kind == net::IcmpReport::Kind::TimeExceeded) return; // the next may get there
        exchange_.handle_unreachable(report.to);
        proceed();
    });
    exchange_.start(net::now());
    proceed();
}

void PcpRequest::proceed() {
    if (exchange_.result()) {
        finish(*exchange_.result());
        return;
    }
    while (const auto datagram = exchange_.poll_transmit()) {
        // A send that fails may succeed at the next repeat: the link may just be coming up.
        const auto sent = socket_->send(datagram->to, datagram->payload);
        send_error_ = sent ? std::nullopt : std::optional(sent.error());
    }
    net::follow_deadline(timer_, exchange_, [this] { proceed(); });
}

void PcpRequest::finish(Result<pcp::Response> result) {
    timer_.stop();
    socket_.reset();
    const bool silent = !result && result.error().code == Errc::Timeout;
    if (silent && send_error_) result = *send_error_;
    const auto handler = std::exchange(handler_, nullptr);
    handler(std::move(result)); // may destroy this
}

} // namespace natterjack
