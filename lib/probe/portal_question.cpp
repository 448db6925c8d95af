// SPDX-License-Identifier: MIT
#include "probe/portal_question.hpp"

#include <algorithm>
#include <utility>

namespace natterjack {

namespace {

constexpr std::size_t kMaxPage = std::size_t{64} * 1024;

} // namespace

PortalQuestion::PortalQuestion(const Loop& loop, CheckUrl url, Duration deadline, Handler handler)
    : url_(std::move(url)),
      until_(net::now() + deadline),
      handler_(std::move(handler)),
      http_(loop, IpAddress()) {
    resolution_.emplace(loop, url_.server.host, deadline, [this](const auto& addresses) {
        if (!addresses || addresses->empty()) return handler_(PortalCheck::NoAnswer);
        // Portals are older than IPv6, and where there is one, IPv6 seldom is.
        const auto v4 = std::find_if(addresses->begin(), addresses->end(),
                                     [](const IpAddress& each) { return each.is_v4(); });
        fetch(v4 == addresses->end() ? addresses->front() : *v4);
    });
}

// At the address, so that nothing is looked up a second time; the name goes along as in a browser.
void PortalQuestion::fetch(const IpAddress& address) {
    const auto left = std::chrono::duration_cast<Duration>(until_ - net::now());
    const net::HttpRequest request{
        .url = "http://" + Endpoint{address, url_.server.port}.to_string() + url_.target,
        .headers = {{"Host", url_.authority}},
        .deadline = std::max(left, Duration(1)),
        .max_body = kMaxPage};
    http_.send(request, [this](const Result<net::HttpResponse>& page) {
        if (page) return handler_(judge_page(page->status, page->body, url_.expected));
        // A page longer than any that is expected is a page.
        handler_(page.error().code == Errc::TooLarge ? PortalCheck::OtherPage
                                                     : PortalCheck::NoAnswer);
    });
}

} // namespace natterjack
