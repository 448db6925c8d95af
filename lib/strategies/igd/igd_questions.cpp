// SPDX-License-Identifier: MIT
#include "strategies/igd/igd_questions.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "strategies/igd/igd_errors.hpp"
#include "strategies/igd/igd_unmap.hpp"

namespace natterjack::igd {

IpAddress external_address_in(const std::string& text) {
    const auto address = IpAddress::parse(trim(text)).value_or(IpAddress());
    return address.is_loopback() || address.is_multicast() || !address.is_v4() ? IpAddress()
                                                                               : address;
}

void ProbeOperation::begin(const IgdService& /*service*/, const std::string& product) {
    finish(handler_, Result<Service>(Service{{}, product}));
}

void ProbeOperation::fail(const Error& error) {
    finish(handler_, Result<Service>(error));
}

void AddressOperation::begin(const IgdService& service, const std::string& /*product*/) {
    service.external_address(
        deadline(), guarded([this](const Result<std::string>& text) {
            if (!text) {
                if (!retry_afresh(text.error())) fail(text.error());
                return;
            }
            const auto address = external_address_in(*text);
            if (address.is_unspecified()) {
                constexpr std::size_t kShown = 40;
                return fail({Errc::NotFound, "the gateway names no external address (it says \"" +
                                                 printable(*text, kShown) +
                                                 "\"); its line may be down"});
            }
            finish(handler_, Result<IpAddress>(address));
        }));
}

void AddressOperation::fail(const Error& error) {
    finish(handler_, Result<IpAddress>(error));
}

// --- list

namespace {

// A full answer is asked again in two halves, since its entries come in no certain order. 100
// entries have about 45 KiB, less than kMaxReply; where their descriptions are long, they are
// halved as well.
constexpr std::size_t kAtOnce = 100;
constexpr int kMaxQuestions = 128;

} // namespace

void ListOperation::begin(const IgdService& service, const std::string& /*product*/) {
    begun_ = true;
    entries_.clear();
    if (!service.service().is_version_2() || session().no_listing) return walk(service);
    to_ask_ = {{Transport::Tcp, 0, 65535}, {Transport::Udp, 0, 65535}};
    ask_next(service);
}

CheckOperation::CheckOperation(std::shared_ptr<Session> session, Mapping mapping,
                               TimePoint deadline, Handler handler)
    : Operation(std::move(session), deadline),
      mapping_(std::move(mapping)),
      handler_(std::move(handler)) {
    use_service_of(mapping_);
}

void CheckOperation::begin(const IgdService& service, const std::string& /*product*/) {
    stands_ = false;
    external_.reset();
    mapping_.control_url = service.service().control_url;
    mapping_.service_type = service.service().type;
    service.external_address(deadline(), guarded([this](const Result<std::string>& text) {
                                 external_ =
                                     text ? external_address_in(*text) : mapping_.external.address;
                                 complete();
                             }));
    service.find_entry({mapping_.transport, mapping_.external.port,
                        remote_host_of(mapping_.only_from).value_or("")},
                       deadline(), guarded([this](const Result<std::optional<PortEntry>>& entry) {
                           if (entry) return judge(*entry);
                           if (!retry_afresh(entry.error())) fail(entry.error());
                       }));
}

void CheckOperation::judge(const std::optional<PortEntry>& entry) {
    const auto name = port_name(mapping_.transport, mapping_.external.port);
    if (!entry || !entry->enabled) {
        return fail({Errc::NotFound, "the gateway has no mapping of " + name + " any more"});
    }
    if (!leads_to(*entry, mapping_)) {
        return fail({Errc::Conflict, name + " belongs to " + owner_name(*entry) + " now"});
    }
    stands_ = true;
    complete();
}

void CheckOperation::complete() {
    if (!stands_ || !external_) return;
    mapping_.external.address = *external_;
    mapping_.restored = false;
    finish(handler_, Result<Mapping>(mapping_));
}

void CheckOperation::fail(const Error& error) {
    finish(handler_, Result<Mapping>(error));
}

void ListOperation::ask_next(const IgdService& service) {
    if (to_ask_.empty() || entries_.size() >= kMaxEntries || asked_ >= kMaxQuestions) {
        return answer(service, std::move(entries_));
    }
    const auto range = to_ask_.back();
    to_ask_.pop_back();
    ++asked_;
    service.entries_between(
        range.transport, range.first, range.last, kAtOnce, deadline(),
        guarded([this, service, range](const auto& reply) { take(service, range, reply); }));
}

void ListOperation::take(const IgdService& service, const Range& range,
                         const Result<IgdService::Answer>& answer) {
    if (!answer) {
        if (retry_afresh(answer.error())) return;
        if (answer.error().code == Errc::TooLarge && halve(range)) return ask_next(service);
        const bool believable =
            answer.error().code != Errc::Malformed && answer.error().code != Errc::Truncated;
        return believable ? fail(answer.error()) : walk(service);
    }
    if (const auto* fault = std::get_if<soap::Fault>(&*answer)) {
        if (fault->code == kPortMappingNotFound || fault->code == kNoSuchEntry) {
            return ask_next(service); // an empty range
        }
        session().no_listing = true;
        return walk(service);
    }
    const auto* text = std::get<Reply>(*answer).find("NewPortListing");
    auto entries = parse_port_listing(text == nullptr ? "" : *text);
    if (!entries) return walk(service);
    if (entries->size() < kAtOnce || !halve(range)) {
        entries_.insert(entries_.end(), entries->begin(), entries->end());
    }
    ask_next(service);
}

bool ListOperation::halve(const Range& range) {
    if (range.first >= range.last) return false;
    const auto middle = static_cast<std::uint16_t>(range.first + (range.last - range.first) / 2);
    to_ask_.push_back({range.transport, static_cast<std::uint16_t>(middle + 1), range.last});
    to_ask_.push_back({range.transport, range.first, middle});
    return true;
}

void ListOperation::walk(const IgdService& service) {
    walk_entries(
        service, deadline(), [](const PortEntry&) { return false; },
        guarded([this, service](const Result<std::vector<PortEntry>>& entries) {
            if (entries) return answer(service, *entries);
            if (!retry_afresh(entries.error())) fail(entries.error());
        }));
}

void ListOperation::answer(const IgdService& service, std::vector<PortEntry> entries) {
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
        return std::tie(a.external_port, a.transport) < std::tie(b.external_port, b.transport);
    });
    if (entries.size() > kMaxEntries) entries.resize(kMaxEntries);
    std::vector<ListedMapping> mappings;
    for (const auto& entry : entries) {
        ListedMapping mapping;
        mapping.transport = entry.transport;
        mapping.internal = entry.internal;
        mapping.external = {{}, entry.external_port};
        mapping.strategy = Strategy::Igd;
        mapping.lifetime = entry.lease;
        mapping.description = entry.description;
        if (!entry.host.empty()) mapping.description += " (" + entry.host + ")";
        mapping.gateway = service.host();
        mapping.enabled = entry.enabled;
        if (const auto host = RemotePeers::parse(entry.remote_host)) {
            mapping.only_from.push_back(*host);
        }
        mappings.push_back(std::move(mapping));
    }
    finish(handler_, Result<std::vector<ListedMapping>>(std::move(mappings)));
}

void ListOperation::fail(const Error& error) {
    if (begun_ && error.code == Errc::Timeout) {
        // Half a table would make one believe that the rest is gone.
        finish(handler_, Result<std::vector<ListedMapping>>(Error{
                             Errc::Timeout, "the gateway did not tell its whole table in time; "
                                            "give it longer"}));
        return;
    }
    finish(handler_, Result<std::vector<ListedMapping>>(error));
}

} // namespace natterjack::igd
