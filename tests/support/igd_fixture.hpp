// SPDX-License-Identifier: MIT
/// \file
/// \brief A host with an IGD mapper, and a fake gateway in the router's network.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include <gtest/gtest.h>

#include "strategies/igd/igd_mapper.hpp"
#include "tests/support/fake_igd.hpp"
#include "tests/support/loop_runner.hpp"
#include "tests/support/mapper_fixture.hpp"
#include "tests/support/netns.hpp"

namespace natterjack::test {

class IgdTest : public testing::Test {
protected:
    static Path path() { return private_path(); }

    static MappingRequest request(std::uint16_t port = 6667) {
        MappingRequest request;
        request.transport = Transport::Tcp;
        request.internal = {kHost, port};
        request.external_port = port;
        request.lifetime = Lifetime(7200);
        request.description = "natterjack";
        return request;
    }

    static igd::PortEntry entry(std::uint16_t port, const Endpoint& internal,
                                std::string description = "web") {
        return {Transport::Tcp, port, internal, "", std::move(description), Lifetime(0), true};
    }

    /// Runs the loop until \a start(deadline, handler) has answered, which must be before its
    /// deadline (and a little, for a busy machine).
    template<class Answer, class Start>
    Result<Answer> ask(Duration patience, Start&& start) {
        constexpr Duration kBusy{200};
        std::optional<Result<Answer>> answer;
        const auto started = net::now();
        start(started + patience, [&](Result<Answer> result) {
            EXPECT_FALSE(answer) << "answered twice";
            answer = std::move(result);
        });
        EXPECT_FALSE(answer) << "answered before returning";
        EXPECT_TRUE(runner.run_until([&] { return answer.has_value(); }, patience + kBusy))
            << "no answer before the deadline";
        took = std::chrono::duration_cast<Duration>(net::now() - started);
        return answer ? std::move(*answer) : Result<Answer>(Error{Errc::Cancelled, "hangs"});
    }

    Result<Service> probe(Duration patience = kPatience) {
        return ask<Service>(patience, [&](TimePoint deadline, auto handler) {
            mapper->probe(deadline, std::move(handler));
        });
    }
    Result<Mapping> map(const MappingRequest& wanted = request(), Duration patience = kPatience) {
        return ask<Mapping>(patience, [&](TimePoint deadline, auto handler) {
            mapper->map(wanted, deadline, std::move(handler));
        });
    }
    Result<void> unmap(const Mapping& mapping, Duration patience = kPatience) {
        return ask<void>(patience, [&](TimePoint deadline, auto handler) {
            mapper->unmap(mapping, deadline, std::move(handler));
        });
    }
    Result<std::vector<ListedMapping>> list(Duration patience = kPatience) {
        return ask<std::vector<ListedMapping>>(patience, [&](TimePoint deadline, auto handler) {
            mapper->list(deadline, std::move(handler));
        });
    }
    Result<IpAddress> external_address(Duration patience = kPatience) {
        return ask<IpAddress>(patience, [&](TimePoint deadline, auto handler) {
            mapper->external_address(deadline, std::move(handler));
        });
    }

    /// Lets what goes on in the background come to its end.
    void drain() {
        bool drained = false;
        net::drain(runner.loop(), kUndoLimit, [&drained] { drained = true; });
        EXPECT_TRUE(runner.run_until([&] { return drained; }));
    }

    static constexpr Duration kPatience{3000};
    LoopRunner runner;
    FakeIgd igd{runner.loop()};
    std::unique_ptr<Mapper> mapper = make_igd_mapper(runner.loop(), path());
    Duration took{};
};

} // namespace natterjack::test
