// SPDX-License-Identifier: MIT
#include "traversal/proof_runs.hpp"

#include <algorithm>
#include <utility>

#include "net/follow_deadline.hpp"
#include "net/hmac.hpp"
#include "net/random.hpp"
#include "net/tcp_table.hpp"
#include "proto/dial_back_proof.hpp"
#include "proto/stun_vantage.hpp"
#include "proto/turn_vantage.hpp"

namespace natterjack {

namespace {

stun::TransactionId new_transaction() {
    return net::random_bytes<12>();
}

TurnCrypto crypto() {
    return {.hmac = net::hmac_sha1, .md5 = net::md5, .new_transaction = new_transaction};
}

ProofVerdict failed(const Error& error) {
    return {Proof::Claimed, ProofLevel::None, error.message};
}

/// A UdpProof; its server is asked over UDP, or, for a relay, over TCP.
class UdpRun final : public ProofRun {
public:
    UdpRun(ProofRunParts parts, std::unique_ptr<Vantage> vantage, const Endpoint& server,
           Transport transport, bool second_choice)
        : parts_(std::move(parts)),
          server_(server),
          proof_(std::move(vantage), new_transaction, {parts_.early_port, parts_.contacted}),
          timer_(parts_.loop),
          second_choice_(second_choice) {
        make_sockets(transport);
    }
    ~UdpRun() override {
        proof_.close();
        transmit();
    }

    [[nodiscard]] bool is_ready() const override { return !failure_ && proof_.is_ready(); }
    [[nodiscard]] bool is_second_choice() const override { return second_choice_; }
    [[nodiscard]] const std::optional<ProofVerdict>& result() const override {
        return failure_ ? failure_ : proof_.result();
    }
    void prove(const Endpoint& external) override {
        proof_.prove(net::now(), external);
        pump();
    }
    void handle_datagram(const Endpoint& from, ByteView payload) override {
        proof_.handle_datagram(net::now(), ProofSocket::Listener, from, payload);
        pump();
    }

private:
    void make_sockets(Transport transport) {
        auto control = open();
        if (!control) return fail(control.error());
        control_ = *std::move(control);
        listen_on(*control_, ProofSocket::Control);
        if (transport == Transport::Tcp) return connect();
        auto asker = open();
        if (!asker) return fail(asker.error());
        asker_ = *std::move(asker);
        listen_on(*asker_, ProofSocket::Asker);
        begin();
    }

    Result<std::unique_ptr<net::UdpSocket>> open() {
        return net::UdpSocket::open(parts_.loop,
                                    {.bind = {parts_.source, 0}, .interface = parts_.interface});
    }

    void listen_on(net::UdpSocket& socket, ProofSocket which) {
        socket.on_datagram([this, which](const Endpoint& from, ByteView payload) {
            proof_.handle_datagram(net::now(), which, from, payload);
            pump();
        });
    }

    void connect() {
        auto stream = net::TcpStream::connect(
            parts_.loop, server_, {.bind = {parts_.source, 0}, .interface = parts_.interface},
            {.on_open = [this] { begin(); },
             .on_bytes = [this](ByteView bytes) { handle_stream(bytes); },
             .on_end = [this](const Error& error) { fail(error); }});
        if (!stream) return fail(stream.error());
        stream_ = *std::move(stream);
    }

    void handle_stream(ByteView bytes) {
        splitter_.append(bytes);
        for (;;) {
            const auto message = splitter_.next();
            if (!message) return fail(message.error());
            if (!*message) break;
            proof_.handle_datagram(net::now(), ProofSocket::Asker, server_, **message);
        }
        pump();
    }

    void begin() {
        proof_.start(net::now());
        pump();
    }

    void fail(const Error& error) {
        if (result()) return;
        failure_ = failed(error);
        timer_.start_at(net::now(), [this] { parts_.on_change(); });
    }

