// SPDX-License-Identifier: MIT
#include "proto/tcp_proof.hpp"

#include <algorithm>
#include <utility>

namespace natterjack {

namespace {

// How often the port must have failed, at once or after the server's kernel gave up.
constexpr int kEnoughFailures = 2;

TurnClient::Options client_options(const TcpProof::Options& options) {
    return {.relayed = Transport::Tcp,
            .ipv6 = !options.server.address.is_v4(),
            .reliable = true,
            .user = options.user,
            .password = options.password,
            .connect_limit = options.connect_limit};
}

} // namespace

TcpProof::TcpProof(Options options, TurnCrypto crypto)
    : options_(std::move(options)), client_(client_options(options_), std::move(crypto)) {
}

std::string TcpProof::name() const {
    return "the TURN server " + options_.server.to_string();
}

void TcpProof::start(TimePoint now) {
    asked_ = now;
    client_.start(now);
    drain(now);
}

void TcpProof::prove(TimePoint now, const Endpoint& external) {
    if (result_ || phase_ != Phase::Ready) return;
    external_ = external;
    if (external.address.is_unspecified()) external_.address = seen_;
    if (seen_ != external_.address) {
        inconclusive(name() + " sees us as " + seen_.to_string() + ", not as " +
                     external_.address.to_string() + ", and connects nowhere else");
        return;
    }
    asked_ = now;
    connect(now);
}

void TcpProof::connect(TimePoint now) {
    phase_ = Phase::Connecting;
    pending_ = true;
    patience_ = now + kPatience;
    client_.connect(now, external_);
    drain(now);
}

void TcpProof::handle_control(TimePoint now, ByteView bytes) {
    if (result_) return;
    control_stream_.append(bytes);
    for (;;) {
        const auto message = control_stream_.next();
        if (!message) {
            handle_broken(message.error().message);
            return;
        }
        if (!*message) break;
        client_.handle_message(now, **message);
    }
    drain(now);
}

void TcpProof::handle_data_open(TimePoint now) {
    if (phase_ != Phase::OpeningData) return;
    phase_ = Phase::Binding;
    bind_.emplace(client_.bind_request(connection_, now + token_limit()));
    bind_->start(now);
    drain(now);
}

void TcpProof::handle_data(TimePoint now, ByteView bytes) {
    if (phase_ != Phase::Binding) return; // what the port sends back does not matter
    data_stream_.append(bytes);
    const auto raw = data_stream_.next();
    if (!raw) {
        handle_broken(raw.error().message);
        return;
    }
    if (!*raw) return;
    if (const auto message = stun::decode(**raw)) bind_->handle_message(now, *message, **raw);
    drain(now);
}

void TcpProof::handle_broken(const std::string& why) {
    if (!result_) inconclusive(name() + ": " + why);
}

void TcpProof::handle_accepted(TimePoint now, const Endpoint& from, ByteView bytes) {
    if (result_ || phase_ != Phase::AwaitingToken) return;
    if (bytes.size() >= options_.token.size() &&
        std::equal(options_.token.begin(), options_.token.end(), bytes.begin())) {
        proved(now, from);
    }
}

std::optional<Endpoint> TcpProof::wants_confirmation() const {
    if (phase_ != Phase::Confirming) return std::nullopt;
    return relayed_;
}

void TcpProof::confirm(TimePoint now, bool has_connection) {
    if (phase_ != Phase::Confirming) return;
    if (has_connection) {
        proved(now, relayed_);
    } else {
        inconclusive("somebody took the connection from " + relayed_.to_string() +
                     ", but this host has no such connection: the gateway itself may have, or it "
                     "rewrites the source");
    }
}

void TcpProof::handle_timeout(TimePoint now) {
    if (result_) return;
    if (bind_) bind_->handle_timeout(now);
    client_.handle_timeout(now);
    if (patience_ && now >= *patience_) {
        patience_.reset();
        try_control(now);
    }
    drain(now);
    if (result_ || !limit_ || now < *limit_) return;
    inconclusive("the TURN server's connection was taken, but what went into it did not arrive at "
                 "our listener: somebody else answers at " +
                 external_.to_string());
}

void TcpProof::drain(TimePoint now) {
    while (const auto event = client_.poll_event()) {
        if (result_) return;
        take(now, *event);
    }
    if (!bind_) return;
    if (auto request = bind_->poll_transmit()) data_outbox_.push_back(*std::move(request));
    if (!bind_->result()) return;
    const auto outcome = *bind_->result();
    bind_.reset();
    if (!outcome) {
        inconclusive(name() + ": " + outcome.error().message);
        return;
    }
    phase_ = Phase::AwaitingToken;
    limit_ = now + token_limit();
    data_outbox_.emplace_back(options_.token.begin(), options_.token.end());
}

void TcpProof::take(TimePoint now, const TurnClient::Event& event) {
    if (const auto* allocated = std::get_if<TurnClient::Allocated>(&event)) {
        relayed_ = allocated->relayed;
        seen_ = allocated->mapped.address;
        client_.permit(now, seen_);
    } else if (const auto* permitted = std::get_if<TurnClient::Permitted>(&event)) {
        if (phase_ == Phase::Preparing) {
            phase_ = Phase::Ready;
            pace_ = std::chrono::duration_cast<Duration>(now - asked_);
        } else if (permitted->peer == options_.server.address && control_ == Control::Permitting) {
            control_ = Control::Connecting;
            client_.connect(now, options_.server);
        }
    } else if (const auto* connected = std::get_if<TurnClient::Connected>(&event)) {
        if (connected->peer != external_) {
            control_ended(now, Control::Works, {});
            return;
        }
        pending_ = false;
        patience_.reset();
        connection_ = connected->id;
        phase_ = options_.application_listens ? Phase::Confirming : Phase::OpeningData;
        if (phase_ == Phase::OpeningData) limit_ = now + token_limit();
    } else if (const auto* refused = std::get_if<TurnClient::Refused>(&event)) {
        take_refusal(now, *refused);
    } else if (const auto* failed = std::get_if<TurnClient::Failed>(&event)) {
        inconclusive(name() + ": " + failed->error.message);
    }
}

void TcpProof::take_refusal(TimePoint now, const TurnClient::Refused& refused) {
    if (phase_ == Phase::Preparing) {
        inconclusive(name() + ": " + refused.error.message);
        return;
    }
    if (refused.peer != external_) {
        control_ended(now, Control::Fails, refused.error.message);
        return;
    }
    pending_ = false;
    const bool silent = refused.error.code == Errc::Timeout;
    if (!silent && refused.error.detail != turn::kConnectionTimeoutOrFailure) {
        inconclusive(name() + " does not connect: " + refused.error.message);
        return;
    }
    answer_ = silent ? UnsolicitedSyn::Silent : UnsolicitedSyn::Refused;
    // Silence to the end of the limit is more than one failure: the kernel has repeated its SYN.
    failures_ += silent ? kEnoughFailures : 1;
    patience_.reset();
    try_control(now);
    settle_failure(now);
}

void TcpProof::try_control(TimePoint now) {
    if (control_ != Control::Untried) return;
    control_ = Control::Permitting;
    client_.permit(now, options_.server.address);
}

void TcpProof::control_ended(TimePoint now, Control outcome, const std::string& why) {
    control_ = outcome;
    if (outcome == Control::Fails && !pending_) {
        inconclusive("no connection came, but " + name() +
                     " could not be seen to connect to anything else either: " + why);
        return;
    }
    settle_failure(now);
}

void TcpProof::settle_failure(TimePoint now) {
    if (result_ || pending_ || phase_ != Phase::Connecting) return;
    if (control_ == Control::Fails) {
        inconclusive("no connection came, but " + name() +
                     " could not be seen to connect to anything else either");
    } else if (control_ == Control::Works && failures_ < kEnoughFailures) {
        connect(now);
    } else if (control_ == Control::Works) {
        finish({Proof::Refuted,
                ProofLevel::None,
                name() + " cannot connect to " + external_.to_string() +
                    ", tried repeatedly, while its connection elsewhere succeeds",
                {},
                syn_finding(answer_)});
    }
}

void TcpProof::proved(TimePoint now, const Endpoint& from) {
    std::vector<Endpoint> contacted{options_.server};
    if (options_.contacted) {
        contacted.insert(contacted.end(), options_.contacted->begin(), options_.contacted->end());
    }
    const bool rewritten = from.address != relayed_.address;
    const auto level = rewritten ? ProofLevel::KnownEndpoint : level_of(from, contacted);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(now - asked_);
    auto evidence = "a connection that " + name() + " made arrived after " +
                    std::to_string(took.count()) + " ms";
    evidence += rewritten ? ", its source rewritten to " + from.to_string()
                          : " from " + from.to_string() + ", " + in_words(level);
    if (options_.application_listens) evidence += kTakenByApplication;
    finish({Proof::Proved, level, std::move(evidence), {}, syn_finding(UnsolicitedSyn::Accepted)});
}

void TcpProof::inconclusive(std::string why) {
    finish({Proof::Claimed,
            ProofLevel::None,
            std::move(why),
            {},
            syn_finding(UnsolicitedSyn::Unknown)});
}

void TcpProof::finish(ProofVerdict verdict) {
    verdict.external = external_;
    phase_ = Phase::Done;
    patience_.reset();
    limit_.reset();
    bind_.reset();
    client_.close();
    result_ = std::move(verdict);
}

std::optional<std::vector<std::uint8_t>> TcpProof::poll_control() {
    return client_.poll_transmit();
}

std::optional<std::vector<std::uint8_t>> TcpProof::poll_data() {
    if (data_outbox_.empty()) return std::nullopt;
    auto out = std::move(data_outbox_.front());
    data_outbox_.pop_front();
    return out;
}

std::optional<TimePoint> TcpProof::deadline() const {
    if (result_) return std::nullopt;
    auto out = client_.deadline();
    const auto consider = [&](const std::optional<TimePoint>& each) {
        if (each) out = std::min(out.value_or(*each), *each);
    };
    consider(patience_);
    consider(limit_);
    if (bind_) consider(bind_->deadline());
    return out;
}

} // namespace natterjack
