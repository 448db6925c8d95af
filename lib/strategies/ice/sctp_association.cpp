// SPDX-License-Identifier: MIT
#include "strategies/ice/sctp_association.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <tuple>

#include <usrsctp.h>

#include "strategies/ice/sctp_stack.hpp"

namespace natterjack::ice {

namespace {

constexpr Duration kTick{10};             // usrsctp's own timer thread has the same
constexpr Duration kIdleTick{1000};       // nothing is pending then; for what nobody thought of
constexpr Duration kSettling{500};        // after a packet: longer than any delayed acknowledgement
constexpr std::size_t kCommonHeader = 12; // counted by the MTU, not by usrsctp's path MTU

template<std::unsigned_integral T>
constexpr T network_order(T value) {
    if constexpr (std::endian::native == std::endian::big) return value;
    if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
    return static_cast<T>(__builtin_bswap32(value));
}

sockaddr_conn address_for(std::uintptr_t id, std::uint16_t port) {
    sockaddr_conn out{};
    out.sconn_family = AF_CONN;
    out.sconn_port = network_order(port);
    out.sconn_addr = reinterpret_cast<void*>(id); // NOLINT(*int-to-ptr): opaque to usrsctp
    return out;
}

sockaddr* as_sockaddr(sockaddr_conn& address) {
    return reinterpret_cast<sockaddr*>(&address);
}

template<class T>
int set_option(struct socket* socket, int level, int name, const T& value) {
    return usrsctp_setsockopt(socket, level, name, &value, sizeof(value)) == 0 ? 0 : errno;
}

// The front of `bytes` as a struct of usrsctp's; false when there are too few.
template<class T>
bool read_struct(ByteView bytes, T& out) {
    if (bytes.size() < sizeof(T)) return false;
    std::memcpy(&out, bytes.data(), sizeof(T));
    return true;
}

} // namespace

SctpAssociation::SctpAssociation(const Config& config) : config_(config) {
}

Result<std::unique_ptr<SctpAssociation>> SctpAssociation::create(const Config& config) {
    auto& stack = SctpStack::instance();
    std::unique_ptr<SctpAssociation> out(new SctpAssociation(config));
    int rc = 0;
    {
        const auto lock = stack.lock();
        out->address_ = stack.add(*out);
        rc = out->set_up_socket();
    }
    if (rc != 0) {
        return Error{Errc::Unsupported, std::string("setting up SCTP: ") + std::strerror(rc), rc};
    }
    return out;
}

SctpAssociation::~SctpAssociation() {
    auto& stack = SctpStack::instance();
    const auto lock = stack.lock();
    if (socket_) usrsctp_close(socket_);
    stack.remove(address_);
}

int SctpAssociation::set_up_socket() {
    socket_ = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, nullptr, nullptr, 0, nullptr);
    if (!socket_) return errno;
    if (usrsctp_set_non_blocking(socket_, 1) != 0) return errno;
    // Closing must not leave anything behind that still wants to send.
    linger at_once{};
    at_once.l_onoff = 1;
    sctp_assoc_value resets{};
    resets.assoc_id = SCTP_ALL_ASSOC;
    resets.assoc_value = SCTP_ENABLE_RESET_STREAM_REQ | SCTP_ENABLE_CHANGE_ASSOC_REQ;
    sctp_initmsg streams{};
    streams.sinit_num_ostreams = config_.outgoing_streams;
    streams.sinit_max_instreams = config_.max_incoming_streams;
    // No heartbeats: ICE watches the path, and an idle session should let the process sleep. No
    // path MTU discovery: it cannot set DF through DTLS and ICE (RFC 8261 section 5).
    sctp_paddrparams path{};
    path.spp_flags = SPP_HB_DISABLE | SPP_PMTUD_DISABLE;
    path.spp_pathmtu = static_cast<std::uint32_t>(config_.mtu - kCommonHeader);
    const int on = 1;
    const int off = 0;
    const std::array steps = {
        set_option(socket_, SOL_SOCKET, SO_LINGER, at_once),
        set_option(socket_, IPPROTO_SCTP, SCTP_ENABLE_STREAM_RESET, resets),
        set_option(socket_, IPPROTO_SCTP, SCTP_RECVRCVINFO, on),
        set_option(socket_, IPPROTO_SCTP, SCTP_NODELAY, on), // RFC 8831 section 6.6
        set_option(socket_, IPPROTO_SCTP, SCTP_FRAGMENT_INTERLEAVE, off),
        set_option(socket_, IPPROTO_SCTP, SCTP_INITMSG, streams),
        set_option(socket_, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, path),
    };
    for (const int rc : steps) {
        if (rc != 0) return rc;
    }
    for (const auto type : {SCTP_ASSOC_CHANGE, SCTP_STREAM_RESET_EVENT, SCTP_SENDER_DRY_EVENT}) {
        sctp_event event{};
        event.se_assoc_id = SCTP_ALL_ASSOC;
        event.se_type = static_cast<std::uint16_t>(type);
        event.se_on = 1;
        if (const int rc = set_option(socket_, IPPROTO_SCTP, SCTP_EVENT, event); rc != 0) return rc;
    }
    auto local = address_for(address_, config_.local_port);
    return usrsctp_bind(socket_, as_sockaddr(local), sizeof(local)) == 0 ? 0 : errno;
}

