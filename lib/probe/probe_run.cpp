// SPDX-License-Identifier: MIT
#include "probe/probe_run.hpp"

#include <algorithm>
#include <utility>

#include "probe/portal_question.hpp"
#include "probe/reach.hpp"
#include "probe/verdict.hpp"
#include "traversal/paths.hpp"

namespace natterjack {

namespace {

constexpr Duration kResolve{1000};
constexpr Duration kQuickResolve{200};
// Gateways answer within 200 ms, but for IGD's description.
constexpr Duration kInquiry{1500};
constexpr Duration kQuickInquiry{250};
// A page takes a look-up and two round trips; NetworkManager answers at once or not at all.
constexpr Duration kPortalPage{2000};
constexpr Duration kConnectivity{200};
constexpr Duration kTrace{1800}; // repeats go out at 0, 100, 300, 700 and 1500 ms
// Enough for a home's NAT and a carrier's, and few enough that a router which limits how often it
// sends ICMP (Linux: six at once, then one a second) answers them all.
constexpr int kHopsToExternal = 3;
constexpr Duration kMapLimit{9000}; // mapping, and refuting what does not work

} // namespace

ProbeRun::ProbeRun(Loop loop, ProbeRequest request, ChainParts parts, Handler handler,
                   Progress progress)
    : loop_(std::move(loop)),
      request_(std::move(request)),
      parts_(std::move(parts)),
      handler_(std::move(handler)),
      progress_(std::move(progress)),
      end_timer_(loop_),
      step_timer_(loop_) {
}

bool ProbeRun::is_quick() const {
    return request_.depth == ProbeRequest::Depth::Quick;
}

void ProbeRun::tell(std::string_view what) const {
    if (progress_ && handler_) progress_(what);
}

void ProbeRun::cancel() {
    handler_ = nullptr;
    end_timer_.stop();
    step_timer_.stop();
    resolutions_.clear();
    v4_.run.reset();
    v6_.run.reset();
    connectivity_.reset();
    portal_question_.reset();
    inquiry_.reset();
    traces_.clear();
    mapping_.cancel();
    opening_.reset();
}

void ProbeRun::start() {
    if (!handler_) return;
    started_ = net::now();
    report_.time = std::chrono::system_clock::now();
    const auto fail = [this](const Error& error) { std::exchange(handler_, nullptr)(error); };
    if (request_.port_samples < 2 || request_.port_samples > 64 || request_.hops < 1 ||
        request_.hops > 30) {
        return fail({Errc::InvalidArgument, "2 to 64 port samples and 1 to 30 hops"});
    }
    const auto servers = servers_to_ask(request_.stun_servers, parts_);
    if (!servers) return fail(servers.error());
    for (const auto& url : request_.turn_servers) {
        const auto parsed = parse_turn_server(url);
        if (!parsed) return fail({Errc::InvalidArgument, parsed.error().message});
        turn_servers_.push_back(*parsed);
    }
    auto network = parts_.read_network();
    if (!network) return fail(network.error());
    network_ = *std::move(network);
    if (const auto there = check_choice(network_, request_.network); !there)
        return fail(there.error());
    if (network_.default_routes.empty() && request_.network.interface.empty() &&
        !request_.network.source) {
        return fail(
            {Errc::NoNetwork, "this host has no default route: connect it to a network first"});
    }
    end_timer_.start_at(started_ + request_.deadline, [this, self = shared_from_this()] {
        report_.warnings.emplace_back("the time was over before everything was looked at");
        finish();
    });
    waiting_ = 1; // the families
    ask_gateways();
    look_for_portal();
    resolve(*servers);
}

// Nobody is asked whom the settings do not name; NetworkManager knows without being told.
void ProbeRun::look_for_portal() {
    ++waiting_;
    connectivity_ = std::make_unique<net::ConnectivityQuestion>(
        loop_, kConnectivity, [this](std::optional<net::Connectivity> said) {
            portal_.connectivity = said;
            step_done();
        });
    if (is_quick()) return;
    auto servers = parts_.read_servers();
    if (!servers) { // other servers were named instead
        report_.warnings.push_back(servers.error().message);
        return;
    }
#ifdef NATTERJACK_HAVE_IGD // and so libsoup
    if (!servers->check) return;
    tell("looking for a captive portal");
    ++waiting_;
    portal_question_ = std::make_shared<PortalQuestion>(loop_, *std::move(servers->check),
                                                        kPortalPage, [this](PortalCheck found) {
                                                            portal_.check = found;
                                                            step_done();
                                                        });
#endif
}

// One on the internet tells the way there; one of the own network does not.
const Endpoint& ProbeRun::farthest(const std::vector<FamilyRun::Target>& targets) {
    const auto found = std::find_if(targets.begin(), targets.end(), [](const auto& each) {
        return !is_inside(each.endpoint.address);
    });
    return found == targets.end() ? targets.front().endpoint : found->endpoint;
}

// The kernel's own choice of a way to a server, VPNs included: that is the way that programs take.
void ProbeRun::note_way_out() {
    const auto& targets = v4_.targets.empty() ? v6_.targets : v4_.targets;
    if (!targets.empty()) {
        if (const auto route = net::route_to(farthest(targets).address)) {
            report_.gateway = route->gateway;
            if (const auto* interface = network_.find(route->interface))
                report_.interface = interface->name;
        }
    } else if (!network_.default_routes.empty()) {
        const auto& route = network_.default_routes.front();
        report_.gateway = route.gateway;
        if (const auto* interface = network_.find(route.interface))
            report_.interface = interface->name;
    }
    const auto* interface = request_.network.interface.empty()
                                ? network_.find(report_.interface)
                                : network_.find(request_.network.interface);
    if (!interface) return;
    report_.interface = interface->name;
    report_.vpn = judge_tunnel(interface->name, interface->point_to_point);
}

void ProbeRun::resolve(const std::vector<HostPort>& servers) {
    unresolved_ = servers.size();
    if (servers.empty()) {
        step_timer_.start_at(net::now(), [this] { start_families(); });
        return;
    }
    tell("looking up the servers' names");
    for (const HostPort& server : servers) {
        const auto index = report_.servers.size();
        report_.servers.push_back(
            {.name = server.host +
                     (server.port == stun::kServerPort ? "" : ":" + std::to_string(server.port))});
        resolutions_.emplace_back(
            loop_, server.host, is_quick() ? kQuickResolve : kResolve,
            [this, index, server](const auto& addresses) {
                if (addresses && !addresses->empty() && !IpAddress::parse(server.host)) {
                    portal_.names.push_back({server.host, addresses->front()});
                }
                take_addresses(index, server.port, addresses);
            });
    }
}

bool ProbeRun::add_target(Family& family, std::size_t server, const Endpoint& endpoint) {
    const auto& name = report_.servers[server].name;
    for (const auto& each : family.targets) {
        if (each.endpoint != endpoint) continue;
        report_.servers[each.server].name += ", " + name;
        return false;
    }
    if (report_.servers[server].endpoint) { // of the other family
        report_.servers.push_back({.name = name});
        server = report_.servers.size() - 1;
    }
    report_.servers[server].endpoint = endpoint;
    family.targets.push_back({server, endpoint});
    return true;
}

void ProbeRun::take_addresses(std::size_t server, std::uint16_t port,
                              const Result<std::vector<IpAddress>>& addresses) {
    const auto found = addresses.value_or({});
    bool known = false;
    for (const bool v4 : {true, false}) {
        if (v4 ? !request_.ipv4 : !request_.ipv6) continue;
        // One address of each family: two of one operator prove no more than one.
        const auto address = std::find_if(
            found.begin(), found.end(), [&](const IpAddress& each) { return each.is_v4() == v4; });
        if (address == found.end()) continue;
        known |= !add_target(v4 ? v4_ : v6_, server, {*address, port});
    }
    auto& row = report_.servers[server];
    if (!addresses) {
        row.trouble = addresses.error().message;
    } else if (!row.endpoint && known) {
        doubles_.push_back(server);
    } else if (!row.endpoint) {
        row.trouble = "has no address of the family that was asked for";
    }
    if (--unresolved_ == 0) step_timer_.start_at(net::now(), [this] { start_families(); });
}

FamilyRun::Setup ProbeRun::setup_for(const Endpoint& server) const {
    const auto source = source_towards(server.address, network_, request_.network);
    return {.source = source.address,
            .interface = source.interface,
            .quick = is_quick(),
            .port_samples = request_.port_samples,
            .qualify_all = request_.qualify_all,
            .turn = turn_servers_};
}

void ProbeRun::start_families() {
    note_way_out();
    ++waiting_;
    start_family(v4_, report_.v4, true);
    start_family(v6_, report_.v6, false);
    step_done();
    step_done();
}

void ProbeRun::start_family(Family& family, FamilyReport& report, bool v4) {
    using Status = FamilyReport::Status;
    const bool wanted = v4 ? request_.ipv4 : request_.ipv6;
    if (!wanted) return;
    const bool has_address = std::any_of(
        network_.interfaces.begin(), network_.interfaces.end(), [&](const auto& interface) {
            return !interface.loopback &&
                   std::any_of(interface.addresses.begin(), interface.addresses.end(),
                               [&](const auto& each) {
                                   return each.address.is_v4() == v4 &&
                                          !each.address.is_link_local();
                               });
        });
    if (!has_address || (!v4 && !family.targets.empty() &&
                         setup_for(farthest(family.targets)).source.is_unspecified())) {
        report.status = Status::NoAddress;
        for (const auto& target : family.targets) {
            report_.servers[target.server].endpoint.reset();
            report_.servers[target.server].trouble =
                v4 ? "this host has no IPv4 address" : "this host has no IPv6 address";
        }
        return;
    }
    if (family.targets.empty()) {
        report.status = Status::NoServer;
        return;
    }
    ++waiting_;
    family.run = std::make_unique<FamilyRun>(
        loop_, setup_for(farthest(family.targets)), family.targets, report, report_.servers,
        FamilyRun::Hooks{.progress = [this](std::string_view what) { tell(what); },
                         .external_known =
                             [this, v4, &report] {
                                 if (!v4) return;
                                 evidence_.local = report.local;
                                 evidence_.external = report.external;
                                 if (is_quick() || report.external == report.local) return;
                                 tell("looking which routers stand on the way");
                                 trace(*report.external, kHopsToExternal, evidence_.to_external);
                                 trace(report.seen.front().server.address, request_.hops,
                                       evidence_.to_server);
                             },
                         .done = [this] { step_done(); }});
}

void ProbeRun::trace(const IpAddress& target, int hops, std::optional<HopList>& out) {
    ++waiting_;
    const auto setup = setup_for({target, 0});
    traces_.emplace_back(loop_, Path{.source = setup.source, .interface = setup.interface}, target,
                         net::now() + kTrace, HopSearch::Options{.max_hops = hops},
                         [this, &out](const Result<HopList>& list) {
                             if (list) out = *list;
                             step_done();
                         });
}

void ProbeRun::ask_gateways() {
    auto strategies = available_strategies();
    std::erase(strategies, Strategy::Direct);
    inquiry_ = std::make_unique<Inquiry>(loop_, parts_, request_.network, strategies);
    if (!inquiry_->ready()) return; // no IPv4 gateway: nobody to ask
    tell("asking the gateway what it speaks");
    ++waiting_;
    const auto until = net::now() + (is_quick() ? kQuickInquiry : kInquiry);
    for (auto& member : inquiry_->members()) {
        report_.services.push_back({.strategy = member.strategy, .gateway = member.path.gateway});
    }
    std::size_t index = 0;
    const auto question = [this, until, &index](Inquiry::Member& member) {
        auto* service = &report_.services[index++];
        member.mapper->probe(until, [this, until, &member, service](const Result<Service>& answer) {
            if (!answer) {
                service->message = answer.error().message;
                inquiry_->settle(member, answer.error());
                return;
            }
            service->there = true;
            service->product = answer->product;
            service->message = "answers";
            if (!answer->external.is_unspecified()) {
                service->external = answer->external;
                inquiry_->settle(member, StoryLine::Outcome::Spare, "answers");
                return;
            }
            member.mapper->external_address(
                until, [this, &member, service](const Result<IpAddress>& address) {
                    if (address && !address->is_unspecified()) service->external = *address;
                    inquiry_->settle(member, StoryLine::Outcome::Spare, "answers");
                });
        });
    };
    inquiry_->ask(question, [this] { step_done(); });
}

void ProbeRun::take_gateways() {
    for (const auto& service : report_.services) {
        if (!service.external) continue;
        const auto& known = evidence_.gateway_says;
        if (std::find(known.begin(), known.end(), *service.external) == known.end())
            evidence_.gateway_says.push_back(*service.external);
    }
}

void ProbeRun::step_done() {
    if (--waiting_ > 0) return;
    step_timer_.start_at(net::now(), [this, self = shared_from_this()] { map_ports(); });
}

void ProbeRun::map_ports() {
    if (request_.map.empty()) return finish();
    tell("opening a port for the test");
    chain_ = std::make_unique<Chain>(loop_, available_strategies(), parts_);
    map_next();
}

void ProbeRun::map_next() {
    const auto next = report_.mapped.size();
    if (next == request_.map.size()) return finish();
    const auto left = std::chrono::duration_cast<Duration>(started_ + request_.deadline -
                                                           net::now() - Duration(100));
    const auto& wanted = request_.map[next];
    OpenRequest request{.port = wanted.port,
                        .transport = wanted.transport,
                        .lifetime = std::chrono::seconds(120),
                        .description = "nat-probe",
                        .deadline = std::clamp(left, Duration(1), kMapLimit),
                        .network = request_.network,
                        .stun_servers = request_.stun_servers,
                        .prove = true,
                        .turn_servers = request_.turn_servers};
    mapping_ = chain_->open(std::move(request), [this, wanted, self = shared_from_this()](
                                                    Result<Opening, OpenFailure> result) {
        MappedPort& mapped = report_.mapped.emplace_back();
        mapped.port = wanted.port;
        mapped.transport = wanted.transport;
        if (!result) {
            mapped.message = result.error().error.message;
            step_timer_.start_at(net::now(), [this, self] { map_next(); });
            return;
        }
        opening_ = *std::move(result);
        mapped.opening = opening_->info();
        mapped.message = mapped.opening->proof_evidence.empty() ? mapped.opening->note
                                                                : mapped.opening->proof_evidence;
        opening_->close([this, self](const Result<void>& closed) {
            if (!closed) report_.warnings.push_back("closing the port: " + closed.error().message);
            step_timer_.start_at(net::now(), [this, self] {
                opening_.reset();
                map_next();
            });
        });
    });
}

void ProbeRun::finish() {
    if (!handler_) return;
    const auto handler = std::exchange(handler_, nullptr);
    const auto self = shared_from_this(); // the handler may let go of this
    take_gateways();
    const bool looked = !is_quick() || !evidence_.gateway_says.empty();
    if (evidence_.external && looked) report_.layers = judge_layers(evidence_);
    std::sort(doubles_.begin(), doubles_.end());
    for (; !doubles_.empty(); doubles_.pop_back())
        report_.servers.erase(report_.servers.begin() +
                              static_cast<std::ptrdiff_t>(doubles_.back()));
    portal_.stranger_answers =
        std::any_of(report_.servers.begin(), report_.servers.end(),
                    [](const ServerReport& each) { return each.stranger_answers; });
    report_.captive_portal = judge_portal(portal_);
    report_.took = std::chrono::duration_cast<Duration>(net::now() - started_);
    judge(report_);
    auto report = std::move(report_);
    cancel();
    handler(std::move(report));
}

Attempt probe(const Loop& loop, ProbeRequest request,
              std::function<void(Result<ProbeReport>)> handler,
              std::function<void(std::string_view)> progress) {
    if (request.deadline < Duration(100) || request.deadline > std::chrono::minutes(10)) {
        loop.post([handler = std::move(handler)] {
            handler(Error{Errc::InvalidArgument, "a deadline is 100 ms to 10 minutes"});
        });
        return {};
    }
    auto run = std::make_shared<ProbeRun>(loop, std::move(request), ChainParts::real(),
                                          std::move(handler), std::move(progress));
    loop.post([run] { run->start(); });
    return Attempt([loop, run = std::move(run)]() mutable {
        if (loop.is_current()) run->cancel();
        loop.post([run = std::move(run)] { run->cancel(); });
    });
}

} // namespace natterjack
