// SPDX-License-Identifier: MIT
/// \file
/// \brief A mapper of the private network's host, asked and waited for.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <net/if.h>

#include <gtest/gtest.h>

#include "net/loop.hpp"
#include "strategies/mapper.hpp"
#include "tests/support/loop_runner.hpp"
#include "tests/support/netns.hpp"

namespace natterjack::test {

/// The way from the host to the gateway.
inline Path private_path() {
    Path path;
    path.gateway = kGateway;
    path.source = kHost;
    path.interface = if_nametoindex(kHostLink);
    path.interface_name = kHostLink;
    path.prefix_length = 24;
    return path;
}

inline MappingRequest udp_request(std::uint16_t port = 1234) {
    MappingRequest request;
    request.transport = Transport::Udp;
    request.internal = {kHost, port};
    request.external_port = port;
    request.description = "natterjack test";
    return request;
}

/// Waits for what a mapper's call answers. Each call gets \a patience, and must answer within it.
class MapperClient {
public:
    MapperClient(LoopRunner& runner, Strategy strategy, const Path& path = private_path())
        : mapper(make_mapper(strategy, runner.loop(), path)), runner_(runner) {}

    Result<Service> probe() {
        return wait<Service>([&](auto done) { mapper->probe(deadline(), done); });
    }
    Result<Mapping> map(const MappingRequest& request) {
        return wait<Mapping>([&](auto done) { mapper->map(request, deadline(), done); });
    }
    Result<void> unmap(const Mapping& mapping) {
        return wait<void>([&](auto done) { mapper->unmap(mapping, deadline(), done); });
    }
    Result<IpAddress> external_address() {
        return wait<IpAddress>([&](auto done) { mapper->external_address(deadline(), done); });
    }
    Result<std::vector<ListedMapping>> list() {
        return wait<std::vector<ListedMapping>>([&](auto done) { mapper->list(deadline(), done); });
    }

    std::unique_ptr<Mapper> mapper;
    Duration patience{2000};

private:
    [[nodiscard]] TimePoint deadline() const { return net::now() + patience; }

    template<class T>
    Result<T> wait(const std::function<void(std::function<void(Result<T>)>)>& call) {
        std::optional<Result<T>> answer;
        bool returned = false;
        const auto started = net::now();
        call([&](Result<T> result) {
            EXPECT_TRUE(returned) << "answered before the call returned";
            EXPECT_FALSE(answer) << "answered twice";
            answer = std::move(result);
        });
        returned = true;
        if (!runner_.run_until([&] { return answer.has_value(); })) {
            return Error{Errc::Timeout, "the mapper never answered"};
        }
        // The loop may be late on a busy machine, never a mapper by its own doing.
        EXPECT_LT(net::now() - started, patience + std::chrono::seconds(1));
        return *std::move(answer);
    }

    LoopRunner& runner_;
};

/// Waits until the work that nobody waits for is done. False when it takes longer than it may.
inline bool drained(LoopRunner& runner) {
    bool over = false;
    const auto started = net::now();
    net::drain(runner.loop(), 2 * kUndoLimit, [&over] { over = true; });
    return runner.run_until([&over] { return over; }) && net::now() - started < 2 * kUndoLimit;
}

} // namespace natterjack::test
