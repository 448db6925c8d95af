// SPDX-License-Identifier: MIT
#include "measured.hpp"

namespace nat_probe {

namespace {

using natterjack::Finding;
using natterjack::Hairpin;
using natterjack::MtuReport;
using nlohmann::ordered_json;

template<class T>
ordered_json finding(const Finding<T>& from, const ordered_json& value) {
    return {{"value", value},
            {"confidence", std::string(to_string(from.confidence))},
            {"evidence", from.evidence}};
}

template<class T>
ordered_json finding(const Finding<T>& from) {
    return finding(from, std::string(to_string(from.value)));
}

template<class T>
Line line(const char* term, const Finding<T>& from, std::string value) {
    return {term, std::move(value), std::string(to_string(from.confidence)), from.evidence};
}

template<class T>
Line line(const char* term, const Finding<T>& from) {
    return line(term, from, std::string(to_string(from.value)));
}

bool is_known(const Finding<int>& mtu) {
    return mtu.confidence >= natterjack::Confidence::Likely;
}

} // namespace

ordered_json to_json(const Finding<Hairpin>& found) {
    return finding(found);
}

ordered_json to_json(const MtuReport& report) {
    const auto size = is_known(report.mtu) ? ordered_json(report.mtu.value) : ordered_json();
    return {{"mtu", finding(report.mtu, size)},
            {"fragments_out", finding(report.fragments_out)},
            {"fragments_in", finding(report.fragments_in)}};
}

ordered_json to_json(const Measured& measured) {
    auto out = ordered_json::object();
    if (measured.hairpin) out["hairpin"] = to_json(*measured.hairpin);
    if (measured.mtu) out.update(to_json(*measured.mtu));
    return out;
}

std::vector<Line> lines_of(const Finding<Hairpin>& found) {
    return {line("hairpin", found)};
}

std::vector<Line> lines_of(const MtuReport& report) {
    const auto size =
        is_known(report.mtu) ? std::to_string(report.mtu.value) + " bytes" : std::string("unknown");
    auto out = line("fragments", report.fragments_out);
    out.value = "out: " + out.value;
    auto in = line("fragments", report.fragments_in);
    in.value = "in: " + in.value;
    return {line("mtu", report.mtu, size), std::move(out), std::move(in)};
}

} // namespace nat_probe
