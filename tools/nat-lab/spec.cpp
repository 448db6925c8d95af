// SPDX-License-Identifier: MIT
#include "spec.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace natterjack::lab {

namespace {

constexpr std::chrono::microseconds kMaxDelay = std::chrono::seconds(10);
constexpr std::uint32_t kMillion = 1'000'000;

struct Cell {
    std::string_view word;
    Mapping mapping;
    Filtering filtering;
};

constexpr std::array kCells{
    Cell{"eim/eif", Mapping::EndpointIndependent, Filtering::EndpointIndependent},
    Cell{"eim/adf", Mapping::EndpointIndependent, Filtering::AddressDependent},
    Cell{"eim/apdf", Mapping::EndpointIndependent, Filtering::AddressAndPortDependent},
    Cell{"apdm/apdf", Mapping::AddressAndPortDependent, Filtering::AddressAndPortDependent},
};

constexpr std::string_view kOptions = "igd, igd1, natpmp, pcp, closed=reject|drop, delay=TIME, "
                                      "jitter=TIME, loss=PERCENT%, lan-delay=TIME, "
                                      "lan-jitter=TIME, lan-loss=PERCENT%";

Error bad(std::string message) {
    return Error{Errc::InvalidArgument, std::move(message)};
}

std::string quoted(std::string_view word) {
    return "'" + std::string(word) + "'";
}

/// A decimal number such as "2" or "0.5", in millionths; nothing if \a text is anything else.
/// Whole parts of more than six digits are refused: no option needs them.
std::optional<std::uint64_t> parse_millionths(std::string_view text) {
    const auto dot = text.find('.');
    const auto whole = text.substr(0, dot);
    auto fraction = dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1);
    const auto is_number = [](std::string_view digits) {
        return !digits.empty() && digits.size() <= 6 &&
               std::all_of(digits.begin(), digits.end(),
                           [](char c) { return c >= '0' && c <= '9'; });
    };
    if (!is_number(whole)) return std::nullopt;
    if (dot != std::string_view::npos && !is_number(fraction)) return std::nullopt;

    std::uint64_t value = 0;
    std::from_chars(whole.data(), whole.data() + whole.size(), value);
    for (std::size_t i = 0; i < 6; ++i) {
        const auto digit = i < fraction.size() ? static_cast<unsigned>(fraction[i] - '0') : 0U;
        value = value * 10 + digit;
    }
    return value;
}

