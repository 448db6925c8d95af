// SPDX-License-Identifier: MIT
#include <array>

#include <natterjack/probe_report.hpp>

namespace natterjack {

namespace {

template<class Enum, std::size_t N>
std::string_view name_of(Enum value, const std::array<std::string_view, N>& names) {
    const auto index = static_cast<std::size_t>(value);
    return index < N ? names[index] : "unknown";
}

} // namespace

std::string_view to_string(Confidence confidence) noexcept {
    static constexpr std::array<std::string_view, 5> kNames = {
        "not-tested", "unsupported-by-server", "inconclusive", "likely", "proved"};
    return name_of(confidence, kNames);
}

std::string_view to_string(MappingBehaviour behaviour) noexcept {
    static constexpr std::array<std::string_view, 5> kNames = {"unknown", "none", "eim", "adm",
                                                               "apdm"};
    return name_of(behaviour, kNames);
}

std::string_view to_string(FilteringBehaviour behaviour) noexcept {
    static constexpr std::array<std::string_view, 4> kNames = {"unknown", "eif", "adf", "apdf"};
    return name_of(behaviour, kNames);
}

std::string_view to_string(Pooling pooling) noexcept {
    static constexpr std::array<std::string_view, 3> kNames = {"unknown", "paired", "arbitrary"};
    return name_of(pooling, kNames);
}

std::string_view to_string(PortPattern pattern) noexcept {
    static constexpr std::array<std::string_view, 5> kNames = {"unknown", "preserving",
                                                               "sequential", "block", "random"};
    return name_of(pattern, kNames);
}

std::string_view to_string(AddressRewriting rewriting) noexcept {
    static constexpr std::array<std::string_view, 3> kNames = {"unknown", "none", "rewrites"};
    return name_of(rewriting, kNames);
}

std::string_view to_string(UnsolicitedSyn answer) noexcept {
    static constexpr std::array<std::string_view, 6> kNames = {
        "unknown", "silent", "reset", "unreachable", "refused", "accepted"};
    return name_of(answer, kNames);
}

std::string_view to_string(Hairpin hairpin) noexcept {
    static constexpr std::array<std::string_view, 4> kNames = {"unknown", "no", "external-source",
                                                               "internal-source"};
    return name_of(hairpin, kNames);
}

std::string_view to_string(Truth truth) noexcept {
    static constexpr std::array<std::string_view, 4> kNames = {"unknown", "no", "suspected", "yes"};
    return name_of(truth, kNames);
}

std::string_view to_string(FamilyReport::Status status) noexcept {
    static constexpr std::array<std::string_view, 6> kNames = {
        "not-tested", "no-address", "no-server", "silent", "blocked", "works"};
    return name_of(status, kNames);
}

std::string_view to_string(ServerReport::Rfc5780 quality) noexcept {
    static constexpr std::array<std::string_view, 8> kNames = {
        "not-tested",   "no",      "claims",        "qualified",
        "same-address", "ignores", "answers-twice", "refuses"};
    return name_of(quality, kNames);
}

std::string_view to_string(PeerPrediction::Direct direct) noexcept {
    static constexpr std::array<std::string_view, 5> kNames = {"unknown", "yes", "likely",
                                                               "unlikely", "no"};
    return name_of(direct, kNames);
}

std::string_view to_string(Verdict::Class value) noexcept {
    static constexpr std::array<std::string_view, 6> kNames = {"unknown", "open", "good",
                                                               "limited", "hard", "blocked"};
    return name_of(value, kNames);
}

} // namespace natterjack
