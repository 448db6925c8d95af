// SPDX-License-Identifier: MIT
#include "traversal/hop_trace.hpp"

#include <utility>

#include "net/follow_deadline.hpp"

namespace natterjack {

HopTrace::HopTrace(const Loop& loop, const Path& path, const IpAddress& target,
                   TimePoint give_up_at, HopSearch::Options options, Handler handler)
    : search_(target, give_up_at, options),
      handler_(std::move(handler)),
      source_(path.source),
      timer_(loop) {
    const IpAddress any = target.is_v4() ? IpAddress() : IpAddress::v6({});
    auto socket = net::UdpSocket::open(
        loop, {.bind = {source_.is_unspecified() ? any : source_, 0}, .interface = path.interface});
    if (!socket) {
        timer_.start_at(net::now(), [this, error = socket.error()] { finish(error); });
        return;
    }
    socket_ = *std::move(socket);
    socket_->on_icmp([this](const net::IcmpReport& report) { take(report); });
    search_.start(net::now());
    timer_.start_at(net::now(), [this] { pump(); });
}

void HopTrace::take(const net::IcmpReport& report) {
    using Kind = net::IcmpReport::Kind;
    const auto now = net::now();
    switch (report.kind) {
    case Kind::TimeExceeded: search_.handle_time_exceeded(report.to, report.from, now); break;
    case Kind::PortUnreachable: search_.handle_port_unreachable(report.to); break;
    case Kind::Unreachable:
        // What this host says itself (no such neighbour) is no hop.
        if (report.from != source_) search_.handle_unreachable(report.to, report.from, now);
        break;
    }
    pump();
}

void HopTrace::pump() {
    while (const auto probe = search_.poll_transmit()) {
        const auto sent = socket_->send(probe->to, {}, probe->hop_limit);
        if (!sent) {
            finish(sent.error());
            return;
        }
    }
    if (search_.result()) {
        finish(*search_.result());
        return;
    }
    net::follow_deadline(timer_, search_, [this] { pump(); });
}

void HopTrace::finish(Result<HopList> result) {
    timer_.stop();
    socket_.reset();
    if (auto handler = std::exchange(handler_, nullptr))
        handler(std::move(result)); // may destroy this
}

} // namespace natterjack
