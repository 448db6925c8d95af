// SPDX-License-Identifier: MIT
/// \file
/// \brief Owners for the objects of GLib.
#pragma once

#include <memory>

#include <gio/gio.h>

namespace natterjack::net {

struct GObjectUnref {
    void operator()(void* object) const noexcept { g_object_unref(object); }
};
/// One reference to a GObject.
template<class T>
using GObjectPtr = std::unique_ptr<T, GObjectUnref>;

/// One more reference to an object that somebody else owns.
template<class T>
[[nodiscard]] GObjectPtr<T> ref(T* object) {
    return GObjectPtr<T>(static_cast<T*>(g_object_ref(object)));
}

/// For C functions that give an error by `GError**`: pass out(), then look at the pointer.
class GErrorOut {
public:
    GErrorOut() = default;
    ~GErrorOut() { g_clear_error(&error_); }
    GErrorOut(const GErrorOut&) = delete;
    GErrorOut& operator=(const GErrorOut&) = delete;

    [[nodiscard]] GError** out() { return &error_; }
    [[nodiscard]] bool is(GQuark domain, int code) const {
        return g_error_matches(error_, domain, code) != FALSE;
    }
    [[nodiscard]] const char* message() const {
        return error_ != nullptr ? error_->message : "unknown error";
    }

private:
    GError* error_ = nullptr;
};

} // namespace natterjack::net
