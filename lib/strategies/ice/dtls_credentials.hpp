// SPDX-License-Identifier: MIT
/// \file
/// \brief What DtlsCertificate and DtlsSession share of GnuTLS. Nobody else includes this.
#pragma once

#include <span>

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

/// SHA-256 of a DER certificate; false when GnuTLS cannot.
[[nodiscard]] bool fingerprint_of(const gnutls_datum_t& der, sdp::Fingerprint& out);

} // namespace natterjack::ice
