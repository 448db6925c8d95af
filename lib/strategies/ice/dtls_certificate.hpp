// SPDX-License-Identifier: MIT
/// \file
/// \brief The certificate with which this process proves to a peer that it is who the signalling
/// said.
#pragma once

#include <memory>

#include "wire/sdp.hpp"

namespace natterjack::ice {

struct DtlsCredentials; // GnuTLS's, inside dtls_certificate.cpp and dtls_session.cpp

/// A self-signed P-256 certificate and its key. Immutable; may be used from any thread.
///
/// A peer checks nothing of it but its hash (RFC 8122): the validity is unlimited and the name
/// says nothing about the host.
class DtlsCertificate {
public:
    /// The one of this process, made at first use (about a millisecond) and kept to the end.
    /// Errors: Errc::Unsupported when GnuTLS cannot make one (detail: its code).
    [[nodiscard]] static Result<std::shared_ptr<const DtlsCertificate>> of_this_process();
    /// A new one.
    [[nodiscard]] static Result<std::shared_ptr<const DtlsCertificate>> create();

    ~DtlsCertificate();
    DtlsCertificate(const DtlsCertificate&) = delete;
    DtlsCertificate& operator=(const DtlsCertificate&) = delete;

    /// For a=fingerprint of the local description; by SHA-256.
    [[nodiscard]] const sdp::Fingerprint& fingerprint() const noexcept { return fingerprint_; }
    [[nodiscard]] const DtlsCredentials& credentials() const noexcept { return *credentials_; }

private:
    DtlsCertificate();

    std::unique_ptr<DtlsCredentials> credentials_;
    sdp::Fingerprint fingerprint_{};
};

} // namespace natterjack::ice
