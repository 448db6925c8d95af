// SPDX-License-Identifier: MIT
#include "probe/family_run.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "net/random.hpp"
#include "probe/layers.hpp"
#include "proto/port_pattern.hpp"

namespace natterjack {

namespace {

constexpr Duration kPatience{800};
constexpr Duration kQuickPatience{250};
constexpr Duration kTcpPatience{1500}; // one repeated SYN included
constexpr std::size_t kTcpDestinations = 4;
constexpr int kFilteringRounds = 3; // servers asked before giving up
constexpr std::size_t kMappingDestinations = 8;

stun::TransactionId make_id() {
    return net::random_bytes<12>();
}

std::optional<IpAddress> most_common(const std::vector<SeenFrom>& seen) {
    std::map<IpAddress, int> votes;
    for (const auto& row : seen) ++votes[row.mapped.address];
    const auto winner =
        std::max_element(votes.begin(), votes.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    if (winner == votes.end()) return std::nullopt;
    return winner->first;
}

} // namespace

FamilyRun::FamilyRun(Loop loop, Setup setup, std::vector<Target> targets, FamilyReport& report,
                     std::vector<ServerReport>& servers, Hooks hooks)
    : loop_(std::move(loop)),
      setup_(std::move(setup)),
      targets_(std::move(targets)),
      report_(report),
      servers_(servers),
      hooks_(std::move(hooks)) {
    report_.local = setup_.source;
    hooks_.progress("asking servers how they see us");
    std::vector<Endpoint> all;
    for (const auto& target : targets_) all.push_back(target.endpoint);
    survey_ = &add_mapping(std::move(all), [this](const auto&) { take_survey(); });
}

FamilyRun::MappingSocket& FamilyRun::add_mapping(std::vector<Endpoint> destinations,
                                                 MappingSocket::Handler done) {
    return mappings_.emplace_back(
        loop_, setup_.source, setup_.interface,
        MappingTest(std::move(destinations), make_id, setup_.quick ? kQuickPatience : kPatience),
        std::move(done));
}

void FamilyRun::ask_filter(stun::ChangeRequest change, bool control,
                           std::optional<ChangedAnswer::Outcome>& outcome) {
    const auto& server = candidates_.front();
    ChangedAnswer::Setup setup{.server = server.endpoint,
                               .expected = *servers_[server.server].other,
                               .change = change,
                               .control = control};
    if (!change.address) setup.expected.address = server.endpoint.address;
    ++filters_pending_;
    filters_.emplace_back(loop_, setup_.source, setup_.interface, ChangedAnswer(setup, make_id),
                          [this, &outcome](const ChangedAnswer& machine) {
                              outcome = machine.result();
                              if (--filters_pending_ == 0) take_filtering();
                          });
}

void FamilyRun::note_answer(const StunConversation::Answer& answer) {
    const auto target = std::find_if(targets_.begin(), targets_.end(), [&](const Target& each) {
        return each.endpoint == answer.from;
    });
    if (target == targets_.end()) return;
    auto& server = servers_[target->server];
    server.answered = true;
    server.round_trip = answer.round_trip;
    server.software = stun::software(answer.message);
    if (left_out_.contains(answer.from)) {
        server.trouble = "is in this host's own network, on this side of the NAT";
        return;
    }
    answered_.push_back(*target);
    note_rewriting(answer.message);
    const auto other = stun::other_address(answer.message);
    if (!other) {
        server.rfc5780 = ServerReport::Rfc5780::No;
        return;
    }
    server.other = *other;
    const bool credible = is_credible_other(answer.from, *other);
    server.rfc5780 = credible ? ServerReport::Rfc5780::Claims : ServerReport::Rfc5780::SameAddress;
    if (credible) candidates_.push_back(*target);
}

void FamilyRun::note_rewriting(const stun::Message& answer) {
    const auto plain = stun::plain_mapped_address(answer);
    const auto mapped = stun::mapped_address(answer);
    if (!plain || !mapped || answer.find(stun::AttributeType::XorMappedAddress) == nullptr) return;
    const auto said = *plain == *mapped ? AddressRewriting::None : AddressRewriting::Rewrites;
    auto& known = report_.rewriting;
    if (known.value != AddressRewriting::Unknown && known.value != said) {
        known = {
            AddressRewriting::Rewrites, Confidence::Likely,
            "an address in one server's answer was changed on its way, in another's it was not"};
    } else if (known.confidence != Confidence::Likely) {
        known = {said, Confidence::Proved,
                 said == AddressRewriting::Rewrites
                     ? "an address in the answer was changed on its way"
                     : "addresses in answers arrive as they were sent"};
    }
}

void FamilyRun::note_rows(const MappingSocket& socket) {
    if (!socket.machine().result()) return;
    for (const auto& row : socket.machine().result()->rows) {
        if (left_out_.contains(row.server)) continue;
        report_.seen.push_back({row.server, socket.local(), row.mapped, row.round_trip});
    }
}

// A server of the own network sees the host as it is. Where others do not, it tells nothing of the
// way out.
void FamilyRun::leave_out_neighbours(const std::vector<MappingTest::Row>& rows) {
    const auto is_neighbour = [this](const MappingTest::Row& row) {
        return is_inside(row.server.address) && row.mapped.address == setup_.source;
    };
    if (std::all_of(rows.begin(), rows.end(), is_neighbour)) return;
    for (const auto& row : rows) {
        if (is_neighbour(row)) left_out_.insert(row.server);
    }
}

void FamilyRun::take_survey() {
    if (const auto& result = survey_->machine().result()) {
        leave_out_neighbours(result->rows);
        for (const auto& answer : result->answers) note_answer(answer);
    }
    note_rows(*survey_);
    if (answered_.empty()) {
        ask_over_tcp();
        return;
    }
    report_.status = FamilyReport::Status::Works;
    if (!candidates_.empty()) first_candidate_ = candidates_.front();
    if (const auto external = most_common(report_.seen)) report_.external = external;
    hooks_.external_known();
    if (setup_.quick) {
        test_mapping();
        return;
    }
    ask_ports();
    test_filtering();
    test_syn();
}

// Beside all else: no port and no filter is shared with it.
void FamilyRun::test_syn() {
    SynTest::Setup setup{
        .source = setup_.source, .interface = setup_.interface, .servers = {}, .turn = setup_.turn};
    for (const auto& target : answered_) setup.servers.push_back(target.endpoint);
    ++ends_pending_;
    syn_.emplace(loop_, std::move(setup), [this](const Finding<UnsolicitedSyn>& found) {
        report_.unsolicited_syn = found;
        end_part();
    });
}

void FamilyRun::end_part() {
    if (--ends_pending_ == 0) hooks_.done();
}

// Silence has two causes: the servers, or a network that lets no UDP through. A server that answers
// over TCP at the same endpoint tells them apart; one that only takes the connection does not, for
// captive portals and proxies do that in anybody's name.
void FamilyRun::ask_over_tcp() {
    report_.status = FamilyReport::Status::Silent;
    hooks_.progress("no answer over UDP: asking over TCP");
    const auto until = net::now() + (setup_.quick ? kQuickPatience : kTcpPatience);
    tcp_pending_ = targets_.size();
    for (const auto& target : targets_) {
        tcp_questions_.emplace_back(
            loop_, target.endpoint,
            net::TcpStream::Options{.bind = {setup_.source, 0}, .interface = setup_.interface},
            until, [this, index = target.server](const TcpQuestion::Answer& answer) {
                servers_[index].tcp = answer.mapped.has_value();
                if (answer.connected && !answer.mapped) {
                    servers_[index].stranger_answers = true;
                    servers_[index].trouble = "takes TCP connections and does not speak STUN";
                }
                if (answer.mapped) {
                    report_.status = FamilyReport::Status::Blocked;
                    report_.external = answer.mapped->address;
                }
                if (--tcp_pending_ == 0) hooks_.done();
            });
    }
}

// Towards one server only, which has been contacted already: no filter opens for another.
void FamilyRun::ask_ports() {
    for (int i = 0; i < setup_.port_samples; ++i) {
        fresh_.push_back(&add_mapping({answered_.front().endpoint}, [](const auto&) {}));
    }
}

void FamilyRun::test_filtering() {
    const bool tired = rounds_ == kFilteringRounds && !setup_.qualify_all;
    if (candidates_.empty() || tired) {
        if (report_.filtering.confidence == Confidence::NotTested) {
            report_.filtering = {FilteringBehaviour::Unknown, Confidence::UnsupportedByServer,
                                 "no server here has another address to answer from"};
        }
        test_mapping();
        return;
    }
    ++rounds_;
    asked_ = {};
    hooks_.progress("looking who may answer (filtering)");
    for (auto* outcomes : {&asked_[0], &asked_[1]}) {
        ask_filter({true, true}, false, outcomes->address);
        ask_filter({false, true}, false, outcomes->port);
    }
}

void FamilyRun::take_filtering() {
    auto& [first, second, third] = asked_;
    if (are_divided(first.address, second.address) && !third.address)
        ask_filter({true, true}, false, third.address);
    if (are_divided(first.port, second.port) && !third.port)
        ask_filter({false, true}, false, third.port);
    if (filters_pending_ > 0) return;
    const auto said = judge_filtering(settle(asked_));
    servers_[candidates_.front().server].rfc5780 = said.server;
    if (said.wants_control) {
        hooks_.progress("looking whether the server does answer from elsewhere");
        for (auto* outcomes : {&first, &second}) {
            ask_filter({true, true}, true, outcomes->address_control);
            ask_filter({false, true}, true, outcomes->port_control);
        }
        return;
    }
    if (!qualified_) {
        report_.filtering = said.filtering;
        if (said.filtering.confidence >= Confidence::Likely) qualified_ = candidates_.front();
    }
    if (qualified_ && !setup_.qualify_all) {
        test_mapping();
        return;
    }
    candidates_.erase(candidates_.begin()); // the next one, if there is one
    test_filtering();
}

void FamilyRun::test_mapping() {
    hooks_.progress("looking whether all destinations see one port (mapping)");
    std::vector<Endpoint> destinations;
    const auto add = [&](const Endpoint& endpoint) {
        const bool known =
            std::find(destinations.begin(), destinations.end(), endpoint) != destinations.end();
        if (!known && destinations.size() < kMappingDestinations) destinations.push_back(endpoint);
    };
    // One that was not seen to answer from elsewhere may well answer there when it is asked there.
    if (const auto& server = qualified_ ? qualified_ : first_candidate_) {
        const auto& other = *servers_[server->server].other;
        add(server->endpoint);
        add({other.address, server->endpoint.port}); // RFC 5780 section 4.3, test II
        add(other);                                  // test III
        add({server->endpoint.address, other.port});
    }
    for (const auto& target : answered_) add(target.endpoint);
    parts_pending_ = 2;
    for (int i = 0; i < 2; ++i)
        tests_.push_back(&add_mapping(destinations, [this](const auto&) { part_done(); }));
    if (!setup_.quick) test_tcp_mapping(destinations);
}

void FamilyRun::part_done() {
    if (--parts_pending_ == 0) take_mapping();
}

// RFC 5382 section 4.1: the same question for connections. All from one port of ours.
void FamilyRun::test_tcp_mapping(const std::vector<Endpoint>& destinations) {
    ++parts_pending_;
    const Endpoint local{setup_.source, random_tcp_port()};
    const auto count = std::min(destinations.size(), kTcpDestinations);
    tcp_pending_ = count;
    for (std::size_t i = 0; i < count; ++i) {
        tcp_questions_.emplace_back(
            loop_, destinations[i],
            net::TcpStream::Options{
                .bind = local, .interface = setup_.interface, .share_port = true},
            net::now() + kTcpPatience,
            [this, local, server = destinations[i]](const TcpQuestion::Answer& answer) {
                if (answer.mapped)
                    tcp_rows_.push_back({.server = server, .mapped = *answer.mapped});
                if (--tcp_pending_ > 0) return;
                if (!tcp_rows_.empty())
                    report_.tcp_mapping = judge_mapping(tcp_rows_, local).mapping;
                part_done();
            });
    }
}

void FamilyRun::take_mapping() {
    std::vector<MappingJudgement> said;
    for (const auto* socket : tests_) {
        note_rows(*socket);
        const auto& result = socket->machine().result();
        said.push_back(judge_mapping(result ? result->rows : std::vector<MappingTest::Row>{},
                                     socket->local()));
    }
    const auto together = combine(said[0], said[1]);
    report_.mapping = together.mapping;
    report_.mapping_depends = together.depends;
    report_.pooling = together.pooling;
    if (together.outlier) note_outlier(*together.outlier);
    std::vector<std::uint16_t> ports;
    for (const auto* socket : tests_) {
        const auto& result = socket->machine().result();
        if (!together.depends || !result) continue;
        for (const auto& row : result->rows) {
            const bool known =
                std::find(ports.begin(), ports.end(), row.mapped.port) != ports.end();
            if (!known) ports.push_back(row.mapped.port);
        }
    }
    judge_fresh_ports(ports);
    if (const auto external = most_common(report_.seen)) report_.external = external;
    end_part();
}

void FamilyRun::note_outlier(const Endpoint& endpoint) {
    for (const auto& target : targets_) {
        if (target.endpoint == endpoint)
            servers_[target.server].trouble = "says otherwise than all other servers";
    }
}

void FamilyRun::judge_fresh_ports(const std::vector<std::uint16_t>& destinations) {
    std::vector<PortSample> samples;
    for (const auto* socket : fresh_) {
        note_rows(*socket);
        const auto& result = socket->machine().result();
        if (!result || result->rows.empty()) continue;
        samples.push_back({socket->local().port, result->rows.front().mapped.port});
    }
    report_.ports = judge_ports(samples, destinations);
}

} // namespace natterjack
