// SPDX-License-Identifier: MIT
#include "wire/xml.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "base/number.hpp"
#include "base/text.hpp"

namespace natterjack::xml {

namespace {

constexpr std::size_t kMaxName = 128;
constexpr std::size_t kMaxEntity = 10; // "&#x10FFFF;"

void append_utf8(std::string& out, std::uint32_t code_point) {
    const auto byte = [&](std::uint32_t value) { out += static_cast<char>(value); };
    if (code_point < 0x80) {
        byte(code_point);
    } else if (code_point < 0x800) {
        byte(0xC0U | code_point >> 6U);
        byte(0x80U | (code_point & 0x3FU));
    } else if (code_point < 0x10000) {
        byte(0xE0U | code_point >> 12U);
        byte(0x80U | (code_point >> 6U & 0x3FU));
        byte(0x80U | (code_point & 0x3FU));
    } else {
        byte(0xF0U | code_point >> 18U);
        byte(0x80U | (code_point >> 12U & 0x3FU));
        byte(0x80U | (code_point >> 6U & 0x3FU));
        byte(0x80U | (code_point & 0x3FU));
    }
}

// "#65" or "#x41". Surrogates and numbers beyond Unicode are no characters.
std::optional<std::uint32_t> character_reference(std::string_view name) {
    if (name.size() < 2 || name[0] != '#') return std::nullopt;
    const bool hex = ascii_lower(name[1]) == 'x';
    const auto digits = name.substr(hex ? 2 : 1);
    const auto value = parse_number<std::uint32_t>(digits, hex ? 16 : 10);
    if (!value || *value > 0x10FFFF || (*value >= 0xD800 && *value <= 0xDFFF)) return std::nullopt;
    return value;
}

// Appends \a text with its entities decoded. An ampersand that begins no entity stands for itself:
// "AT&T" is a router's name.
void append_decoded(std::string& out, std::string_view text) {
    struct Named {
        std::string_view name;
        char character;
    };
    constexpr std::array kNamed = {Named{"amp", '&'}, Named{"lt", '<'}, Named{"gt", '>'},
                                   Named{"quot", '"'}, Named{"apos", '\''}};
    while (!text.empty()) {
        const auto ampersand = text.find('&');
        out += text.substr(0, ampersand);
        if (ampersand == std::string_view::npos) return;
        text.remove_prefix(ampersand);
        const auto semicolon = text.substr(0, kMaxEntity).find(';');
        const auto name = semicolon == std::string_view::npos ? std::string_view()
                                                              : text.substr(1, semicolon - 1);
        const auto* const named = std::find_if(
            kNamed.begin(), kNamed.end(), [&](const Named& entity) { return entity.name == name; });
        std::size_t used = semicolon + 1;
        if (named != kNamed.end()) {
            out += named->character;
        } else if (const auto code_point = character_reference(name)) {
            append_utf8(out, *code_point);
        } else {
            out += '&';
            used = 1;
        }
        text.remove_prefix(used);
    }
}

std::string_view local_name(std::string_view name) {
    const auto colon = name.rfind(':');
    return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

class Reader {
public:
    Reader(std::string_view document, const Limits& limits) : rest_(document), limits_(limits) {}

    Result<Element> read() {
        if (rest_.size() > limits_.bytes) return Error{Errc::TooLarge, "XML document is too long"};
        if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3); // byte order mark
        while (!root_) {
            const auto step = read_one();
            if (!step) return step.error();
        }
        return std::move(*root_);
    }

private:
    struct Open {
        std::string_view full_name;
        Element element;
    };

    static Error truncated() { return {Errc::Truncated, "XML document ends early"}; }

    // Text up to the next piece of markup, and that piece.
    Result<void> read_one() {
        const auto bracket = rest_.find('<');
        if (auto text = add_text(rest_.substr(0, bracket)); !text) return text;
        if (bracket == std::string_view::npos) return truncated();
        rest_.remove_prefix(bracket);
        if (rest_.starts_with("<!--")) return skip_past("-->", 4);
        if (rest_.starts_with("<?")) return skip_past("?>", 2);
        if (rest_.starts_with("<![CDATA[")) return read_cdata();
        if (rest_.starts_with("<!")) {
            // Cut inside "<!--" or "<![CDATA[" it is merely too short.
            if (std::string_view("<!--").starts_with(rest_) ||
                std::string_view("<![CDATA[").starts_with(rest_)) {
                return truncated();
            }
            return Error{Errc::Malformed, "XML document declares a document type"};
        }
        return read_tag();
    }

    Result<void> add_text(std::string_view text) {
        if (!open_.empty()) {
            append_decoded(open_.back().element.text, text);
        } else if (!trim(text).empty()) {
            return Error{Errc::Malformed, "not an XML document"};
        }
        return {};
    }

    Result<void> skip_past(std::string_view mark, std::size_t from) {
        const auto end = rest_.find(mark, from);
        if (end == std::string_view::npos) return truncated();
        rest_.remove_prefix(end + mark.size());
        return {};
    }

    Result<void> read_cdata() {
        constexpr std::size_t kOpening = 9;
        const auto end = rest_.find("]]>", kOpening);
        if (end == std::string_view::npos) return truncated();
        if (open_.empty()) return Error{Errc::Malformed, "not an XML document"};
        open_.back().element.text += rest_.substr(kOpening, end - kOpening);
        rest_.remove_prefix(end + 3);
        return {};
    }

    // Where the tag ends; a '>' inside an attribute's quotes does not count.
    [[nodiscard]] std::size_t tag_end() const {
        char quote = 0;
        for (std::size_t i = 1; i < rest_.size(); ++i) {
            const char c = rest_[i];
            if (quote != 0) {
                if (c == quote) quote = 0;
            } else if (c == '"' || c == '\'') {
                quote = c;
            } else if (c == '>') {
                return i;
            }
        }
        return std::string_view::npos;
    }

    Result<void> read_tag() {
        const auto end = tag_end();
        if (end == std::string_view::npos) return truncated();
        auto tag = rest_.substr(1, end - 1);
        rest_.remove_prefix(end + 1);
        if (tag.starts_with('/')) return close_element(trim(tag.substr(1)));
        const bool empty = tag.ends_with('/');
        if (empty) tag.remove_suffix(1);
        const auto name = tag.substr(0, tag.find_first_of(" \t\r\n/"));
        if (local_name(name).empty() || name.size() > kMaxName) {
            return Error{Errc::Malformed, "XML element has no usable name"};
        }
        if (open_.size() >= limits_.depth || ++elements_ > limits_.elements) {
            return Error{Errc::TooLarge, "XML document has too many elements"};
        }
        open_.push_back({name, Element{std::string(local_name(name)), {}, {}}});
        return empty ? close_element(name) : Result<void>();
    }

    Result<void> close_element(std::string_view name) {
        if (open_.empty() || !equal_ignoring_case(open_.back().full_name, name)) {
            return Error{Errc::Malformed, "XML elements do not nest"};
        }
        Element element = std::move(open_.back().element);
        open_.pop_back();
        element.text = trim(element.text);
        if (open_.empty()) {
            root_ = std::move(element);
        } else {
            open_.back().element.children.push_back(std::move(element));
        }
        return {};
    }

    std::string_view rest_;
    Limits limits_;
    std::size_t elements_ = 0;
    std::vector<Open> open_;
    std::optional<Element> root_;
};

} // namespace

const Element* Element::child(std::string_view child_name) const {
    const auto found = std::find_if(children.begin(), children.end(), [&](const Element& element) {
        return equal_ignoring_case(element.name, child_name);
    });
    return found == children.end() ? nullptr : &*found;
}

Result<Element> parse(std::string_view document, const Limits& limits) {
    return Reader(document, limits).read();
}

Result<Element> parse(std::string_view document) {
    return parse(document, Limits());
}

std::string escape(std::string_view text) {
    std::string out;
    for (const char c : printable(text)) {
        switch (c) {
        case '&': out += "&amp;"; break;
        case '<': out += "&lt;"; break;
        case '>': out += "&gt;"; break;
        case '"': out += "&quot;"; break;
        case '\'': out += "&apos;"; break;
        default: out += c;
        }
    }
    return out;
}

} // namespace natterjack::xml
