// SPDX-License-Identifier: MIT
#include "probe/measure_run.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "net/random.hpp"
#include "traversal/paths.hpp"

namespace natterjack {

namespace {

using std::chrono::seconds;

constexpr Duration kResolve{2000};
// Where NATs' timers are set: RFC 4787 wants two minutes at least, many have half a minute.
constexpr std::array kSilences = {2,   5,   10,  15,  20,  30,  45,   60,   90,   120, 150,
                                  180, 240, 300, 450, 600, 900, 1200, 1800, 3600, 7200};
constexpr int kCloserLooks = 5; // sockets between the last that lived and the first that did not
constexpr int kRounds = 3;
constexpr int kActiveExchanges = 4; // over three seconds
constexpr seconds kLongest{7200};
// Ethernet, PPPoE, tunnels of several kinds, IPv6's least, and what every host must take.
constexpr std::array kMtus = {1500, 1492, 1480, 1472, 1464, 1460, 1452, 1440, 1432,
                              1420, 1412, 1400, 1380, 1360, 1320, 1280, 1200, 576};
constexpr int kHeaders = 28;            // IPv4 and UDP
constexpr std::size_t kTooLarge = 2000; // for any Ethernet: must be cut
constexpr std::size_t kPadding = 1500;
constexpr std::size_t kTooLargeForOne = 1472; // UDP payload of one Ethernet frame

stun::TransactionId make_id() {
    return net::random_bytes<12>();
}

Attempt attempt_of(const Loop& loop, std::shared_ptr<MeasureRun> run) {
    loop.post([run] { run->start(); });
    return Attempt([loop, run = std::move(run)]() mutable {
        if (loop.is_current()) run->cancel();
        loop.post([run = std::move(run)] { run->cancel(); });
    });
}

} // namespace

MeasureRun::MeasureRun(Loop loop, MeasureRequest request, ChainParts parts)
    : loop_(std::move(loop)),
      request_(std::move(request)),
      parts_(std::move(parts)),
      timer_(loop_) {
}

void MeasureRun::cancel() {
    timer_.stop();
    resolutions_.clear();
}

Source MeasureRun::source_for(const Endpoint& server) const {
    return source_towards(server.address, network_, request_.network);
}

void MeasureRun::start() {
    if (request_.longest < seconds(1) || request_.longest > kLongest)
        return fail({Errc::InvalidArgument, "the longest lifetime to look for is 1 to 7200 s"});
    const auto servers = servers_to_ask(request_.stun_servers, parts_);
    if (!servers) return fail(servers.error());
    auto network = parts_.read_network();
    if (!network) return fail(network.error());
    network_ = *std::move(network);
    if (const auto there = check_choice(network_, request_.network); !there)
        return fail(there.error());
    if (network_.default_routes.empty() && request_.network.interface.empty())
        return fail({Errc::NoNetwork, "this host has no default route"});
    if (servers->empty())
        return fail({Errc::NotFound, "no STUN server is named: use --stun or servers.conf"});
    unresolved_ = servers->size();
    for (const HostPort& server : *servers) {
        resolutions_.emplace_back(
            loop_, server.host, kResolve, [this, port = server.port](const auto& addresses) {
                for (const IpAddress& address : addresses.value_or({})) {
                    if (!address.is_v4()) continue;
                    servers_.push_back({address, port});
                    break;
                }
                if (--unresolved_ > 0) return;
                timer_.start_at(net::now(), [this, self = shared_from_this()] {
                    if (servers_.empty())
                        return fail({Errc::NotFound, "no STUN server has an IPv4 address"});
                    measure(servers_);
                });
            });
    }
}

LifetimeRun::LifetimeRun(Loop loop, MeasureRequest request, ChainParts parts, Handler handler,
                         Progress progress)
    : MeasureRun(std::move(loop), std::move(request), std::move(parts)),
      handler_(std::move(handler)),
      progress_(std::move(progress)) {
    single_.finding = &report_.single_exchange;
    active_.finding = &report_.active_flow;
    active_.exchanges = kActiveExchanges;
}

void LifetimeRun::cancel() {
    MeasureRun::cancel();
    handler_ = nullptr;
    pairs_.clear();
}

void LifetimeRun::fail(Error error) {
    if (const auto handler = std::exchange(handler_, nullptr)) handler(std::move(error));
}

void LifetimeRun::measure(const std::vector<Endpoint>& servers) {
    candidates_ = servers;
    try_next_server();
}

// Without any silence the mapping is there, so that this asks whether the server can be asked.
void LifetimeRun::try_next_server() {
    if (candidates_.empty())
        return fail(trouble_.value_or(Error{Errc::Timeout, "no STUN server answers"}));
    const auto server = candidates_.front();
    const auto source = source_for(server);
    pairs_.emplace_back(
        loop_, source.address, source.interface, MappingAge({.server = server}, make_id),
        [this, self = shared_from_this()](const MappingAge& machine) {
            const auto outcome = machine.result().value_or(MappingAge::Outcome::NoContact);
            if (outcome == MappingAge::Outcome::Alive) {
                searching_ = 2;
                start_round(single_);
                start_round(active_);
                return;
            }
            if (outcome != MappingAge::Outcome::NoContact)
                trouble_ = Error{Errc::Unsupported,
                                 "no server here can answer to another port (RESPONSE-PORT)"};
            candidates_.erase(candidates_.begin());
            try_next_server();
        });
}

void LifetimeRun::start_round(Search& search) {
    std::vector<seconds> silences;
    if (search.rounds == 0) {
        for (const int each : kSilences) {
            if (seconds(each) < request_.longest) silences.emplace_back(each);
        }
        silences.push_back(request_.longest);
    } else {
        const auto gap = (*search.gone - search.alive).count();
        for (int i = 1; i <= kCloserLooks; ++i) {
            const seconds silence = search.alive + seconds(gap * i / (kCloserLooks + 1));
            if (silence > search.alive && silence < *search.gone &&
                (silences.empty() || silences.back() != silence)) {
                silences.push_back(silence);
            }
        }
    }
    ++search.rounds;
    search.pending = static_cast<int>(silences.size());
    if (progress_ && !silences.empty()) {
        progress_("waiting up to " + std::to_string(silences.back().count()) +
                  " s for mappings to end");
    }
    const auto source = source_for(candidates_.front());
    for (const auto silence : silences) {
        const MappingAge::Setup setup{
            .server = candidates_.front(), .silence = silence, .exchanges = search.exchanges};
        pairs_.emplace_back(loop_, source.address, source.interface, MappingAge(setup, make_id),
                            [this, &search, silence](const MappingAge& machine) {
                                take(search, silence, machine);
                            });
    }
}

void LifetimeRun::take(Search& search, seconds silence, const MappingAge& machine) {
    const auto outcome = machine.result().value_or(MappingAge::Outcome::NoContact);
    if (outcome == MappingAge::Outcome::Alive) {
        search.contradicts = search.contradicts || (search.gone && silence > *search.gone);
        search.alive = std::max(search.alive, silence);
    } else if (outcome == MappingAge::Outcome::Gone) {
        search.contradicts = search.contradicts || silence < search.alive;
        search.gone = std::min(search.gone.value_or(silence), silence);
    }
    if (--search.pending > 0) return;
    const bool narrow = !search.gone || *search.gone - search.alive <= seconds(1);
    if (narrow || search.contradicts || search.rounds == kRounds) {
        conclude(search);
    } else {
        start_round(search);
    }
}

void LifetimeRun::conclude(Search& search) {
    auto& finding = *search.finding;
    if (search.contradicts) {
        finding = {{}, Confidence::Inconclusive, "a longer silence was survived than another"};
    } else {
        finding = {{search.alive, search.gone},
                   Confidence::Proved,
                   search.gone ? "a mapping lived that long, and one silent for longer was gone"
                               : "a mapping lived that long; longer was not looked for"};
    }
    if (--searching_ > 0) return;
    const auto self = shared_from_this();
    const auto handler = std::exchange(handler_, nullptr);
    if (handler) handler(report_);
}

HairpinRun::HairpinRun(Loop loop, MeasureRequest request, ChainParts parts, Handler handler)
    : MeasureRun(std::move(loop), std::move(request), std::move(parts)),
      handler_(std::move(handler)) {
}

void HairpinRun::cancel() {
    MeasureRun::cancel();
    handler_ = nullptr;
    pairs_.clear();
}

void HairpinRun::fail(Error error) {
    if (const auto handler = std::exchange(handler_, nullptr)) handler(std::move(error));
}

void HairpinRun::measure(const std::vector<Endpoint>& servers) {
    candidates_ = servers;
    try_next_server();
}

void HairpinRun::try_next_server() {
    if (candidates_.empty()) return fail({Errc::Timeout, "no STUN server answers"});
    const auto server = candidates_.front();
    const auto source = source_for(server);
    candidates_.erase(candidates_.begin());
    pairs_.emplace_back(
        loop_, source.address, source.interface, HairpinTest(server, make_id),
        [this, self = shared_from_this()](const HairpinTest& machine) {
            const auto said = machine.result().value_or(Hairpin::Unknown);
            if (said == Hairpin::Unknown) return try_next_server();
            const auto handler = std::exchange(handler_, nullptr);
            if (!handler) return;
            handler(Finding<Hairpin>{
                said, said == Hairpin::No ? Confidence::Likely : Confidence::Proved,
                said == Hairpin::No
                    ? "nothing came back of five packets to our own external endpoint; "
                      "one that came as from this host itself could not be seen"
                    : "a packet to our own external endpoint came back"});
        });
}

MtuRun::MtuRun(Loop loop, MeasureRequest request, ChainParts parts, Handler handler)
    : MeasureRun(std::move(loop), std::move(request), std::move(parts)),
      handler_(std::move(handler)) {
}

void MtuRun::cancel() {
    MeasureRun::cancel();
    handler_ = nullptr;
    sockets_.clear();
}

void MtuRun::fail(Error error) {
    if (const auto handler = std::exchange(handler_, nullptr)) handler(std::move(error));
}

void MtuRun::measure(const std::vector<Endpoint>& servers) {
    candidates_ = servers;
    try_next_server();
}

void MtuRun::try_next_server() {
    if (candidates_.empty()) return fail({Errc::Timeout, "no STUN server answers"});
    const auto server = candidates_.front();
    candidates_.erase(candidates_.begin());
    std::vector<StunConversation::Question> whole;
    whole.reserve(std::size(kMtus));
    for (const int mtu : kMtus)
        whole.push_back({.to = server, .size = static_cast<std::size_t>(mtu - kHeaders)});
    const std::vector<StunConversation::Question> cut = {
        {.to = server, .size = kTooLarge}, {.to = server, .padding = kPadding}, {.to = server}};
    const auto source = source_for(server);
    pending_ = 2;
    const auto add = [&](std::vector<StunConversation::Question> questions, Sizes& out,
                         bool dont_fragment) {
        sockets_.emplace_back(
            loop_, source.address, source.interface, SizeTest(std::move(questions), make_id),
            [this, &out, self = shared_from_this()](const SizeTest& machine) {
                out = machine.result();
                if (--pending_ == 0) take();
            },
            dont_fragment);
    };
    add(std::move(whole), whole_, true);
    add(cut, cut_, false);
}

void MtuRun::take() {
    const bool answered = cut_ && cut_->back() > 0;
    if (!answered || !whole_) return try_next_server();
    MtuReport report;
    const auto largest =
        std::find_if(whole_->begin(), whole_->end(), [](std::size_t answer) { return answer > 0; });
    if (largest == whole_->end()) {
        report.mtu = {0, Confidence::Inconclusive, "nothing of any size came back"};
    } else {
        const auto index = static_cast<std::size_t>(largest - whole_->begin());
        report.mtu = {kMtus.at(index), Confidence::Proved,
                      index == 0 ? "the largest that was tried got through"
                                 : "it got through, and " + std::to_string(kMtus.at(index - 1)) +
                                       " bytes did not, five times"};
    }
    const auto out = cut_->at(0);
    const auto in = cut_->at(1);
    report.fragments_out = {out > 0 ? Truth::Yes : Truth::No,
                            out > 0 ? Confidence::Proved : Confidence::Likely,
                            out > 0 ? "a question of 2000 bytes was answered"
                                    : "a question of 2000 bytes was not answered, a short one was"};
    if (in > kTooLargeForOne) {
        report.fragments_in = {Truth::Yes, Confidence::Proved,
                               "an answer of " + std::to_string(in) + " bytes arrived"};
    } else {
        report.fragments_in = {Truth::Unknown,
                               in > 0 ? Confidence::UnsupportedByServer : Confidence::Inconclusive,
                               in > 0 ? "the server does not make its answers longer (PADDING)"
                                      : "a long answer was asked for, and none came"};
    }
    const auto handler = std::exchange(handler_, nullptr);
    if (handler) handler(report);
}

Attempt measure_lifetime(const Loop& loop, MeasureRequest request,
                         std::function<void(Result<LifetimeReport>)> handler,
                         std::function<void(std::string_view)> progress) {
    return attempt_of(loop,
                      std::make_shared<LifetimeRun>(loop, std::move(request), ChainParts::real(),
                                                    std::move(handler), std::move(progress)));
}

Attempt measure_hairpin(const Loop& loop, MeasureRequest request,
                        std::function<void(Result<Finding<Hairpin>>)> handler) {
    return attempt_of(loop, std::make_shared<HairpinRun>(loop, std::move(request),
                                                         ChainParts::real(), std::move(handler)));
}

Attempt measure_mtu(const Loop& loop, MeasureRequest request,
                    std::function<void(Result<MtuReport>)> handler) {
    return attempt_of(loop, std::make_shared<MtuRun>(loop, std::move(request), ChainParts::real(),
                                                     std::move(handler)));
}

} // namespace natterjack
