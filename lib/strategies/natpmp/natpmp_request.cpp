// SPDX-License-Identifier: MIT
#include "strategies/natpmp/natpmp_request.hpp"

#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <natpmp.h>

#include "net/loop.hpp"
#include "net/socket_address.hpp"
#include "proto/natpmp_guard.hpp"
#include "proto/retransmit.hpp"

namespace natterjack {

namespace {

/// Datagrams looked at in one turn of the loop: a flood must not keep the timers from theirs.
constexpr int kMaxReadsPerTurn = 32;

/// Owns libnatpmp's session.
class Session {
public:
    Session() = default;
    ~Session() { close(); }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    Result<void> open(const Path& path);
    void close();

    [[nodiscard]] natpmp_t& get() { return natpmp_; }
    [[nodiscard]] int fd() const { return natpmp_.s; }

private:
    [[nodiscard]] Result<void> confine(const Path& path) const;

    natpmp_t natpmp_{.s = -1,
                     .gateway = 0,
                     .has_pending_request = 0,
                     .pending_request = {},
                     .pending_request_len = 0,
                     .try_number = 0,
                     .retry_time = {}};
};

Endpoint server_of(const Path& path) {
    return {path.gateway, natpmp::kServerPort};
}

Result<void> Session::open(const Path& path) {
    if (initnatpmp(&natpmp_, 1, htonl(path.gateway.to_v4())) != 0) {
        const int error_number = errno;
        close(); // libnatpmp leaves its socket open when it fails
        return net::network_error("cannot reach the gateway " + path.gateway.to_string(),
                                  error_number);
    }
    fcntl(fd(), F_SETFD, FD_CLOEXEC);
    return confine(path);
}

/// libnatpmp lets the routing table choose source and interface. Where that is not the path's
/// choice, take its socket's connection apart and put it together again bound and confined.
Result<void> Session::confine(const Path& path) const {
    net::SocketAddress chosen;
    if (getsockname(fd(), chosen.raw(), &chosen.length) == 0 &&
        net::to_endpoint(chosen).address == path.source) {
        return {};
    }
    const auto interface = htonl(path.interface);
    const auto source = net::to_socket_address({path.source, 0});
    const auto server = net::to_socket_address(server_of(path));
    sockaddr nobody{};
    nobody.sa_family = AF_UNSPEC; // connect(2): dissolves the association
    const bool done = connect(fd(), &nobody, sizeof nobody) == 0 &&
                      (path.interface == 0 || setsockopt(fd(), IPPROTO_IP, IP_UNICAST_IF,
                                                         &interface, sizeof interface) == 0) &&
                      bind(fd(), source.raw(), source.length) == 0 &&
                      connect(fd(), server.raw(), server.length) == 0;
    if (done) return {};
    return net::network_error("cannot reach the gateway " + path.gateway.to_string() + " from " +
                                  path.source.to_string(),
                              errno);
}

void Session::close() {
    if (natpmp_.s >= 0) closenatpmp(&natpmp_);
    natpmp_.s = -1;
}

/// libnatpmp's word for a gateway's refusal.
Error to_error(int code, const natpmpresp_t& response) {
    switch (code) {
    case NATPMP_ERR_UNSUPPORTEDVERSION:
        return natpmp::to_error(natpmp::ResultCode::UnsupportedVersion);
    case NATPMP_ERR_NOTAUTHORIZED: return natpmp::to_error(natpmp::ResultCode::NotAuthorized);
    case NATPMP_ERR_NETWORKFAILURE: return natpmp::to_error(natpmp::ResultCode::NetworkFailure);
    case NATPMP_ERR_OUTOFRESOURCES: return natpmp::to_error(natpmp::ResultCode::OutOfResources);
    case NATPMP_ERR_UNSUPPORTEDOPCODE:
        return natpmp::to_error(natpmp::ResultCode::UnsupportedOpcode);
    case NATPMP_ERR_UNDEFINEDERROR:
        return natpmp::to_error(static_cast<natpmp::ResultCode>(response.resultcode));
    default: return Error{Errc::Network, "libnatpmp could not read the gateway's answer", code};
    }
}

NatPmpQuestion guarded(const Path& path, const NatPmpRequest::Question& question) {
    NatPmpQuestion out{server_of(path), natpmp::Opcode::Address, 0};
    if (const auto* map = std::get_if<natpmp::MapRequest>(&question)) {
        out.opcode = natpmp::map_opcode(map->transport);
        out.internal_port = map->internal_port;
    }
    return out;
}

} // namespace

class NatPmpRequest::State {
public:
    State(const Loop& loop, const Path& path, Question question, Handler handler)
        : question_(question),
          guard_(guarded(path, question)),
          handler_(std::move(handler)),
          timer_(loop) {}

    void start(const Loop& loop, const Path& path, TimePoint give_up_at);

private:
    void send();
    void wait();
    void handle_timeout();
    void handle_readable();
    /// False when there is nothing more to read, or all is over.
    bool read_one();
    [[nodiscard]] std::optional<Result<NatPmpAnswer>> read_answer();
    [[nodiscard]] Result<NatPmpAnswer> checked(const natpmpresp_t& response) const;
    void drop_datagram();
    void handle_socket_error(int error_number);
    void finish(Result<NatPmpAnswer> result);

