// SPDX-License-Identifier: MIT
#include <cerrno>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include <net/if.h>

#include <gtest/gtest.h>

#include "net/http_client.hpp"
#include "net/http_url.hpp"
#include "net/loop.hpp"
#include "tests/support/loop_runner.hpp"
#include "tests/support/netns.hpp"
#include "tests/support/scripted_http_server.hpp"

namespace natterjack::net {
namespace {

using namespace std::chrono_literals;
using test::InRouter;
using test::kGateway;
using test::kHost;
using test::LoopRunner;
using test::ScriptedHttpServer;
using test::ScriptedRequest;
using test::ScriptedResponse;

/// A gateway's HTTP server in the router's network, and a client of the host's.
class HttpClientTest : public testing::Test {
protected:
    void serve(ScriptedHttpServer::Handler handler, IpAddress where = kGateway) {
        const InRouter in_router;
        server_.emplace(runner_.loop(), Endpoint{where, 0}, std::move(handler));
    }
    void serve_raw(std::string bytes) {
        serve([bytes = std::move(bytes)](const ScriptedRequest&) {
            ScriptedResponse response;
            response.raw = bytes;
            return response;
        });
    }
    [[nodiscard]] std::string url(const std::string& path = "/") const {
        return "http://" + server_->endpoint().to_string() + path;
    }

    Result<HttpResponse> fetch(HttpRequest request) {
        std::optional<Result<HttpResponse>> answer;
        client_.send(std::move(request), [&](Result<HttpResponse> result) {
            EXPECT_FALSE(answer) << "answered twice";
            answer = std::move(result);
        });
        EXPECT_FALSE(answer) << "answered before returning";
        EXPECT_TRUE(runner_.run_until([&] { return answer.has_value(); }));
        runner_.run_pending();
        return answer ? *answer : Result<HttpResponse>(Error{Errc::Cancelled, "no answer"});
    }
    Result<HttpResponse> get(const std::string& where) {
        HttpRequest request;
        request.url = where;
        return fetch(std::move(request));
    }
    Result<HttpResponse> get_raw(const std::string& bytes) {
        serve_raw(bytes);
        return get(url());
    }

    static void expect_error(const Result<HttpResponse>& result, Errc code) {
        ASSERT_FALSE(result) << "status " << result->status << ", body " << result->body;
        EXPECT_EQ(to_string(result.error().code), to_string(code)) << result.error().message;
    }

    LoopRunner runner_;
    std::optional<ScriptedHttpServer> server_;
    HttpClient client_{runner_.loop(), kHost};
};

TEST_F(HttpClientTest, GetsADocument) {
    ScriptedRequest seen;
    serve([&](const ScriptedRequest& request) {
        seen = request;
        return ScriptedResponse{.content_type = "text/xml", .body = "<root/>"};
    });
    const auto response = get(url("/rootDesc.xml?a=b"));
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->content_type, "text/xml");
    EXPECT_EQ(response->body, "<root/>");
    EXPECT_EQ(response->local_address, kHost);
    EXPECT_EQ(seen.method, "GET");
    EXPECT_EQ(seen.path, "/rootDesc.xml?a=b");
    EXPECT_EQ(seen.headers["host"], server_->endpoint().to_string()); // the port, too
}

TEST_F(HttpClientTest, PostsWithHeadersSpeltAsGiven) {
    ScriptedRequest seen;
    serve([&](const ScriptedRequest& request) {
        seen = request;
        return ScriptedResponse{.status = 500, .body = "<fault/>"};
    });
    HttpRequest request;
    request.method = "POST";
    request.url = url("/ctl");
    request.headers = {{"SOAPAction", "\"urn:x#AddPortMapping\""}, {"X-oDD-cASE", "yes"}};
    request.content_type = "text/xml; charset=\"utf-8\"";
    request.body = std::string(1200, 'x');
    const auto response = fetch(request);
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->status, 500); // the caller judges
    EXPECT_EQ(response->body, "<fault/>");
    EXPECT_EQ(seen.body, request.body);
    EXPECT_NE(seen.head.find("\r\nSOAPAction: \"urn:x#AddPortMapping\""), std::string::npos)
        << seen.head;
    EXPECT_NE(seen.head.find("\r\nX-oDD-cASE: yes"), std::string::npos) << seen.head;
    EXPECT_EQ(seen.headers["content-type"], request.content_type);
    EXPECT_EQ(seen.headers.count("expect"), 0U);
    EXPECT_EQ(seen.headers.count("accept-encoding"), 0U);
    EXPECT_EQ(seen.headers.count("cookie"), 0U);
}