void SctpAssociation::start(TimePoint now) {
    auto& stack = SctpStack::instance();
    const auto lock = stack.lock();
    stack.advance(now);
    now_ = now;
    auto remote = address_for(address_, config_.remote_port);
    started_ = true;
    if (usrsctp_connect(socket_, as_sockaddr(remote), sizeof(remote)) != 0 &&
        errno != EINPROGRESS) {
        end(State::Failed,
            Error{Errc::Network, std::string("SCTP: ") + std::strerror(errno), errno});
    }
}

void SctpAssociation::handle_datagram(TimePoint now, ByteView packet) {
    if (state_ == State::Closed || state_ == State::Failed) return;
    auto& stack = SctpStack::instance();
    const auto lock = stack.lock();
    now_ = now;
    if (stack.advance(now)) receive(); // first what timers did, then what the packet does
    last_input_ = now;
    // NOLINTNEXTLINE(*int-to-ptr)
    usrsctp_conninput(reinterpret_cast<void*>(address_), packet.data(), packet.size(), 0);
    by_packet_ = true;
    receive();
    by_packet_ = false;
}

void SctpAssociation::handle_timeout(TimePoint now) {
    auto& stack = SctpStack::instance();
    const auto lock = stack.lock();
    stack.advance(now);
    now_ = now;
    receive();
}

bool SctpAssociation::is_busy() const {
    return state_ == State::Connecting || !all_acknowledged_ || resets_under_way_ > 0 ||
           now_ - last_input_ < kSettling;
}

std::optional<TimePoint> SctpAssociation::deadline() const {
    if (state_ == State::Closed || state_ == State::Failed) return std::nullopt;
    return SctpStack::next_tick(now_, is_busy() ? kTick : kIdleTick);
}

void SctpAssociation::demand_heartbeat(TimePoint now) {
    if (state_ != State::Connected) return;
    auto& stack = SctpStack::instance();
    const auto lock = stack.lock();
    stack.advance(now);
    now_ = now;
    sctp_paddrparams path{};
    path.spp_flags = SPP_HB_DEMAND;
    const auto remote = address_for(address_, config_.remote_port);
    std::memcpy(&path.spp_address, &remote, sizeof(remote));
    set_option(socket_, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, path);
    receive();
}

std::optional<std::vector<std::uint8_t>> SctpAssociation::poll_transmit() {
    const auto lock = SctpStack::instance().lock();
    if (outbox_.empty()) return std::nullopt;
    auto out = std::move(outbox_.front());
    outbox_.pop_front();
    return out;
}

std::optional<SctpAssociation::Event> SctpAssociation::poll_event() {
    std::optional<Event> out;
    if (events_.empty()) return out;
    out.swap(events_.front());
    events_.pop_front();
    return out;
}

void SctpAssociation::take_output(ByteView packet) {
    outbox_.emplace_back(packet.begin(), packet.end());
}