    void transmit() {
        while (const auto sent = proof_.poll_transmit()) {
            const auto& [to, payload] = sent->datagram;
            // What is not taken is lost like any other.
            if (sent->socket == ProofSocket::Control && control_) {
                (void)control_->send(to, payload);
            } else if (sent->socket == ProofSocket::Asker && stream_) {
                (void)stream_->send(payload);
            } else if (sent->socket == ProofSocket::Asker && asker_) {
                (void)asker_->send(to, payload);
            }
        }
    }

    void pump() {
        transmit();
        net::follow_deadline(timer_, proof_, [this] { pump(); });
        parts_.on_change();
    }

    ProofRunParts parts_;
    Endpoint server_;
    UdpProof proof_;
    std::unique_ptr<net::UdpSocket> asker_;
    std::unique_ptr<net::TcpStream> stream_;
    std::unique_ptr<net::UdpSocket> control_;
    turn::StreamSplitter splitter_;
    net::Timer timer_;
    std::optional<ProofVerdict> failure_;
    bool second_choice_;
};

class TcpRun final : public ProofRun {
public:
    TcpRun(ProofRunParts parts, const Endpoint& server, const TurnServer& login)
        : parts_(std::move(parts)),
          server_(server),
          proof_({.server = server,
                  .user = login.user,
                  .password = login.password,
                  .application_listens = parts_.application_listens,
                  .token = net::random_bytes<16>(),
                  .connect_limit = parts_.connect_limit.count() > 0 ? parts_.connect_limit
                                                                    : TcpProof::kConnectLimit,
                  .contacted = parts_.contacted},
                 crypto()),
          timer_(parts_.loop) {
        control_ = connect({.on_open =
                                [this] {
                                    proof_.start(net::now());
                                    pump();
                                },
                            .on_bytes =
                                [this](ByteView bytes) {
                                    proof_.handle_control(net::now(), bytes);
                                    pump();
                                },
                            .on_end = broken()});
        if (!control_) timer_.start_at(net::now(), [this] { parts_.on_change(); });
    }
    ~TcpRun() override {
        if (!proof_.result()) proof_.close();
        transmit();
    }

    [[nodiscard]] bool is_ready() const override { return proof_.is_ready(); }
    [[nodiscard]] bool is_second_choice() const override { return false; }
    [[nodiscard]] const std::optional<ProofVerdict>& result() const override {
        return proof_.result();
    }
    void prove(const Endpoint& external) override {
        proof_.prove(net::now(), external);
        pump();
    }
    void handle_accepted(const Endpoint& from, ByteView bytes) override {
        proof_.handle_accepted(net::now(), from, bytes);
        pump();
    }

private:
    [[nodiscard]] std::function<void(const Error&)> broken() {
        return [this](const Error& error) {
            proof_.handle_broken(error.message);
            pump();
        };
    }

    std::unique_ptr<net::TcpStream> connect(net::TcpStream::Handlers handlers) {
        auto stream = net::TcpStream::connect(
            parts_.loop, server_, {.bind = {parts_.source, 0}, .interface = parts_.interface},
            std::move(handlers));
        if (stream) return *std::move(stream);
        proof_.handle_broken(stream.error().message);
        return nullptr;
    }

    void transmit() {
        while (const auto bytes = proof_.poll_control()) {
            if (control_) (void)control_->send(*bytes); // a broken one ends by on_end
        }
        while (const auto bytes = proof_.poll_data()) {
            if (data_) (void)data_->send(*bytes);
        }
    }

    void pump() {
        transmit();
        if (proof_.wants_data() && !data_) {
            data_ = connect({.on_open =
                                 [this] {
                                     proof_.handle_data_open(net::now());
                                     pump();
                                 },
                             .on_bytes =
                                 [this](ByteView bytes) {
                                     proof_.handle_data(net::now(), bytes);
                                     pump();
                                 },
                             .on_end = broken()});
        }
        if (const auto remote = proof_.wants_confirmation()) {
            proof_.confirm(net::now(), net::has_connection(parts_.internal_port, *remote));
        }
        net::follow_deadline(timer_, proof_, [this] { pump(); });
        parts_.on_change();
    }