TEST_F(HttpClientTest, SendsHeadAndBodyInOneSegment) {
    bool in_one = false;
    serve([&](const ScriptedRequest& request) {
        in_one = request.in_one_segment;
        return ScriptedResponse{.body = "ok"};
    });
    HttpRequest request;
    request.method = "POST";
    request.url = url();
    request.content_type = "text/xml";
    request.body = std::string(700, 'x');
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(fetch(request));
        EXPECT_TRUE(in_one);
    }
    EXPECT_EQ(server_->accepted(), 5);
}

TEST_F(HttpClientTest, EndsItsConnectionWithEachRequest) {
    std::string connection;
    serve([&](const ScriptedRequest& request) {
        connection = request.headers.at("connection");
        return ScriptedResponse{.body = "ok"};
    });
    for (int i = 0; i < 3; ++i) {
        const auto response = get(url());
        ASSERT_TRUE(response) << response.error().message;
        EXPECT_EQ(connection, "close");
    }
    EXPECT_EQ(server_->accepted(), 3);
    EXPECT_TRUE(runner_.run_until([&] { return server_->open() == 0; }));
}

class PreparedConnection : public HttpClientTest {
protected:
    /// Serves, remembering what came in; prepares, and waits until the connection stands.
    void SetUp() override {
        serve([this](const ScriptedRequest& request) {
            in_one_segment_ = request.in_one_segment;
            peers_.push_back(request.peer);
            return ScriptedResponse{.body = "ok"};
        });
        client_.prepare(url());
        ASSERT_TRUE(runner_.run_until([&] { return server_->accepted() == 1; }));
        runner_.run_pending();
    }
    [[nodiscard]] HttpRequest question(bool use_prepared) const {
        HttpRequest request;
        request.method = "POST";
        request.url = url("/control");
        request.content_type = "text/xml";
        request.body = std::string(700, 'x');
        request.use_prepared = use_prepared;
        return request;
    }

    bool in_one_segment_ = false;
    std::vector<Endpoint> peers_;
};

TEST_F(PreparedConnection, CarriesTheNextRequestThatMayUseIt) {
    const auto response = fetch(question(true));
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->local_address, kHost);
    EXPECT_TRUE(in_one_segment_);
    EXPECT_EQ(server_->accepted(), 1);
    ASSERT_TRUE(fetch(question(true))); // it is used up
    EXPECT_EQ(server_->accepted(), 2);
}

TEST_F(PreparedConnection, IsNotForOthers) {
    ASSERT_TRUE(fetch(question(false)));
    ASSERT_TRUE(get(url()));
    EXPECT_EQ(server_->accepted(), 3);
}

TEST_F(PreparedConnection, IsGivenUpWhenNobodyWantsIt) {
    EXPECT_TRUE(runner_.run_until([&] { return server_->open() == 0; }));
    EXPECT_TRUE(peers_.empty());
    ASSERT_TRUE(fetch(question(true)));
    EXPECT_EQ(peers_.size(), 1U);
}

TEST_F(PreparedConnection, EndsWithItsClient) {
    {
        HttpClient other(runner_.loop(), kHost);
        other.prepare(url());
        ASSERT_TRUE(runner_.run_until([&] { return server_->accepted() == 2; }));
        other.prepare(url()); // still connecting when its client goes
        other.prepare("http://name.example/");
        other.prepare("no url");
    }
    EXPECT_TRUE(runner_.run_until([&] { return server_->open() <= 1; }));
    ASSERT_TRUE(fetch(question(true)));
}

