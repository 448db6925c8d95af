// SPDX-License-Identifier: MIT
// What sessions say and hear: offers and answers again and again, peers of other habits, and peers
// that send more than anybody needs.
#include <array>
#include <optional>
#include <string>

#include "tests/support/lite_peer.hpp"
#include "tests/support/peer_pair.hpp"
#include "wire/signal_json.hpp"

namespace natterjack::test {
namespace {

/// Of the lines, those that are descriptions.
std::vector<sdp::Description> descriptions(const std::vector<std::string>& lines) {
    std::vector<sdp::Description> out;
    for (const auto& line : lines) {
        const auto message = signal::decode(line);
        const auto* const description =
            message ? std::get_if<signal::Description>(&*message) : nullptr;
        if (!description) continue;
        auto decoded = sdp::decode_description(description->sdp, description->kind);
        EXPECT_TRUE(decoded) << line;
        if (decoded) out.push_back(*std::move(decoded));
    }
    return out;
}

std::string line_of(const sdp::Description& description) {
    return signal::encode(signal::Description{description.kind, sdp::encode(description)});
}

std::string candidate_line(const std::string& candidate) {
    return signal::encode(signal::Candidate{candidate, "0", 0, std::nullopt});
}

std::string replaced(std::string line, std::string_view what, std::string_view instead) {
    const auto at = line.find(what);
    return at == std::string::npos ? line : line.replace(at, what.size(), instead);
}

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const auto& word : words) out += word + "\n";
    return out;
}

TEST(PeerSignalling, AnswersALaterOfferAboutOtherMedia) {
    PeerPair pair;
    ASSERT_TRUE(pair.connect());
    auto again = descriptions(pair.a.said).front();
    ++again.version;
    again.other_media = {{"audio", "UDP/TLS/RTP/SAVPF", "111", "1"}};
    const auto before = descriptions(pair.b.said);
    ASSERT_TRUE(pair.b.session->receive(line_of(again)));
    ASSERT_TRUE(pair.runner.run_until([&] { return descriptions(pair.b.said).size() == 2; }));
    const auto answer = descriptions(pair.b.said).back();
    EXPECT_EQ(answer.kind, sdp::Kind::Answer);
    EXPECT_EQ(answer.ufrag, before.front().ufrag);
    EXPECT_EQ(answer.password, before.front().password);
    EXPECT_EQ(answer.version, before.front().version + 1);
    EXPECT_EQ(answer.session_id, before.front().session_id);
    EXPECT_EQ(answer.setup, before.front().setup);
    EXPECT_EQ(answer.other_media, again.other_media);
    EXPECT_TRUE(pair.b.is(PeerState::Connected));
    EXPECT_EQ(pair.b.session->info().restarts, 0U);
    // The same once more is a replay.
    ASSERT_TRUE(pair.b.session->receive(line_of(again)));
    pair.runner.run_for(Duration(50));
    EXPECT_EQ(descriptions(pair.b.said).size(), 2U);
}

TEST(PeerSignalling, GathersFirstForAPeerThatTakesNoLaterCandidates) {
    PeerPair pair;
    pair.to_b = [](const std::string& line) {
        return replaced(line, "a=ice-options:trickle\\r\\n", "");
    };
    ASSERT_TRUE(pair.connect()) << pair.a.why() << pair.b.why();
    ASSERT_EQ(pair.b.said.size(), 1U) << joined(pair.b.said);
    const auto answer = descriptions(pair.b.said).front();
    EXPECT_FALSE(answer.trickle);
    EXPECT_TRUE(answer.end_of_candidates);
    EXPECT_FALSE(answer.candidates.empty());
}

TEST(PeerSignalling, RestartsWithNewCredentialsAndANewVersionOfTheSameSession) {
    PeerPair pair;
    ASSERT_TRUE(pair.connect());
    pair.a.session->restart();
    ASSERT_TRUE(pair.runner.run_until([&] { return descriptions(pair.b.said).size() == 2; }));
    for (const auto* const end : {&pair.a, &pair.b}) {
        const auto said = descriptions(end->said);
        ASSERT_EQ(said.size(), 2U);
        EXPECT_NE(said[0].ufrag, said[1].ufrag);
        EXPECT_NE(said[0].password, said[1].password);
        EXPECT_EQ(said[1].version, said[0].version + 1);
        EXPECT_EQ(said[1].session_id, said[0].session_id);
        EXPECT_EQ(said[1].fingerprints, said[0].fingerprints);
        EXPECT_EQ(said[1].tls_id, said[0].tls_id);
    }
    EXPECT_EQ(descriptions(pair.a.said)[1].setup, sdp::Setup::ActPass);
    EXPECT_EQ(descriptions(pair.b.said)[1].setup, sdp::Setup::Active);
}