Result<bool> SctpAssociation::send(TimePoint now, const Delivery& delivery, ByteView message) {
    if (!may_send() || delivery.stream >= stream_count() || message.empty()) {
        return Error{Errc::InvalidArgument, "SCTP: not started, no stream " +
                                                std::to_string(delivery.stream) +
                                                ", or an empty message"};
    }
    sctp_sendv_spa info{};
    info.sendv_flags = SCTP_SEND_SNDINFO_VALID;
    info.sendv_sndinfo.snd_sid = delivery.stream;
    info.sendv_sndinfo.snd_ppid = network_order(delivery.ppid);
    info.sendv_sndinfo.snd_flags =
        static_cast<std::uint16_t>(SCTP_EOR | (delivery.ordered ? 0 : SCTP_UNORDERED));
    if (delivery.reliability != dcep::Reliability::Reliable) {
        info.sendv_flags |= SCTP_SEND_PRINFO_VALID;
        info.sendv_prinfo.pr_policy = delivery.reliability == dcep::Reliability::MaxRetransmits
                                          ? SCTP_PR_SCTP_RTX
                                          : SCTP_PR_SCTP_TTL;
        info.sendv_prinfo.pr_value = delivery.reliability_parameter;
    }
    auto& stack = SctpStack::instance();
    const auto lock = stack.lock();
    stack.advance(now);
    now_ = now;
    if (usrsctp_sendv(socket_, message.data(), message.size(), nullptr, 0, &info, sizeof(info),
                      SCTP_SENDV_SPA, 0) < 0) {
        const int rc = errno;
        if (rc == EWOULDBLOCK || rc == EAGAIN || rc == ENOBUFS) return false;
        return Error{Errc::Network, std::string("SCTP: sending: ") + std::strerror(rc), rc};
    }
    all_acknowledged_ = false;
    return true;
}

Result<void> SctpAssociation::reset_stream(TimePoint now, std::uint16_t stream) {
    struct {
        sctp_assoc_t association;
        std::uint16_t flags;
        std::uint16_t count;
        std::array<std::uint16_t, 1> list;
    } request = {SCTP_ALL_ASSOC, SCTP_STREAM_RESET_OUTGOING, 1, {{stream}}}; // sctp_reset_streams
    auto& stack = SctpStack::instance();
    const auto lock = stack.lock();
    stack.advance(now);
    now_ = now;
    const auto size = static_cast<socklen_t>(sizeof(sctp_reset_streams) + sizeof(stream));
    if (usrsctp_setsockopt(socket_, IPPROTO_SCTP, SCTP_RESET_STREAMS, &request, size) != 0) {
        const int rc = errno;
        return Error{Errc::Unsupported,
                     std::string("SCTP: resetting a stream: ") + std::strerror(rc), rc};
    }
    ++resets_under_way_;
    return {};
}

void SctpAssociation::set_receiving(TimePoint now, bool receiving) {
    receiving_ = receiving;
    if (receiving) handle_timeout(now);
}

void SctpAssociation::close(TimePoint now) {
    auto& stack = SctpStack::instance();
    const auto lock = stack.lock();
    stack.advance(now);
    now_ = now;
    if (socket_) usrsctp_close(socket_); // with SO_LINGER 0 that is an ABORT
    socket_ = nullptr;
    if (state_ != State::Failed) state_ = State::Closed;
}

// Takes everything that usrsctp has for us. With its lock held.
void SctpAssociation::receive() {
    auto& scratch = SctpStack::instance().scratch();
    while (socket_ && receiving_ && (state_ == State::Connecting || state_ == State::Connected)) {
        sctp_rcvinfo info{};
        socklen_t info_size = sizeof(info);
        socklen_t from_size = 0;
        unsigned info_type = 0;
        int flags = 0;
        const auto size = usrsctp_recvv(socket_, scratch.data(), scratch.size(), nullptr,
                                        &from_size, &info, &info_size, &info_type, &flags);
        if (size <= 0) return;
        const ByteView piece(scratch.data(), static_cast<std::size_t>(size));
        take_piece(piece, flags, info.rcv_sid, network_order(info.rcv_ppid));
    }
}

