// SPDX-License-Identifier: MIT
// The whole chain against gateways that lie, stall and flood: it ends in time, with an opening by
// the next strategy that works or with a reason, and leaves nothing behind.
#include <cstdlib>
#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/fake_5351.hpp"
#include "tests/support/fake_igd.hpp"
#include "tests/support/loop_runner.hpp"
#include "tests/support/mapper_fixture.hpp"
#include "tests/support/netns.hpp"
#include "traversal/chain.hpp"

namespace natterjack {
namespace {

using namespace std::chrono_literals;
using test::Fake5351;
using test::FakeIgd;
using test::ScriptedResponse;
using Reply = Fake5351::Reply;

constexpr auto kDeadline = 5s;

/// How one gateway misbehaves, and which strategy must open the port all the same; none: an error.
struct Gateway {
    const char* name;
    std::function<void(FakeIgd&, Fake5351&)> spoil;
    std::optional<Strategy> opened_by;
    Errc error = Errc::NotFound;

    friend std::ostream& operator<<(std::ostream& out, const Gateway& row) {
        return out << row.name;
    }
};

class ChainOnAGateway : public testing::TestWithParam<Gateway> {
protected:
    void open() {
        started_ = net::now();
        attempt_ = chain_.open({.port = 6667, .transport = Transport::Tcp, .deadline = kDeadline},
                               [this](Result<Opening, OpenFailure> result) {
                                   EXPECT_FALSE(result_);
                                   result_.emplace(std::move(result));
                               });
        ASSERT_TRUE(runner_.run_until([this] { return result_.has_value(); }));
        // One second for a busy machine; the chain itself has its deadline.
        EXPECT_LT(net::now() - started_, kDeadline + 1s);
    }

    /// Waits for what was posted, and for the removals that it started.
    [[nodiscard]] bool settled() {
        bool over = false;
        runner_.loop().when_settled(2 * kUndoLimit, [&over] { over = true; });
        return runner_.run_until([&over] { return over; });
    }