TEST(PeerSignalling, NamesItsDtlsAssociationToWhomNamesIts) {
    PeerPair both;
    ASSERT_TRUE(both.connect());
    const auto offered = descriptions(both.a.said).front().tls_id;
    const auto answered = descriptions(both.b.said).front().tls_id;
    EXPECT_GE(offered.size(), 20U);
    EXPECT_GE(answered.size(), 20U);
    EXPECT_NE(offered, answered);

    PeerPair old;
    old.to_b = [](const std::string& line) {
        const auto at = line.find("a=tls-id:");
        return at == std::string::npos
                   ? line
                   : replaced(line, line.substr(at, line.find("a=mid") - at), "");
    };
    ASSERT_TRUE(old.connect());
    EXPECT_EQ(descriptions(old.b.said).front().tls_id, "");
}

class AnotherAssociation : public testing::TestWithParam<const char*> {};

// Certificate, role and name belong to the one DTLS association that there is.
TEST_P(AnotherAssociation, IsRefusedInWords) {
    PeerPair pair;
    ASSERT_TRUE(pair.connect());
    auto again = descriptions(pair.a.said).front();
    ++again.version;
    again.ufrag = "another";
    again.password = "anotherpasswordoftwentytwo";
    const std::string what = GetParam();
    if (what == "tls-id") again.tls_id = "abcdefghijklmnopqrstuvwxyz";
    if (what == "setup") again.setup = sdp::Setup::Active; // ours is, too
    if (what == "fingerprint") again.fingerprints[0].digest[0] ^= 1;
    ASSERT_TRUE(pair.b.session->receive(line_of(again)));
    ASSERT_TRUE(pair.runner.run_until(
        [&] { return joined(pair.b.session->info().notes).find("ignored") != std::string::npos; }));
    EXPECT_EQ(descriptions(pair.b.said).size(), 1U);
    EXPECT_TRUE(pair.b.is(PeerState::Connected));
}

INSTANTIATE_TEST_SUITE_P(Each, AnotherAssociation,
                         testing::Values("tls-id", "setup", "fingerprint"));

// Firefox, asked to restart by the DTLS client, claims to be the client itself.
TEST(PeerSignalling, TakesAnAnswerToARestartThatForgotWhoTheClientIs) {
    PeerPair pair;
    ASSERT_TRUE(pair.connect());
    pair.to_b = [](const std::string& line) {
        return replaced(line, "a=setup:passive", "a=setup:active");
    };
    const auto before = pair.b.session->info().path;
    pair.b.session->restart();
    ASSERT_TRUE(pair.runner.run_until([&] { return pair.b.session->info().path != before; }))
        << joined(pair.b.session->info().notes);
    EXPECT_EQ(descriptions(pair.a.said).back().setup, sdp::Setup::Passive);
    EXPECT_EQ(pair.b.session->info().restarts, 1U);
    EXPECT_TRUE(pair.b.is(PeerState::Connected));
}

TEST(PeerSignalling, TwoThatOfferAtOnceBothSaySo) {
    LoopRunner runner;
    std::array<std::optional<PeerSession>, 2> sessions;
    std::array<std::optional<Error>, 2> errors;
    for (std::size_t i = 0; i < 2; ++i) {
        PeerHandlers handlers;
        handlers.send = [&sessions, i](const std::string& line) {
            EXPECT_TRUE(sessions[1 - i]->receive(line));
        };
        handlers.on_state = [&errors, i](PeerState state, const PeerInfo& info) {
            EXPECT_EQ(state, PeerState::Failed);
            errors[i] = info.error;
        };
        auto made = PeerSession::create(runner.loop(), PeerPair::quick(), std::move(handlers));
        ASSERT_TRUE(made) << made.error().message;
        sessions[i] = *std::move(made);
    }
    ASSERT_TRUE(runner.run_until([&] { return errors[0] && errors[1]; }));
    for (const auto& error : errors) {
        EXPECT_EQ(error->code, Errc::Mismatch);
        EXPECT_NE(error->message.find("both sides offer"), std::string::npos) << error->message;
    }
}

