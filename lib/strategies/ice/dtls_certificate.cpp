// SPDX-License-Identifier: MIT
#include "strategies/ice/dtls_certificate.hpp"

#include <array>
#include <ctime>

#include <gnutls/x509.h>

#include "net/random.hpp"
#include "strategies/ice/dtls_credentials.hpp"

namespace natterjack::ice {

namespace {

// DTLS 1.2 with what RFC 8827 section 6.5 demands (ECDHE-ECDSA on P-256 with AES-128-GCM) first,
// and RSA for peers whose certificates are of that kind. AEAD and forward secrecy only.
constexpr const char* kPriorities =
    "NONE:+VERS-DTLS1.2:+AES-128-GCM:+CHACHA20-POLY1305:+AES-256-GCM:+AEAD:+ECDHE-ECDSA:+ECDHE-RSA:"
    "+GROUP-SECP256R1:+GROUP-X25519:+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SHA384:+SIGN-RSA-SHA256:"
    "+SIGN-RSA-PSS-RSAE-SHA256:+COMP-NULL:+CTYPE-X509";

constexpr std::time_t kNotBefore = 1577836800; // 2020-01-01: no clock is asked, none is told

template<class T, void (*Deinit)(T)>
struct Handle {
    T value = nullptr;
    Handle() = default;
    ~Handle() {
        if (value) Deinit(value);
    }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
};
using Key = Handle<gnutls_x509_privkey_t, gnutls_x509_privkey_deinit>;
using Certificate = Handle<gnutls_x509_crt_t, gnutls_x509_crt_deinit>;

int make_key(Key& key) {
    if (const int rc = gnutls_x509_privkey_init(&key.value); rc < 0) return rc;
    return gnutls_x509_privkey_generate(
        key.value, GNUTLS_PK_ECDSA,
        static_cast<unsigned>(GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1)), 0);
}

int make_certificate(const Key& key, Certificate& certificate) {
    if (const int rc = gnutls_x509_crt_init(&certificate.value); rc < 0) return rc;
    auto serial = net::random_bytes<16>();
    serial[0] &= 0x7fU; // positive (RFC 5280 section 4.1.2.2)
    serial[0] |= 0x01U; // and not zero
    constexpr std::string_view kName = "natterjack";
    const std::array<int, 7> steps = {
        gnutls_x509_crt_set_version(certificate.value, 3),
        gnutls_x509_crt_set_serial(certificate.value, serial.data(), serial.size()),
        gnutls_x509_crt_set_activation_time(certificate.value, kNotBefore),
        gnutls_x509_crt_set_expiration_time(certificate.value,
                                            GNUTLS_X509_NO_WELL_DEFINED_EXPIRATION),
        gnutls_x509_crt_set_dn_by_oid(certificate.value, GNUTLS_OID_X520_COMMON_NAME, 0,
                                      kName.data(), static_cast<unsigned>(kName.size())),
        gnutls_x509_crt_set_key(certificate.value, key.value),
        gnutls_x509_crt_sign2(certificate.value, certificate.value, key.value, GNUTLS_DIG_SHA256,
                              0),
    };
    for (const int rc : steps) {
        if (rc < 0) return rc;
    }
    return 0;
}

int fill(DtlsCredentials& out, sdp::Fingerprint& fingerprint) {
    Key key;
    Certificate certificate;
    if (const int rc = make_key(key); rc < 0) return rc;
    if (const int rc = make_certificate(key, certificate); rc < 0) return rc;
    if (const int rc = gnutls_certificate_allocate_credentials(&out.credentials); rc < 0) return rc;
    if (const int rc =
            gnutls_certificate_set_x509_key(out.credentials, &certificate.value, 1, key.value);
        rc < 0) {
        return rc;
    }
    gnutls_datum_t der{};
    if (const int rc = gnutls_x509_crt_export2(certificate.value, GNUTLS_X509_FMT_DER, &der);
        rc < 0) {
        return rc;
    }
    auto hashed = fingerprint_of(der, sdp::Hash::Sha256);
    gnutls_free(der.data);
    if (!hashed) return GNUTLS_E_HASH_FAILED;
    fingerprint = *std::move(hashed);
    return gnutls_priority_init(&out.priorities, kPriorities, nullptr);
}

} // namespace

std::optional<sdp::Fingerprint> fingerprint_of(const gnutls_datum_t& der, sdp::Hash hash) {
    constexpr std::array<gnutls_digest_algorithm_t, 3> kAlgorithms = {
        GNUTLS_DIG_SHA256, GNUTLS_DIG_SHA384, GNUTLS_DIG_SHA512};
    sdp::Fingerprint out{hash, std::vector<std::uint8_t>(sdp::digest_size(hash))};
    std::size_t size = out.digest.size();
    if (gnutls_fingerprint(kAlgorithms[static_cast<std::size_t>(hash)], &der, out.digest.data(),
                           &size) != 0 ||
        size != out.digest.size()) {
        return std::nullopt;
    }
    return out;
}

DtlsCertificate::DtlsCertificate() : credentials_(std::make_unique<DtlsCredentials>()) {
}
DtlsCertificate::~DtlsCertificate() = default;

Result<std::shared_ptr<const DtlsCertificate>> DtlsCertificate::create() {
    // Not make_shared: the constructor is private.
    const std::shared_ptr<DtlsCertificate> out(new DtlsCertificate);
    if (const int rc = fill(*out->credentials_, out->fingerprint_); rc < 0) {
        return Error{Errc::Unsupported,
                     std::string("making a DTLS certificate: ") + gnutls_strerror(rc), rc};
    }
    return std::shared_ptr<const DtlsCertificate>(out);
}

Result<std::shared_ptr<const DtlsCertificate>> DtlsCertificate::of_this_process() {
    static const auto certificate = create();
    return certificate;
}

} // namespace natterjack::ice