    test::LoopRunner runner_;
    FakeIgd igd_{runner_.loop()};
    Fake5351 server_{runner_.loop()};
    Chain chain_{runner_.loop(),
                 {Strategy::Direct, Strategy::Igd, Strategy::Pcp, Strategy::NatPmp},
                 {.make_mapper = make_mapper,
                  .read_network = net::read_network,
                  .read_servers = []() -> Result<Servers> { return Servers{}; },
                  .journal = Journal(""),
                  .keeper_of = LeaseKeeper::of}};
    TimePoint started_;
    Attempt attempt_;
    std::optional<Result<Opening, OpenFailure>> result_;
};

TEST_P(ChainOnAGateway, EndsInTimeAndLeavesNothing) {
    GetParam().spoil(igd_, server_);
    open();
    if (GetParam().opened_by) {
        ASSERT_TRUE(*result_) << result_->error().error.message;
        EXPECT_EQ((*result_)->info().strategy, *GetParam().opened_by);
    } else {
        ASSERT_FALSE(*result_);
        EXPECT_EQ(result_->error().error.code, GetParam().error) << result_->error().error.message;
        EXPECT_FALSE(result_->error().error.message.empty());
    }
    attempt_ = {};
    result_.reset(); // the opening, if there is one, removes its mapping
    EXPECT_TRUE(settled());
    EXPECT_TRUE(igd_.table.empty());
    EXPECT_TRUE(server_.mappings().empty());
}

void igd_faults(FakeIgd& igd, int code) {
    igd.manners.faults["AddPortMapping"] = code;
    igd.manners.faults["AddAnyPortMapping"] = code;
}

void igd_answers(FakeIgd& igd, const std::string& raw) {
    igd.manners.answers["*"] = ScriptedResponse{.raw = raw};
}

void igd_describes(FakeIgd& igd, const std::string& raw) {
    igd.manners.description = ScriptedResponse{.raw = raw};
}

std::string page(const char* status, const std::string& body) {
    return std::string("HTTP/1.1 ") + status +
           "\r\nContent-Type: text/html\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
}

void no_5351(Fake5351& server) {
    server.behaviour.pcp = false;
    server.behaviour.natpmp = false;
    server.behaviour.drops_other_version = true;
}

void truncate_natpmp_and_forge_pcp(Fake5351& server) {
    server.behaviour.spoil = [](const Fake5351::Bytes&, const Fake5351::Bytes& answer) {
        auto bytes = answer;
        if (bytes[0] == 0) {
            bytes.resize(4); // libnatpmp alone would take this for a success
        } else if (bytes.size() > 24) {
            bytes[24] ^= 0xff; // the nonce (RFC 6887 section 11.1)
        }
        return std::vector<Reply>{{.payload = bytes}};
    };
}

INSTANTIATE_TEST_SUITE_P(
    Table, ChainOnAGateway,
    testing::Values(
        Gateway{"Honest", [](FakeIgd&, Fake5351&) {}, Strategy::Igd},
        Gateway{"NotFoundPageForEveryAction",
                [](FakeIgd& igd, Fake5351&) {
                    igd_answers(igd, page("404 Not Found", "<html>no</html>"));
                },
                Strategy::Pcp},
        Gateway{"LoginPageForEveryAction",
                [](FakeIgd& igd, Fake5351&) {
                    igd_answers(igd, page("200 OK", "<html>log in</html>"));
                },
                Strategy::Pcp},
        Gateway{
            "LoginPageForTheDescription",
            [](FakeIgd& igd, Fake5351&) { igd_describes(igd, page("200 OK", "<html></html>")); },
            Strategy::Pcp},
        Gateway{"RedirectForTheDescription",
                [](FakeIgd& igd, Fake5351&) {
                    igd_describes(igd, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n"
                                       "Content-Length: 0\r\n\r\n");
                },
                Strategy::Pcp},
        Gateway{"LocationOnAnotherHost",
                [](FakeIgd& igd, Fake5351&) { igd.manners.location = "http://25.0.0.1:80/x"; },
                Strategy::Pcp},
        Gateway{"LocationOnLoopback",
                [](FakeIgd& igd, Fake5351&) { igd.manners.location = "http://127.0.0.1:631/"; },
                Strategy::Pcp},
        Gateway{"NoService", [](FakeIgd& igd, Fake5351&) { igd.manners.services.clear(); },
                Strategy::Pcp},
        Gateway{"ControlUrlOnAnotherHost",
                [](FakeIgd& igd, Fake5351&) {
                    igd.manners.services[0].control_url = "http://25.0.0.1/ctl";
                },
                Strategy::Pcp},
        Gateway{"SaysYesAndDoesNothing",
                [](FakeIgd& igd, Fake5351&) { igd.manners.does_nothing = true; }, Strategy::Pcp},
        Gateway{"NotAuthorized", [](FakeIgd& igd, Fake5351&) { igd_faults(igd, 606); },
                Strategy::Pcp},
        Gateway{"TableFull", [](FakeIgd& igd, Fake5351&) { igd.manners.capacity = 0; },
                Strategy::Pcp},
        Gateway{"SilentIgd",
                [](FakeIgd& igd, Fake5351&) {
                    igd.manners.answers_unicast = false;
                    igd.manners.answers_multicast = false;
                },
                Strategy::Pcp},
        Gateway{"PcpNotAuthorized",
                [](FakeIgd& igd, Fake5351& server) {
                    igd.manners.services.clear();
                    server.behaviour.map_result = pcp::ResultCode::NotAuthorized;
                },
                Strategy::NatPmp},
        Gateway{"OnlyNatPmpAndSilentToPcp",
                [](FakeIgd& igd, Fake5351& server) {
                    igd.manners.services.clear();
                    server.behaviour.pcp = false;
                    server.behaviour.drops_other_version = true;
                },
                Strategy::NatPmp},
        Gateway{"EverythingForged",
                [](FakeIgd& igd, Fake5351& server) {
                    igd_answers(igd, page("404 Not Found", "<html></html>"));
                    truncate_natpmp_and_forge_pcp(server);
                },
                std::nullopt, Errc::Mismatch},
        Gateway{"EverythingRefused",
                [](FakeIgd& igd, Fake5351& server) {
                    igd_faults(igd, 606);
                    server.behaviour.map_result = pcp::ResultCode::NoResources;
                    server.behaviour.natpmp_map_result = natpmp::ResultCode::NotAuthorized;
                },
                std::nullopt, Errc::Refused},
        Gateway{"NobodyThere",
                [](FakeIgd& igd, Fake5351& server) {
                    igd.manners.answers_unicast = false;
                    igd.manners.answers_multicast = false;
                    no_5351(server);
                },
                std::nullopt, Errc::NotFound}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(ChainOnAGateway, CancelledAtAnyMomentLeavesNothing) {
    server_.behaviour.delay = 3ms;
    for (auto moment = 0ms; moment < 60ms; moment += 4ms) {
        attempt_ = chain_.open({.port = 6667}, [this](Result<Opening, OpenFailure> result) {
            result_.emplace(std::move(result));
        });
        runner_.run_for(moment);
        attempt_ = {};
        result_.reset();
        ASSERT_TRUE(settled()) << moment.count();
        ASSERT_TRUE(igd_.table.empty()) << moment.count();
        ASSERT_TRUE(server_.mappings().empty()) << moment.count();
    }
}

TEST_F(ChainOnAGateway, BlockingOpenAndCloseWorkFromAPlainThread) {
    std::string state = testing::TempDir() + "state-XXXXXX";
    ASSERT_NE(mkdtemp(state.data()), nullptr);
    setenv("XDG_STATE_HOME", state.c_str(), 1);
    std::promise<void> opened;
    std::promise<void> go_on;
    OpeningInfo info;
    bool closed = false;
    std::thread program([&] {
        auto opening = natterjack::open({.port = 6667, .transport = Transport::Tcp});
        if (opening) {
            info = opening->info();
            opened.set_value();
            runner_.loop().post([] {}); // wakes the test
            go_on.get_future().wait();
            closed = opening->close().has_value();
        } else {
            ADD_FAILURE() << opening.error().error.message;
            opened.set_value();
        }
    });
    auto is_open = opened.get_future();
    EXPECT_TRUE(
        runner_.run_until([&] { return is_open.wait_for(0s) == std::future_status::ready; }));
    EXPECT_EQ(info.strategy, Strategy::Igd);
    EXPECT_EQ(info.external.port, 6667);
    EXPECT_EQ(igd_.table.size(), 1U);
    go_on.set_value();
    EXPECT_TRUE(runner_.run_until([&] { return igd_.table.empty(); }));
    runner_.run_for(50ms); // the answer to the deletion goes out
    program.join();
    EXPECT_TRUE(closed);
}

} // namespace
} // namespace natterjack
