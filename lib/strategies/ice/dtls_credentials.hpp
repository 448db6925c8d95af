// SPDX-License-Identifier: MIT
/// \file
/// \brief What DtlsCertificate and DtlsSession share of GnuTLS. No other part of the library
/// includes this.
#pragma once

#include <optional>

#include <gnutls/gnutls.h>

#include "wire/sdp.hpp"

namespace natterjack::ice {

struct DtlsCredentials {
    gnutls_certificate_credentials_t credentials = nullptr;
    gnutls_priority_t priorities = nullptr;

    DtlsCredentials() = default;
    ~DtlsCredentials() {
        if (credentials) gnutls_certificate_free_credentials(credentials);
        if (priorities) gnutls_priority_deinit(priorities);
    }
    DtlsCredentials(const DtlsCredentials&) = delete;
    DtlsCredentials& operator=(const DtlsCredentials&) = delete;
};

/// Of a DER certificate; nothing when GnuTLS cannot.
[[nodiscard]] std::optional<sdp::Fingerprint> fingerprint_of(const gnutls_datum_t& der,
                                                             sdp::Hash hash);

} // namespace natterjack::ice
