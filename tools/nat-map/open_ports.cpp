// SPDX-License-Identifier: MIT
#include "open_ports.hpp"

namespace nat_map {

OpenPorts::OpenPorts(const Options& options, const natterjack::Loop& loop,
                     std::function<void()> done)
    : chain_(make_chain(loop, options.only)), done_(std::move(done)) {
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
    for (std::size_t i = 0; i < ports_.size(); ++i) start(i);
}

void OpenPorts::start(std::size_t index) {
    attempts_.push_back(chain_->open(
        ports_[index].request,
        [this, index](natterjack::Result<natterjack::Opening, natterjack::OpenFailure> result) {
            ports_[index].outcome.emplace(std::move(result));
            if (--pending_ == 0) done_();
        }));
}

} // namespace nat_map