    Question question_;
    NatPmpQuestion guard_;
    Handler handler_;
    Session session_;
    RetransmitTimer retransmit_;
    net::Timer timer_;
    std::unique_ptr<net::ReadWatch> watch_;
    std::optional<Error> send_error_;
};

void NatPmpRequest::State::start(const Loop& loop, const Path& path, TimePoint give_up_at) {
    if (auto opened = session_.open(path); !opened) {
        timer_.start_after(Duration(0), [this, error = opened.error()] { finish(error); });
        return;
    }
    watch_ = std::make_unique<net::ReadWatch>(loop, session_.fd(), [this] { handle_readable(); });
    retransmit_.start(net::now(), give_up_at);
    send();
    wait();
}

void NatPmpRequest::State::send() {
    const auto* map = std::get_if<natpmp::MapRequest>(&question_);
    int sent = 0;
    if (map) {
        const int protocol =
            map->transport == Transport::Udp ? NATPMP_PROTOCOL_UDP : NATPMP_PROTOCOL_TCP;
        sent = sendnewportmappingrequest(&session_.get(), protocol, map->internal_port,
                                         map->suggested_external_port, map->lifetime.count());
    } else {
        sent = sendpublicaddressrequest(&session_.get());
    }
    // A send that fails may succeed at the next repeat: the link may just be coming up.
    send_error_ = sent < 0 ? std::optional(net::network_error("cannot send to the gateway", errno))
                           : std::nullopt;
}

void NatPmpRequest::State::wait() {
    if (const auto deadline = retransmit_.deadline()) {
        timer_.start_at(*deadline, [this] { handle_timeout(); });
    }
}

void NatPmpRequest::State::handle_timeout() {
    switch (retransmit_.expire(net::now())) {
    case RetransmitTimer::Verdict::Wait: break;
    case RetransmitTimer::Verdict::Resend: send(); break;
    case RetransmitTimer::Verdict::GiveUp:
        finish(send_error_.value_or(
            Error{Errc::Timeout, "no NAT-PMP answer from " + guard_.gateway.to_string()}));
        return;
    }
    wait();
}

void NatPmpRequest::State::handle_readable() {
    for (int i = 0; i < kMaxReadsPerTurn; ++i) {
        if (!read_one()) return;
    }
}

bool NatPmpRequest::State::read_one() {
    std::array<std::uint8_t, natpmp::kMapResponseSize> head{};
    net::SocketAddress from;
    const auto size = recvfrom(session_.fd(), head.data(), head.size(),
                               MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT, from.raw(), &from.length);
    if (size < 0) {
        if (errno != EAGAIN && errno != EINTR) handle_socket_error(errno); // may destroy this
        return false;
    }
    const auto full_size = static_cast<std::size_t>(size);
    const ByteView payload = ByteView(head).first(std::min(full_size, head.size()));
    switch (judge(guard_, net::to_endpoint(from), payload, full_size)) {
    case NatPmpVerdict::Ignore: drop_datagram(); return true;
    case NatPmpVerdict::VersionMismatch:
        finish(natpmp::to_error(natpmp::ResultCode::UnsupportedVersion));
        return false;
    case NatPmpVerdict::Accept: break;
    }
    auto answer = read_answer();
    if (!answer) return false;
    finish(*std::move(answer));
    return false;
}

/// Empty when the datagram went away between the look and the read (a bad checksum).
std::optional<Result<NatPmpAnswer>> NatPmpRequest::State::read_answer() {
    natpmpresp_t response{};
    const int code = readnatpmpresponseorretry(&session_.get(), &response);
    if (code == NATPMP_TRYAGAIN) return std::nullopt;
    if (code != 0) return to_error(code, response);
    return checked(response);
}

/// Takes a grant of nothing for the refusal that it is.
Result<NatPmpAnswer> NatPmpRequest::State::checked(const natpmpresp_t& response) const {
    NatPmpAnswer answer;
    answer.epoch = Lifetime(response.epoch);
    const auto* map = std::get_if<natpmp::MapRequest>(&question_);
    if (!map) {
        answer.external = IpAddress::v4(ntohl(response.pnu.publicaddress.addr.s_addr));
        return answer;
    }
    answer.external_port = response.pnu.newportmapping.mappedpublicport;
    answer.lifetime = Lifetime(response.pnu.newportmapping.lifetime);
    if (map->lifetime.count() == 0) return answer;
    if (answer.lifetime.count() == 0 || answer.external_port == 0) {
        return Error{Errc::Refused, "the gateway granted external port " +
                                        std::to_string(answer.external_port) + " for " +
                                        std::to_string(answer.lifetime.count()) +
                                        " s, which is nothing: its NAT-PMP is faulty, try another "
                                        "protocol"};
    }
    return answer;
}

void NatPmpRequest::State::drop_datagram() {
    std::uint8_t rest = 0;
    static_cast<void>(recv(session_.fd(), &rest, sizeof rest, MSG_DONTWAIT));
}

/// The socket is connected, so ICMP errors about our datagrams arrive here. Others than these may
/// pass; the repeats go on.
void NatPmpRequest::State::handle_socket_error(int error_number) {
    switch (error_number) {
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
        finish(Error{Errc::NotFound, "nothing speaks NAT-PMP at " + guard_.gateway.to_string(),
                     error_number});
        return;
    default: return;
    }
}

void NatPmpRequest::State::finish(Result<NatPmpAnswer> result) {
    timer_.stop();
    watch_.reset();
    session_.close();
    const auto handler = std::exchange(handler_, nullptr);
    handler(std::move(result)); // may destroy this
}

NatPmpRequest::NatPmpRequest(const Loop& loop, const Path& path, Question question,
                             TimePoint give_up_at, Handler handler)
    : state_(std::make_unique<State>(loop, path, question, std::move(handler))) {
    state_->start(loop, path, give_up_at);
}

NatPmpRequest::~NatPmpRequest() = default;

} // namespace natterjack