void SctpAssociation::take_piece(ByteView piece, int flags, std::uint16_t stream,
                                 std::uint32_t ppid) {
    const bool whole = (flags & MSG_EOR) != 0;
    if ((flags & MSG_NOTIFICATION) != 0) {
        partial_notification_.insert(partial_notification_.end(), piece.begin(), piece.end());
        if (!whole) return;
        take_notification(partial_notification_);
        partial_notification_.clear();
        return;
    }
    auto& data = partial_[stream];
    if (partial_size_ + piece.size() > config_.max_message) {
        end(State::Failed,
            Error{Errc::TooLarge, "the peer sent a message of more than " +
                                      std::to_string(config_.max_message) + " bytes"});
        return;
    }
    data.insert(data.end(), piece.begin(), piece.end());
    partial_size_ += piece.size();
    if (!whole) return;
    partial_size_ -= data.size();
    events_.emplace_back(Message{stream, ppid, std::move(data)});
    partial_.erase(stream);
}

void SctpAssociation::take_notification(ByteView bytes) {
    sctp_notification::sctp_tlv header{};
    if (!read_struct(bytes, header)) return;
    switch (header.sn_type) {
    case SCTP_ASSOC_CHANGE: take_association_change(bytes); break;
    case SCTP_STREAM_RESET_EVENT: take_stream_reset(bytes); break;
    case SCTP_SENDER_DRY_EVENT: all_acknowledged_ = true; break;
    default: break;
    }
}

void SctpAssociation::take_association_change(ByteView bytes) {
    sctp_assoc_change change{};
    if (!read_struct(bytes, change)) return;
    switch (change.sac_state) {
    case SCTP_COMM_UP:
        state_ = State::Connected;
        streams_ = std::min(change.sac_outbound_streams, change.sac_inbound_streams);
        break;
    case SCTP_RESTART:
        end(State::Failed, Error{Errc::Mismatch, "the peer began its SCTP association anew"});
        break;
    case SCTP_SHUTDOWN_COMP: end(State::Closed, std::nullopt); break;
    case SCTP_CANT_STR_ASSOC:
    case SCTP_COMM_LOST: take_loss(change.sac_error); break;
    default: break;
    }
}

// usrsctp tells through the socket's error who ended it.
void SctpAssociation::take_loss(int cause) {
    int why = 0;
    socklen_t size = sizeof(why);
    std::ignore = usrsctp_getsockopt(socket_, SOL_SOCKET, SO_ERROR, &why, &size);
    switch (why) {
    case ECONNRESET: end(State::Closed, std::nullopt); break; // ABORT is how WebRTC closes
    case ECONNREFUSED:
        end(State::Failed, Error{Errc::Refused, "SCTP: the peer wants no association", cause});
        break;
    default:
        // We ended it: a packet of the peer was the cause, or that none came.
        end(State::Failed, by_packet_
                               ? Error{Errc::Malformed, "SCTP: the peer broke the protocol", cause}
                               : Error{Errc::Timeout, "SCTP: the peer does not answer", cause});
        break;
    }
}

void SctpAssociation::take_stream_reset(ByteView bytes) {
    sctp_stream_reset_event header{};
    if (!read_struct(bytes, header)) return;
    std::vector<std::uint16_t> streams;
    for (auto rest = bytes.subspan(sizeof(header)); rest.size() >= 2; rest = rest.subspan(2)) {
        std::uint16_t stream = 0;
        std::memcpy(&stream, rest.data(), sizeof(stream));
        streams.push_back(stream);
    }
    using Direction = StreamReset::Direction;
    const auto flags = header.strreset_flags;
    if ((flags & SCTP_STREAM_RESET_INCOMING_SSN) != 0) {
        events_.emplace_back(StreamReset{Direction::Incoming, streams});
    }
    if ((flags & SCTP_STREAM_RESET_OUTGOING_SSN) != 0) {
        const bool denied = (flags & (SCTP_STREAM_RESET_DENIED | SCTP_STREAM_RESET_FAILED)) != 0;
        resets_under_way_ -= std::min(resets_under_way_, std::max<std::size_t>(streams.size(), 1));
        events_.emplace_back(
            StreamReset{denied ? Direction::Denied : Direction::Outgoing, std::move(streams)});
    }
}

void SctpAssociation::end(State state, std::optional<Error> error) {
    state_ = state;
    error_ = std::move(error);
    partial_.clear();
}

} // namespace natterjack::ice