    ProofRunParts parts_;
    Endpoint server_;
    TcpProof proof_;
    std::unique_ptr<net::TcpStream> control_;
    std::unique_ptr<net::TcpStream> data_;
    net::Timer timer_;
};

class DialBackRun final : public ProofRun {
public:
    DialBackRun(ProofRunParts parts, const Endpoint& server)
        : parts_(std::move(parts)),
          proof_({.server = server,
                  .application_listens = parts_.application_listens,
                  .ready_limit = parts_.ready_limit,
                  .dial_limit = parts_.connect_limit.count() > 0 ? parts_.connect_limit
                                                                 : DialBackProof::kDialLimit,
                  .contacted = parts_.contacted},
                 new_transaction),
          timer_(parts_.loop) {
        auto socket = net::UdpSocket::open(
            parts_.loop, {.bind = {parts_.source, 0}, .interface = parts_.interface});
        if (!socket) {
            failure_ = failed(socket.error());
            timer_.start_at(net::now(), [this] { parts_.on_change(); });
            return;
        }
        socket_ = *std::move(socket);
        socket_->on_datagram([this](const Endpoint& from, ByteView payload) {
            proof_.handle_datagram(net::now(), from, payload);
            pump();
        });
        proof_.start(net::now());
        pump();
    }

    [[nodiscard]] bool is_ready() const override { return !failure_ && proof_.is_ready(); }
    [[nodiscard]] bool is_second_choice() const override { return true; }
    [[nodiscard]] const std::optional<ProofVerdict>& result() const override {
        return failure_ ? failure_ : proof_.result();
    }
    void prove(const Endpoint& external) override {
        proof_.prove(net::now(), external);
        pump();
    }
    void handle_accepted(const Endpoint& from, ByteView bytes) override {
        if (failure_) return;
        proof_.handle_accepted(net::now(), from, bytes);
        pump();
    }

private:
    void pump() {
        if (const auto& remote = proof_.wants_confirmation()) {
            proof_.confirm(net::now(), net::has_connection(parts_.internal_port, *remote));
        }
        while (const auto sent = proof_.poll_transmit()) {
            (void)socket_->send(sent->to, sent->payload); // a loss like any other
        }
        net::follow_deadline(timer_, proof_, [this] { pump(); });
        parts_.on_change();
    }

    ProofRunParts parts_;
    DialBackProof proof_;
    std::unique_ptr<net::UdpSocket> socket_;
    net::Timer timer_;
    std::optional<ProofVerdict> failure_;
};

} // namespace

std::unique_ptr<ProofRun> make_dial_back_run(ProofRunParts parts, const Endpoint& server) {
    return std::make_unique<DialBackRun>(std::move(parts), server);
}

std::unique_ptr<ProofRun> make_stun_run(ProofRunParts parts, const Endpoint& server) {
    auto vantage = std::make_unique<StunVantage>(server, new_transaction, parts.ready_limit);
    return std::make_unique<UdpRun>(std::move(parts), std::move(vantage), server, Transport::Udp,
                                    false);
}

std::unique_ptr<ProofRun> make_turn_run(ProofRunParts parts, const Endpoint& server,
                                        const TurnServer& login) {
    TurnClient::Options options{.ipv6 = !server.address.is_v4(),
                                .reliable = login.transport == Transport::Tcp,
                                .user = login.user,
                                .password = login.password};
    options.request_limit = std::max(options.request_limit, parts.ready_limit);
    return std::make_unique<UdpRun>(
        std::move(parts), std::make_unique<TurnVantage>(server, std::move(options), crypto()),
        server, login.transport, true);
}

std::unique_ptr<ProofRun> make_turn_tcp_run(ProofRunParts parts, const Endpoint& server,
                                            const TurnServer& login) {
    return std::make_unique<TcpRun>(std::move(parts), server, login);
}

} // namespace natterjack
