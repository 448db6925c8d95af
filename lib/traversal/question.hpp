// SPDX-License-Identifier: MIT
/// \file
/// \brief What Mappings asks the gateways: each question an object that lives until its answer.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <natterjack/mappings.hpp>

#include "traversal/chain.hpp"
#include "traversal/inquiry.hpp"

namespace natterjack {

/// What every question needs.
struct QuestionContext {
    Loop loop;
    NetworkChoice choice;
    std::vector<Strategy> strategies;
    ChainParts parts;
    Families families = Families::Both;
};

/// One question to the gateways, from first send to the handler. Belongs to the loop's thread.
class PendingQuestion {
public:
    virtual ~PendingQuestion() = default;
    /// Whether the handler has been called.
    [[nodiscard]] virtual bool is_over() const = 0;
};

using ListHandler = std::function<void(Result<Mappings::Listing, OpenFailure>)>;
using AddressHandler = std::function<void(Result<Mappings::Addresses, OpenFailure>)>;

/// As Mappings::list(), external() and remove(): each starts, and calls its handler once within
/// \a limit, unless what it returns is destroyed before.
[[nodiscard]] std::unique_ptr<PendingQuestion>
list_mappings(const QuestionContext& context, std::chrono::milliseconds limit, ListHandler handler);
[[nodiscard]] std::unique_ptr<PendingQuestion> ask_for_addresses(const QuestionContext& context,
                                                                 std::chrono::milliseconds limit,
                                                                 AddressHandler handler);
[[nodiscard]] std::unique_ptr<PendingQuestion>
remove_mapping(const QuestionContext& context, std::uint16_t port, Transport transport,
               std::chrono::milliseconds limit, ListHandler handler);

/// \a entry as a list shows it at \a now.
[[nodiscard]] ListedMapping listed(const JournalEntry& entry,
                                   std::chrono::system_clock::time_point now);
/// Whether \a listed, of a gateway's table, is \a mapping, or its first hop.
[[nodiscard]] bool is_entry_of(const ListedMapping& listed, const Mapping& mapping);
[[nodiscard]] inline bool is_ipv4(const Mapping& mapping) {
    return mapping.internal.address.is_v4();
}
/// Why nothing was found: what somebody refused, else \a what.
[[nodiscard]] OpenFailure nobody(const Inquiry& inquiry, const std::string& what);

/// What all questions do alike: begin on the loop's next turn, ask every member, finish. \a
/// Found is what the handler gets.
template<class Found>
class Question : public PendingQuestion {
public:
    using Handler = std::function<void(Result<Found, OpenFailure>)>;

    Question(const QuestionContext& context, std::chrono::milliseconds limit, Handler handler)
        : journal_(context.parts.journal),
          inquiry_(context.loop, context.parts, context.choice, context.strategies,
                   context.families),
          handler_(std::move(handler)),
          start_timer_(context.loop) {
        start_timer_.start_at(net::now(), [this, limit] { start(limit); });
    }

    [[nodiscard]] bool is_over() const override { return over_; }

protected:
    virtual void ask(Inquiry::Member& member) = 0;
    virtual void finish() = 0;

    /// The handler may destroy this.
    void answer(Result<Found, OpenFailure> result) {
        over_ = true;
        if (auto handler = std::exchange(handler_, nullptr)) handler(std::move(result));
    }
    /// For protocols that ask once: nobody there is known sooner than the caller's deadline.
    [[nodiscard]] TimePoint silence() const { return std::min(deadline_, net::now() + kSilence); }

    Journal journal_;
    Inquiry inquiry_;
    TimePoint deadline_;

private:
    void start(std::chrono::milliseconds limit) {
        if (const auto valid = validate_deadline(limit); !valid) {
            answer(OpenFailure{valid.error(), {}});
            return;
        }
        if (!inquiry_.ready()) {
            answer(OpenFailure{inquiry_.ready().error(), {}});
            return;
        }
        deadline_ = net::now() + limit;
        inquiry_.ask([this](Inquiry::Member& member) { ask(member); }, [this] { finish(); });
    }

    /// "Nobody here"; see ChainAttempt.
    static constexpr Duration kSilence{1000};

    Handler handler_;
    bool over_ = false;
    net::Timer start_timer_;
};

} // namespace natterjack
