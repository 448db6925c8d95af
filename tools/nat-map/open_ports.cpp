// SPDX-License-Identifier: MIT
#include "open_ports.hpp"

namespace nat_map {

OpenPorts::OpenPorts(const Options& options, const natterjack::Loop& loop,
                     std::function<void()> done)
    : paired_(options.transports.size() == 2),
      chain_(make_chain(loop, options.only)),
      done_(std::move(done)) {
    for (const std::uint16_t port : options.ports) {
        for (const auto transport : options.transports) {
            Port& entry = ports_.emplace_back();
            entry.request = options.request;
            entry.request.port = port;
            entry.request.transport = transport;
            entry.name = std::to_string(port) + "/" + std::string(to_string(transport));
            if (!options.to) continue;
            // `add 8080 --to HOST:80`: the port named is the one outside
            entry.request.internal_address = options.to->address;
            entry.request.port = options.to->port;
            if (entry.request.external_port == 0) entry.request.external_port = port;
        }
    }
    pending_ = ports_.size();
    for (std::size_t i = 0; i < ports_.size(); i += paired_ ? 2 : 1) start(i);
}

void OpenPorts::start(std::size_t index) {
    attempts_.push_back(chain_->open(ports_[index].request, [this, index](Outcome outcome) {
        take(index, std::move(outcome));
    }));
}

// Of a pair, the second asks for the number that the first got.
void OpenPorts::take(std::size_t index, Outcome outcome) {
    Port& port = ports_[index];
    const bool open = outcome.has_value();
    port.outcome.emplace(std::move(outcome));
    if (!paired_) return end(1);
    const std::size_t other = index ^ 1U;
    if (!ports_[other].outcome) {
        if (open && !port.request.any_external_port) {
            ports_[other].request.external_port = (*port.outcome)->info().external.port;
        }
        start(other);
    } else if (open && *ports_[other].outcome) {
        unite(index);
    } else {
        end(2);
    }
}

// Both are open, \a index last. The other one gives its number up for that of this one, if they
// differ; and so on for a few times, as the gateway may have lent that number to somebody.
void OpenPorts::unite(std::size_t index) {
    constexpr int kTries = 3;
    const std::size_t other = index ^ 1U;
    const auto number = (*ports_[index].outcome)->info().external.port;
    Port& loser = ports_[other];
    if ((*loser.outcome)->info().external.port == number || loser.request.exact ||
        loser.tries++ >= kTries) {
        return end(2);
    }
    (*loser.outcome)->close([this, other, number](const natterjack::Result<void>&) {
        ports_[other].request.any_external_port = false;
        ports_[other].request.external_port = number;
        start(other); // then it is the last, and the turn of this one
    });
}

void OpenPorts::end(std::size_t count) {
    pending_ -= count;
    if (pending_ == 0) done_();
}

} // namespace nat_map
