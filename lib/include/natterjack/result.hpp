// SPDX-License-Identifier: MIT
/// \file
/// \brief Result<T>: a value or an Error. A small subset of C++23 std::expected.
///
/// Same vocabulary as std::expected (has_value, value_or, error, and_then), so that the day the
/// project moves to C++23 this file becomes one alias.
#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <natterjack/export.hpp>

namespace natterjack {

/// What kind of thing went wrong. Callers branch on this; humans read Error::message.
enum class Errc {
    Truncated,       ///< The bytes end before a field that must be there.
    Malformed,       ///< The bytes break the protocol (bad magic, bad length, bad enum).
    Mismatch,        ///< Well formed, but not the answer to our request (nonce, opcode, address).
    Unsupported,     ///< The peer speaks the protocol but not this version or operation.
    Refused,         ///< The peer understood and said no (policy, quota, not authorised).
    Conflict,        ///< The port belongs to somebody else and may not be taken from them.
    NotFound,        ///< There is no such mapping, gateway or service.
    Timeout,         ///< Nobody answered in time.
    Network,         ///< The operating system refused to send or receive.
    NoNetwork,       ///< This host has no usable address or route.
    InvalidArgument, ///< The caller broke a documented precondition.
    Cancelled,       ///< The caller, or the end of the loop, stopped it.
    TooLarge,        ///< The answer exceeds a limit that we set.
    Unsafe           ///< The answer would have us talk to a host that it may not choose.
};

/// "truncated", "not found", "invalid argument", ...: the name in words.
[[nodiscard]] NATTERJACK_API std::string_view to_string(Errc code) noexcept;

/// Why a call failed.
struct Error {
    Errc code = Errc::Malformed;
    std::string message; ///< One English line, no trailing full stop: what, to what, what to do.
    int detail = 0;      ///< Protocol result code or errno; 0 when there is none.
};

/// A value of type T or an error of type E; never empty.
template<class T, class E = Error>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {} // NOLINT(*explicit*)
    Result(E error) : state_(std::in_place_index<1>, std::move(error)) {} // NOLINT(*explicit*)

    [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    /// Precondition: has_value(). Asserted in debug builds; never validates remote input.
    [[nodiscard]] const T& operator*() const& noexcept { return *checked_value(); }
    [[nodiscard]] T& operator*() & noexcept { return *checked_value(); }
    [[nodiscard]] T&& operator*() && noexcept { return std::move(*checked_value()); }
    [[nodiscard]] const T* operator->() const noexcept { return checked_value(); }
    [[nodiscard]] T* operator->() noexcept { return checked_value(); }
    /// A copy of the value, or \a fallback.
    [[nodiscard]] T value_or(T fallback) const {
        return has_value() ? *checked_value() : std::move(fallback);
    }

    /// Precondition: !has_value().
    [[nodiscard]] const E& error() const noexcept {
        const auto* error = std::get_if<1>(&state_);
        assert(error);
        return *error;
    }

    /// Calls next(value) when there is one, otherwise passes the error on.
    template<class Next>
    auto and_then(Next&& next) const -> decltype(next(std::declval<const T&>())) {
        if (!has_value()) return error();
        return std::forward<Next>(next)(**this);
    }

private:
    [[nodiscard]] const T* checked_value() const noexcept {
        const auto* value = std::get_if<0>(&state_);
        assert(value);
        return value;
    }
    [[nodiscard]] T* checked_value() noexcept {
        auto* value = std::get_if<0>(&state_);
        assert(value);
        return value;
    }

    std::variant<T, E> state_;
};

/// Success without a value, or an error.
template<class E>
class [[nodiscard]] Result<void, E> {
public:
    Result() = default;
    Result(E error) : error_(std::move(error)) {} // NOLINT(*explicit*)

    [[nodiscard]] bool has_value() const noexcept { return !error_; }
    explicit operator bool() const noexcept { return has_value(); }

    /// Precondition: !has_value().
    [[nodiscard]] const E& error() const noexcept {
        assert(error_);
        return *error_;
    }

private:
    std::optional<E> error_;
};

} // namespace natterjack
