// SPDX-License-Identifier: MIT
#include "wire/ssdp.hpp"

#include <charconv>

#include "base/text.hpp"

namespace natterjack::ssdp {

IpAddress group_v6(bool site_local) {
    IpAddress::Bytes bytes{};
    bytes[0] = 0xff;
    bytes[1] = site_local ? 0x05 : 0x02;
    bytes[15] = 0x0c;
    return IpAddress::v6(bytes);
}

namespace {

constexpr std::string_view kSearchLine = "M-SEARCH * HTTP/1.1";
constexpr std::string_view kDiscover = "\"ssdp:discover\"";
constexpr unsigned kMaxMx = 5; // section 1.3.2: MX should be 1 to 5

std::vector<std::uint8_t> to_bytes(const std::string& text) {
    return {text.begin(), text.end()};
}

// Takes one line off the front, without its line end.
std::string_view take_line(std::string_view& rest) {
    const auto end = rest.find('\n');
    auto line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

struct Header {
    std::string_view name;
    std::string_view value;
};

struct Message {
    std::string_view start_line;
    std::vector<Header> headers; // bounded by the datagram's size

    // The value of the first header of that name; empty: there is none.
    [[nodiscard]] std::string_view operator[](std::string_view name) const {
        for (const auto& header : headers) {
            if (equal_ignoring_case(header.name, name)) return header.value;
        }
        return {};
    }
};

Result<Message> decode_message(std::string_view text) {
    if (text.size() > kMaxDatagram) return Error{Errc::TooLarge, "SSDP message is too long"};
    Message message{take_line(text), {}};
    while (!text.empty()) {
        const auto line = take_line(text);
        if (line.empty()) break;
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) continue; // not a header: some routers fold lines
        const auto value = trim(line.substr(colon + 1));
        if (value.size() > kMaxValue) return Error{Errc::TooLarge, "SSDP header is too long"};
        message.headers.push_back({trim(line.substr(0, colon)), value});
    }
    return message;
}

// What a header says, bounded and without blanks that only unprintable bytes kept apart.
std::string value_of(std::string_view header) {
    const auto value = printable(header, kMaxValue);
    return std::string(trim(value));
}

std::string to_text(ByteView datagram) {
    return {datagram.begin(), datagram.end()};
}

} // namespace

std::vector<std::uint8_t> encode(const Search& search) {
    return to_bytes(std::string(kSearchLine) + "\r\nHOST: " + Endpoint{kGroup, kPort}.to_string() +
                    "\r\nMAN: " + std::string(kDiscover) + "\r\nMX: " +
                    std::to_string(search.max_wait) + "\r\nST: " + search.target + "\r\n\r\n");
}

std::vector<std::uint8_t> encode(const Response& response) {
    return to_bytes("HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nEXT:\r\nLOCATION: " +
                    response.location + "\r\nSERVER: " + response.server +
                    "\r\nST: " + response.target + "\r\nUSN: " + response.usn + "\r\n\r\n");
}

Result<Search> decode_search(ByteView datagram) {
    const auto text = to_text(datagram);
    const auto message = decode_message(text);
    if (!message) return message.error();
    Search search{value_of((*message)["ST"]), 0};
    const auto mx = (*message)["MX"];
    std::from_chars(mx.data(), mx.data() + mx.size(), search.max_wait);
    if (!message->start_line.starts_with("M-SEARCH * HTTP/1.") || (*message)["MAN"] != kDiscover ||
        search.target.empty() || search.max_wait < 1) {
        return Error{Errc::Malformed, "not an SSDP search"};
    }
    search.max_wait = std::min(search.max_wait, kMaxMx);
    return search;
}

Result<Response> decode_response(ByteView datagram) {
    const auto text = to_text(datagram);
    const auto message = decode_message(text);
    if (!message) return message.error();
    const auto line = message->start_line;
    // "HTTP/1.1 200 OK"; the reason is free, and the version 1.0 with some.
    if (!line.starts_with("HTTP/1.") || line.size() < 12 || line.substr(8, 4) != " 200" ||
        (line.size() > 12 && line[12] != ' ')) {
        return Error{Errc::Malformed, "not an answer to an SSDP search"};
    }
    const auto target = (*message)["ST"].empty() ? (*message)["NT"] : (*message)["ST"];
    Response response{value_of((*message)["LOCATION"]), value_of(target),
                      value_of((*message)["USN"]), value_of((*message)["SERVER"])};
    if (response.location.empty() || response.target.empty()) {
        return Error{Errc::Malformed, "SSDP answer names no location or no target"};
    }
    return response;
}

} // namespace natterjack::ssdp