TEST(PeerSignalling, AnAnswerWhereAnOfferIsAwaitedIsToldInWords) {
    PeerPair pair;
    pair.to_a = [&](const std::string& line) {
        if (line.find("\"answer\"") != std::string::npos) return std::string();
        return line;
    };
    ASSERT_TRUE(pair.runner.run_until([&] { return !descriptions(pair.b.said).empty(); }));
    PeerPair other;
    ASSERT_TRUE(other.b.session->receive(line_of(descriptions(pair.b.said).front())));
    ASSERT_TRUE(other.runner.run_until([&] { return other.b.is(PeerState::Failed); }));
    EXPECT_NE(other.b.why().find("both sides answer"), std::string::npos) << other.b.why();
}

TEST(PeerSignalling, APeerWithTooManyCandidatesIsCutOffInWords) {
    auto options = PeerPair::quick();
    options.connect_limit = std::chrono::seconds(3); // time to take the 150, under sanitizers too
    PeerPair pair(options);
    pair.to_b = [](const std::string& line) { // its own are lost
        return line.find("\"candidate\"") == std::string::npos ? line : std::string();
    };
    pair.to_a = [](const std::string&) { return std::string(); };
    ASSERT_TRUE(pair.runner.run_until([&] { return pair.b.is(PeerState::Checking); }));
    for (int port = 1; port <= 1000; ++port) {
        EXPECT_TRUE(pair.b.session->receive(candidate_line("candidate:1 1 udp 1 192.168.77.9 " +
                                                           std::to_string(port) + " typ host")));
    }
    ASSERT_TRUE(pair.runner.run_until([&] { return pair.b.is(PeerState::Failed); }));
    EXPECT_NE(joined(pair.b.last.notes).find("no more than 150"), std::string::npos)
        << joined(pair.b.last.notes);
    EXPECT_NE(pair.b.why().find("150 of the peer's were tried"), std::string::npos) << pair.b.why();
}

TEST(PeerSignalling, CandidatesThatComeBeforeTheirDescriptionAreBoundedToo) {
    PeerPair pair;
    for (int port = 1; port <= 1000; ++port) {
        EXPECT_TRUE(pair.b.session->receive(candidate_line("candidate:1 1 udp 1 192.168.77.9 " +
                                                           std::to_string(port) + " typ host")));
    }
    ASSERT_TRUE(pair.connect()) << "what the peer says later still counts";
    EXPECT_LE(pair.b.session->info().notes.size(), 20U);
}

TEST(PeerSignalling, NamesAreBoundedAndWhatTheyResolveToIsChecked) {
    auto options = PeerPair::quick();
    options.connect_limit = std::chrono::seconds(3);
    PeerPair pair(options);
    pair.to_b = [](const std::string& line) {
        return line.find("\"candidate\"") == std::string::npos ? line : std::string();
    };
    pair.to_a = [](const std::string&) { return std::string(); };
    ASSERT_TRUE(pair.runner.run_until([&] { return pair.b.is(PeerState::Checking); }));
    for (int port = 1; port <= 17; ++port) { // "localhost" stands in /etc/hosts
        EXPECT_TRUE(pair.b.session->receive(
            candidate_line("candidate:1 1 udp 1 localhost " + std::to_string(port) + " typ host")));
    }
    ASSERT_TRUE(pair.runner.run_until([&] { return pair.b.is(PeerState::Failed); }));
    const auto notes = joined(pair.b.last.notes);
    EXPECT_NE(notes.find("is loopback"), std::string::npos) << notes;
    EXPECT_NE(notes.find("16 names"), std::string::npos) << notes;
}

TEST(PeerSignalling, ALiteOffererIsControlledByTheAnsweringSide) {
    LitePeer lite(true);
    ASSERT_TRUE(lite.connect()) << lite.why();
    EXPECT_TRUE(lite.seen().controlling) << "RFC 8445 section 6.1.1: full controls, whoever offers";
    EXPECT_FALSE(lite.seen().controlled);
    EXPECT_TRUE(lite.seen().nominated);
    EXPECT_TRUE(lite.echoes());
}

TEST(PeerSignalling, ALiteAnswererIsControlledByTheOffer) {
    LitePeer lite(false);
    ASSERT_TRUE(lite.connect()) << lite.why();
    EXPECT_TRUE(lite.seen().controlling);
    EXPECT_FALSE(lite.seen().controlled);
    EXPECT_TRUE(lite.seen().nominated);
    EXPECT_TRUE(lite.echoes());
}

} // namespace
} // namespace natterjack::test
