// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/text.hpp"
#include "wire/soap.hpp"
#include "wire/xml.hpp"

using namespace natterjack;

namespace {

constexpr std::size_t kMaxDepth = 32;

void check_bounds(const xml::Element& element, std::size_t depth) {
    if (depth > kMaxDepth || element.name.empty()) std::abort();
    for (const auto& child : element.children) check_bounds(child, depth + 1);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(data, data + size);
    if (const auto root = xml::parse(text)) check_bounds(*root, 1);

    // The first line is the SOAPAction header, the rest the body.
    const auto line = std::min(text.find('\n'), text.size());
    static_cast<void>(soap::decode_request(text.substr(0, line), text.substr(line)));

    // No value breaks out of its element, and what is printable comes back as it was.
    const soap::Request request{"urn:x:1", "Act", {{"A", text}, {"B", "b"}}};
    const auto again = soap::decode_request(soap::action_header(request), soap::encode(request));
    if (!again) return printable(text).size() > 200000 ? 0 : (std::abort(), 0);
    if (again->arguments.size() != 2 || again->arguments[1].second != "b" ||
        again->arguments[0].second != trim(printable(text))) {
        std::abort();
    }
    return 0;
}