Result<std::chrono::microseconds> parse_time(std::string_view option, std::string_view text) {
    constexpr std::array<std::pair<std::string_view, std::uint64_t>, 3> kUnits{
        {{"us", 1}, {"ms", 1'000}, {"s", 1'000'000}}};
    for (const auto& [unit, microseconds] : kUnits) {
        if (!text.ends_with(unit)) continue;
        const auto number = parse_millionths(text.substr(0, text.size() - unit.size()));
        if (!number) continue;
        const auto time = std::chrono::microseconds(*number * microseconds / kMillion);
        if (time > kMaxDelay) return bad(quoted(option) + ": at most 10s");
        return time;
    }
    return bad(quoted(option) + ": the time must look like 40ms, 1.5s or 300us");
}

Result<std::uint32_t> parse_loss(std::string_view option, std::string_view text) {
    const auto number = text.ends_with('%') ? parse_millionths(text.substr(0, text.size() - 1))
                                            : std::optional<std::uint64_t>();
    constexpr std::uint64_t kHundredPercent = 100ULL * kMillion;
    if (!number || *number > kHundredPercent) {
        return bad(quoted(option) + ": the loss must look like 2% or 0.5%, at most 100%");
    }
    return static_cast<std::uint32_t>(*number / 100);
}

/// Applies delay=, jitter= or loss= (with \a name the part before '=', prefix removed).
Result<bool> apply_impairment(Impairment& link, std::string_view option, std::string_view name,
                              std::string_view value) {
    if (name == "delay" || name == "jitter") {
        const auto time = parse_time(option, value);
        if (!time) return time.error();
        (name == "delay" ? link.delay : link.jitter) = *time;
        return true;
    }
    if (name == "loss") {
        const auto loss = parse_loss(option, value);
        if (!loss) return loss.error();
        link.loss_ppm = *loss;
        return true;
    }
    return false;
}

/// Applies an option that only a router has. False: the word is not one of them.
bool apply_router_option(RouterSpec& router, std::string_view option) {
    if (option == "igd") {
        router.port_mapping.igd = true;
    } else if (option == "igd1") {
        router.port_mapping.igd = true;
        router.port_mapping.igd_v1 = true;
    } else if (option == "natpmp") {
        router.port_mapping.natpmp = true;
    } else if (option == "pcp") {
        router.port_mapping.pcp = true;
    } else if (option == "closed=reject") {
        router.closed = ClosedPorts::Reject;
    } else if (option == "closed=drop") {
        router.closed = ClosedPorts::Drop;
    } else {
        return false;
    }
    return true;
}

Result<void> apply_option(SiteSpec& site, std::string_view option) {
    const auto equals = option.find('=');
    const auto name = option.substr(0, equals);
    const auto value =
        equals == std::string_view::npos ? std::string_view() : option.substr(equals + 1);

    const bool routed = !site.routers.empty();
    if (name.starts_with("lan-") && routed) {
        const auto known = apply_impairment(site.host_link, option, name.substr(4), value);
        if (!known) return known.error();
        if (*known) return {};
    }
    auto& uplink = routed ? site.routers.back().uplink : site.host_link;
    const auto known = apply_impairment(uplink, option, name, value);
    if (!known) return known.error();
    if (*known) return {};

    RouterSpec scratch;
    if (apply_router_option(routed ? site.routers.front() : scratch, option)) {
        if (routed) return {};
        return bad(quoted(option) + " needs a router, and with 'none' there is none");
    }
    return bad("unknown option " + quoted(option) + "; options are " + std::string(kOptions));
}

/// The site that \a word names, without options: a cell, "none" or "blocked".
std::optional<SiteSpec> parse_base(std::string_view word) {
    SiteSpec site;
    if (word == "none") return site;
    RouterSpec router;
    if (word == "blocked") {
        router.udp_blocked = true;
    } else {
        const auto* cell = std::find_if(kCells.begin(), kCells.end(),
                                        [&](const Cell& c) { return c.word == word; });
        if (cell == kCells.end()) return std::nullopt;
        router.mapping = cell->mapping;
        router.filtering = cell->filtering;
    }
    site.routers.push_back(router);
    return site;
}

Error unknown_base(std::string_view word) {
    std::string allowed;
    for (const auto& cell : kCells) allowed += std::string(cell.word) + ", ";
    allowed += "none, blocked";
    for (const auto& preset : presets()) allowed += ", " + std::string(preset.name);
    return bad("unknown NAT " + quoted(word) + "; it is one of " + allowed);
}

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> words;
    for (;;) {
        const auto comma = text.find(',');
        words.push_back(text.substr(0, comma));
        if (comma == std::string_view::npos) return words;
        text.remove_prefix(comma + 1);
    }
}

} // namespace

const std::vector<Preset>& presets() {
    static const std::vector<Preset> all{
        {"home", "eim/apdf,igd,natpmp,pcp",
         "a home router whose ports programs can open: UPnP IGD, NAT-PMP and PCP"},
    };
    return all;
}

Result<SiteSpec> parse_spec(std::string_view text) {
    auto words = split(text);
    for (const auto& preset : presets()) {
        if (words.front() != preset.name) continue;
        auto expanded = split(preset.spec);
        expanded.insert(expanded.end(), words.begin() + 1, words.end());
        words = std::move(expanded);
        break;
    }

    auto site = parse_base(words.front());
    if (!site) return unknown_base(words.front());
    for (const auto option : std::vector(words.begin() + 1, words.end())) {
        const auto applied = apply_option(*site, option);
        if (!applied) return applied.error();
    }
    for (const auto& router : site->routers) {
        if (router.udp_blocked && router.port_mapping.any()) {
            return bad("'blocked' lets nothing in: igd, natpmp and pcp cannot stand beside it");
        }
    }
    return *std::move(site);
}

} // namespace natterjack::lab