TEST_F(HttpClientTest, ConnectsFromItsSource) {
    const test::HostAddress extra("192.168.77.9/24");
    const auto source = *IpAddress::parse("192.168.77.9");
    HttpClient client(runner_.loop(), source);
    Endpoint peer;
    serve([&](const ScriptedRequest& request) {
        peer = request.peer;
        return ScriptedResponse{};
    });
    HttpRequest request;
    request.url = url();
    std::optional<Result<HttpResponse>> answer;
    client.send(request, [&](Result<HttpResponse> result) { answer = std::move(result); });
    ASSERT_TRUE(runner_.run_until([&] { return answer.has_value(); }));
    ASSERT_TRUE(*answer) << answer->error().message;
    EXPECT_EQ((*answer)->local_address, source);
    EXPECT_EQ(peer.address, source);
}

TEST_F(HttpClientTest, LeavesTheSourceToTheKernelWhenUnspecified) {
    serve([](const ScriptedRequest&) { return ScriptedResponse{}; });
    HttpClient client(runner_.loop(), IpAddress());
    HttpRequest request;
    request.url = url();
    std::optional<Result<HttpResponse>> answer;
    client.send(request, [&](Result<HttpResponse> result) { answer = std::move(result); });
    ASSERT_TRUE(runner_.run_until([&] { return answer.has_value(); }));
    ASSERT_TRUE(*answer) << answer->error().message;
    EXPECT_EQ((*answer)->local_address, kHost);
}

TEST_F(HttpClientTest, SpeaksIpv6AlsoLinkLocal) {
    const auto router_zone = [] {
        const InRouter in_router;
        return if_nametoindex(test::kGatewayLink);
    }();
    const auto link_local = IpAddress::parse("fe80::1")->mapped_bytes();
    for (const auto& where : {test::gateway_v6(), IpAddress::v6(link_local, router_zone)}) {
        std::string host;
        serve(
            [&](const ScriptedRequest& request) {
                host = request.headers.at("host");
                return ScriptedResponse{.body = "ok"};
            },
            where);
        // The same address with our name for the link, and without one.
        const unsigned zone = where.is_link_local() ? if_nametoindex(test::kHostLink) : 0;
        const auto near = IpAddress::v6(where.mapped_bytes(), zone);
        const Endpoint bare{IpAddress::v6(where.mapped_bytes()), server_->endpoint().port};
        HttpClient client(runner_.loop(), IpAddress());
        HttpRequest request;
        request.url = HttpUrl{{near, server_->endpoint().port}, "/"}.to_string();
        std::optional<Result<HttpResponse>> answer;
        client.send(request, [&](Result<HttpResponse> result) { answer = std::move(result); });
        ASSERT_TRUE(runner_.run_until([&] { return answer.has_value(); }));
        ASSERT_TRUE(*answer) << answer->error().message;
        EXPECT_EQ(host, bare.to_string()); // a zone is nobody else's business
        EXPECT_FALSE((*answer)->local_address.is_v4());
    }
}

TEST_F(HttpClientTest, OpensNoOtherUrls) {
    serve([](const ScriptedRequest&) { return ScriptedResponse{}; });
    const auto port = std::to_string(server_->endpoint().port);
    for (const auto& bad : {std::string("http://localhost:") + port + "/",
                            "https://192.168.77.1:" + port + "/", std::string("file:///etc/passwd"),
                            "http://user@192.168.77.1:" + port + "/", std::string()}) {
        expect_error(get(bad), Errc::Unsafe);
    }
    EXPECT_EQ(server_->accepted(), 0);
}

TEST_F(HttpClientTest, RefusesToSmuggleHeaders) {
    serve([](const ScriptedRequest&) { return ScriptedResponse{}; });
    HttpRequest request;
    request.url = url();
    request.headers = {{"X", "a\r\nY: b"}};
    expect_error(fetch(request), Errc::InvalidArgument);
    request.headers = {{"X: a\r\nY", "b"}};
    expect_error(fetch(request), Errc::InvalidArgument);
    request.headers = {};
    request.method = "GET / HTTP/1.1\r\n";
    expect_error(fetch(request), Errc::InvalidArgument);
    EXPECT_EQ(server_->accepted(), 0);
}

