// SPDX-License-Identifier: MIT
/// \file
/// \brief The little XML that UPnP speaks: a bounded, forgiving reader and escaping. Pure.
///
/// Forgiving where routers are sloppy (namespaces, case, comments, bare ampersands, text before a
/// document's end), strict where it matters: everything is bounded, nothing is expanded, and a
/// document that ends early is an error.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <natterjack/result.hpp>

namespace natterjack::xml {

struct Limits {
    std::size_t bytes = std::size_t{256} * 1024; ///< Descriptions of real routers have 2 to 20 KiB.
    std::size_t depth = 32;                      ///< Real ones nest 10 deep.
    std::size_t elements = 4096;
};

/// One element. Attributes are not kept: UPnP puts nothing into them that we need.
struct Element {
    std::string name; ///< Without the namespace prefix.
    std::string text; ///< Entities decoded, trimmed, without that of the children.
    std::vector<Element> children;

    /// The first child of that name, whatever the case; nullptr: there is none.
    [[nodiscard]] const Element* child(std::string_view child_name) const;
};

/// Reads a document and answers with its root element.
/// \retval Errc::Truncated  it ends before the root element does
/// \retval Errc::Malformed  not XML, not a form of ASCII, or it declares a document type (from
///                          which entity bombs are made)
/// \retval Errc::TooLarge   beyond \a limits
[[nodiscard]] Result<Element> parse(std::string_view document, const Limits& limits);
[[nodiscard]] Result<Element> parse(std::string_view document);

/// Text as it may stand in an element or an attribute. Characters that XML 1.0 forbids (section
/// 2.2), and all other control characters, are dropped; what is not UTF-8 becomes U+FFFD.
[[nodiscard]] std::string escape(std::string_view text);

} // namespace natterjack::xml
