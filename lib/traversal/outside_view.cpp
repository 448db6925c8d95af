// SPDX-License-Identifier: MIT
#include "traversal/outside_view.hpp"

#include <algorithm>
#include <utility>

#include "net/random.hpp"

namespace natterjack {

OutsideView::OutsideView(Loop loop, const Path& path, const std::vector<HostPort>& servers,
                         TimePoint deadline, Handler handler)
    : loop_(std::move(loop)),
      deadline_(deadline),
      handler_(std::move(handler)),
      retry_timer_(loop_),
      end_timer_(loop_) {
    auto socket =
        net::UdpSocket::open(loop_, {.bind = {path.source, 0}, .interface = path.interface});
    if (!socket || servers.empty()) {
        end_timer_.start_at(net::now(), [this] { finish(std::nullopt); });
        return;
    }
    socket_ = *std::move(socket);
    socket_->on_datagram([this](const Endpoint& from, ByteView payload) {
        for (auto& binding : bindings_) binding.handle_datagram(from, payload);
        pump();
    });
    end_timer_.start_at(deadline_, [this] { finish(std::nullopt); });
    unresolved_ = servers.size();
    const auto limit = std::chrono::duration_cast<Duration>(deadline_ - net::now());
    for (const HostPort& server : servers) {
        resolutions_.emplace_back(
            loop_, server.host, std::max(limit, Duration(1)),
            [this, port = server.port](const Result<std::vector<IpAddress>>& addresses) {
                --unresolved_;
                for (const IpAddress& address : addresses.value_or({})) {
                    if (!address.is_v4()) continue;
                    ask({address, port});
                    break; // one address a server: the first is as good as the others
                }
                pump();
            });
    }
}

void OutsideView::ask(const Endpoint& server) {
    bindings_.emplace_back(server, net::random_bytes<12>(), deadline_);
    bindings_.back().start(net::now());
}

void OutsideView::pump() {
    std::optional<TimePoint> next;
    bool open = unresolved_ > 0;
    for (auto& binding : bindings_) {
        if (binding.result() && *binding.result()) {
            finish((*binding.result())->address);
            return;
        }
        while (const auto datagram = binding.poll_transmit()) {
            (void)socket_->send(datagram->to, datagram->payload); // a loss like any other
        }
        open = open || !binding.result();
        if (const auto deadline = binding.deadline())
            next = std::min(next.value_or(*deadline), *deadline);
    }
    if (!open) {
        finish(std::nullopt);
        return;
    }
    if (!next) return;
    retry_timer_.start_at(*next, [this] {
        for (auto& binding : bindings_) binding.handle_timeout(net::now());
        pump();
    });
}

void OutsideView::finish(std::optional<IpAddress> seen) {
    retry_timer_.stop();
    end_timer_.stop();
    if (auto handler = std::exchange(handler_, nullptr)) handler(seen); // may destroy this
}

} // namespace natterjack