TEST_F(HttpClientTest, HandsOverAnyStatus) {
    serve([](const ScriptedRequest&) {
        return ScriptedResponse{.status = 404, .content_type = "text/html", .body = "<html>no"};
    });
    const auto response = get(url());
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->status, 404);
    EXPECT_EQ(response->content_type, "text/html");
    EXPECT_EQ(response->body, "<html>no");
}

TEST_F(HttpClientTest, FollowsNoRedirect) {
    std::vector<std::string> paths;
    serve([&](const ScriptedRequest& request) {
        paths.push_back(request.path);
        return ScriptedResponse{.status = 302, .headers = {{"Location", "/other"}}};
    });
    const auto response = get(url("/first"));
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->status, 302);
    EXPECT_EQ(paths, std::vector<std::string>{"/first"});
}

TEST_F(HttpClientTest, AnswersNoPasswordQuestion) {
    int requests = 0;
    serve([&](const ScriptedRequest&) {
        ++requests;
        return ScriptedResponse{.status = 401,
                                .headers = {{"WWW-Authenticate", "Basic realm=\"x\""}}};
    });
    const auto response = get(url());
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->status, 401);
    EXPECT_EQ(requests, 1);
}

TEST_F(HttpClientTest, KeepsNoCookies) {
    std::size_t cookies = 0;
    serve([&](const ScriptedRequest& request) {
        cookies += request.headers.count("cookie");
        return ScriptedResponse{.headers = {{"Set-Cookie", "a=b; Path=/"}}};
    });
    ASSERT_TRUE(get(url()));
    ASSERT_TRUE(get(url()));
    EXPECT_EQ(cookies, 0U);
}

TEST_F(HttpClientTest, AsksNoProxy) {
    g_setenv("http_proxy", "http://127.0.0.1:9", TRUE);
    g_setenv("all_proxy", "http://127.0.0.1:9", TRUE);
    serve([](const ScriptedRequest&) { return ScriptedResponse{}; });
    EXPECT_TRUE(get(url()));
    g_unsetenv("http_proxy");
    g_unsetenv("all_proxy");
}

TEST_F(HttpClientTest, UnpacksNothing) {
    // A gzip member of nothing; decoded it would be an empty body.
    const std::string packed("\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0", 20);
    serve([&](const ScriptedRequest&) {
        return ScriptedResponse{.body = packed, .headers = {{"Content-Encoding", "gzip"}}};
    });
    const auto response = get(url());
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->body, packed);
}

TEST_F(HttpClientTest, ReadsWhatOddServersSend) {
    struct Odd {
        const char* what;
        const char* bytes;
        const char* body;
    };
    for (const auto& row :
         {Odd{"no Content-Length", "HTTP/1.1 200 OK\r\n\r\n<x/>", "<x/>"},
          Odd{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Type: text/xml\r\n\r\n<x/>", "<x/>"},
          Odd{"chunks",
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
              "chunked\r\n\r\n2\r\n<x\r\n2\r\n/>\r\n0\r\n\r\n",
              "<x/>"},
          Odd{"bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 4\n\n<x/>", "<x/>"},
          Odd{"no reason", "HTTP/1.1 200\r\nContent-Length: 4\r\n\r\n<x/>", "<x/>"},
          Odd{"no body", "HTTP/1.1 204 No Content\r\n\r\n", ""},
          Odd{"100 first", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n<x/>", "<x/>"}}) {
        const auto response = get_raw(row.bytes);
        ASSERT_TRUE(response) << row.what << ": " << response.error().message;
        EXPECT_EQ(response->body, row.body) << row.what;
    }
}

TEST_F(HttpClientTest, CallsWhatIsNotHttpANetworkError) {
    for (const auto& bytes :
         {std::string("220 router SMTP ready\r\n"), std::string("\0\1\2\3", 4),
          std::string("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut short"),
          std::string("HTTP/1.1 abc\r\n\r\n"), std::string("HTTP/1.1 200 OK\r\nConte"),
          "HTTP/1.1 200 OK\r\nX: " + std::string(400'000, 'x') + "\r\n\r\n"}) {
        expect_error(get_raw(bytes), Errc::Network);
    }
}

TEST_F(HttpClientTest, CallsAnImmediateCloseANetworkError) {
    serve([](const ScriptedRequest&) { return ScriptedResponse{.reset = true}; });
    expect_error(get(url()), Errc::Network);
}

TEST_F(HttpClientTest, TellsWhoRefused) {
    serve([](const ScriptedRequest&) { return ScriptedResponse{}; });
    const auto gone = url();
    server_.reset();
    const auto response = get(gone);
    expect_error(response, Errc::Network);
    EXPECT_EQ(response.error().detail, ECONNREFUSED);
    EXPECT_NE(response.error().message.find("192.168.77.1"), std::string::npos);
}

TEST_F(HttpClientTest, GivesUpAtItsDeadline) {
    struct Slow {
        const char* what = "";
        ScriptedResponse response;
    };
    for (const auto& row :
         {Slow{"silence", {.silent = true}},
          Slow{"a byte a second", {.body = "<root/>", .per_byte = 1s}},
          Slow{"a byte in 5 ms, for ever", {.body = std::string(5000, 'x'), .per_byte = 5ms}},
          Slow{"a body that never ends", {.body = "x", .endless = true, .per_byte = 5ms}}}) {
        serve([&](const ScriptedRequest&) { return row.response; });
        HttpRequest request;
        request.url = url();
        request.deadline = 60ms;
        const auto started = now();
        expect_error(fetch(request), Errc::Timeout);
        EXPECT_GE(now() - started, 60ms) << row.what;
    }
}

TEST_F(HttpClientTest, GivesUpConnectingAtItsDeadline) {
    HttpRequest request;
    request.url = "http://192.168.77.200:5000/"; // nobody has it: ARP asks for three seconds
    request.deadline = 30ms;
    expect_error(fetch(request), Errc::Timeout);
}

TEST_F(HttpClientTest, ReadsNoMoreThanItsLimit) {
    const auto fetch_with_limit = [&](std::size_t limit) {
        HttpRequest request;
        request.url = url();
        request.max_body = limit;
        return fetch(request);
    };
    const std::string body(20'000, 'x');
    serve([&](const ScriptedRequest&) { return ScriptedResponse{.body = body}; });
    EXPECT_TRUE(fetch_with_limit(20'000));
    expect_error(fetch_with_limit(19'999), Errc::TooLarge);
    serve_raw("HTTP/1.1 200 OK\r\n\r\n" + body); // without saying so before
    EXPECT_TRUE(fetch_with_limit(20'000));
    expect_error(fetch_with_limit(19'999), Errc::TooLarge);
    serve([&](const ScriptedRequest&) { return ScriptedResponse{.body = body, .endless = true}; });
    expect_error(fetch_with_limit(std::size_t{256} * 1024), Errc::TooLarge);
}

// With a fast server they would never end, and the loop would take no turn for its timers.
TEST_F(HttpClientTest, TakesNoEndlessInterimResponses) {
    const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    const auto after = [&](int count) {
        std::string bytes;
        for (int i = 0; i < count; ++i) bytes += "HTTP/1.1 100 Continue\r\n\r\n";
        return get_raw(bytes + answer);
    };
    const auto usual = after(2);
    ASSERT_TRUE(usual) << usual.error().message;
    EXPECT_EQ(usual->body, "ok");
    expect_error(after(100), Errc::TooLarge);
}

TEST_F(HttpClientTest, ClosesAConnectionThatItGaveUp) {
    serve([](const ScriptedRequest&) {
        return ScriptedResponse{.body = std::string(20'000, 'x'), .endless = true};
    });
    expect_error(get(url()), Errc::TooLarge);
    EXPECT_TRUE(runner_.run_until([&] { return server_->open() == 0; }));
}

TEST_F(HttpClientTest, WorksOnManyRequestsAtOnce) {
    serve([](const ScriptedRequest& request) {
        return request.path == "/silent" ? ScriptedResponse{.silent = true}
                                         : ScriptedResponse{.body = request.path};
    });
    std::vector<std::string> bodies;
    for (int i = 0; i < 4; ++i) {
        HttpRequest request;
        request.url = url("/silent");
        client_.send(request, [](const Result<HttpResponse>& result) { EXPECT_FALSE(result); });
        request.url = url("/" + std::to_string(i));
        client_.send(request, [&](Result<HttpResponse> result) {
            ASSERT_TRUE(result) << result.error().message;
            bodies.push_back(result->body);
        });
    }
    EXPECT_TRUE(runner_.run_until([&] { return bodies.size() == 4; }));
}

TEST_F(HttpClientTest, IsSilentAfterItsEnd) {
    // At every stage of a request: unconnected, connecting, waiting, reading.
    serve([](const ScriptedRequest&) {
        return ScriptedResponse{.body = std::string(100, 'x'), .per_byte = 1ms};
    });
    bool called = false;
    for (int turns = 0; turns < 200; turns = turns * 3 / 2 + 1) {
        auto client = std::make_unique<HttpClient>(runner_.loop(), kHost);
        HttpRequest request;
        request.url = url();
        client->send(request, [&](const Result<HttpResponse>&) { called = true; });
        request.url = "http://name.example/";
        client->send(request, [&](const Result<HttpResponse>&) { called = called || turns == 0; });
        for (int i = 0; i < turns && server_->open() < 100; ++i) runner_.run_pending();
        client.reset();
        EXPECT_TRUE(runner_.run_until([&] { return server_->open() == 0; })) << turns;
    }
    EXPECT_FALSE(called);
}

TEST_F(HttpClientTest, MayBeDestroyedInAHandler) {
    serve([](const ScriptedRequest&) { return ScriptedResponse{.body = "ok"}; });
    auto client = std::make_unique<HttpClient>(runner_.loop(), kHost);
    std::string text;
    bool other = false;
    HttpRequest request;
    request.url = url();
    client->send(request, [&, copy = std::string(40, 'x')](const Result<HttpResponse>&) {
        client.reset();
        text = copy;
    });
    serve([](const ScriptedRequest&) { return ScriptedResponse{.silent = true}; });
    request.url = url();
    client->send(request, [&](const Result<HttpResponse>&) { other = true; });
    // The first server is gone: its request fails, which is an answer, too.
    ASSERT_TRUE(runner_.run_until([&] { return !text.empty(); }));
    runner_.run_pending();
    EXPECT_FALSE(other);
}

TEST(HttpClientThread, UnwindsWithItsLoop) {
    // Nothing waits for the cancelled request but the loop itself. (Run under ASan.)
    std::optional<ScriptedHttpServer> server;
    LoopRunner runner;
    {
        const InRouter in_router;
        server.emplace(runner.loop(), Endpoint{kGateway, 0},
                       [](const ScriptedRequest&) { return ScriptedResponse{.silent = true}; });
    }
    HttpRequest request;
    request.url = "http://" + server->endpoint().to_string() + "/";
    const auto loop = Loop::with_thread();
    std::promise<void> destroyed;
    loop.post([&] {
        auto client = std::make_shared<HttpClient>(loop, kHost);
        client->send(request, [](const Result<HttpResponse>&) { ADD_FAILURE(); });
        auto timer = std::make_shared<Timer>(loop);
        timer->start_after(5ms, [&destroyed, client, timer]() mutable {
            client.reset();
            timer.reset();
            destroyed.set_value();
        });
    });
    ASSERT_EQ(destroyed.get_future().wait_for(10s), std::future_status::ready);
}

} // namespace
} // namespace natterjack::net
