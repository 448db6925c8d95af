// SPDX-License-Identifier: MIT
/// \file
/// \brief Everything that servers can tell about one address family, one step after the other.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include <natterjack/probe_report.hpp>

#include "probe/syn_test.hpp"
#include "probe/tcp_question.hpp"
#include "probe/test_socket.hpp"
#include "proto/changed_answer.hpp"
#include "proto/mapping_test.hpp"

namespace natterjack {

/// In the order that does not fool itself: first all servers from one socket; then filtering, each
/// question from a socket that has sent nothing; then the controls; then what contacts the servers'
/// other addresses. No port is used twice.
///
/// Belongs to the loop's thread; destroying it ends it without a word.
class FamilyRun {
public:
    struct Setup {
        IpAddress source;
        unsigned interface = 0; ///< 0: the routing table decides.
        bool quick = false;     ///< Mapping only.
        int port_samples = 8;
        bool qualify_all = false;     ///< As ProbeRequest.
        std::vector<TurnServer> turn; ///< That may connect to us.
    };
    struct Target {
        std::size_t server = 0; ///< Index into the report's servers.
        Endpoint endpoint;
    };
    struct Hooks {
        std::function<void(std::string_view)> progress;
        std::function<void()> external_known; ///< At most once; report.external is set.
        std::function<void()> done;           ///< Once, never before the constructor returned.
    };

    /// Writes findings into \a report and \a servers as they come; both must outlive this.
    FamilyRun(Loop loop, Setup setup, std::vector<Target> targets, FamilyReport& report,
              std::vector<ServerReport>& servers, Hooks hooks);
    FamilyRun(const FamilyRun&) = delete;
    FamilyRun& operator=(const FamilyRun&) = delete;

private:
    using MappingSocket = TestSocket<MappingTest>;
    using FilterSocket = TestSocket<ChangedAnswer>;

    MappingSocket& add_mapping(std::vector<Endpoint> destinations, MappingSocket::Handler done);
    void ask_filter(stun::ChangeRequest change, bool control,
                    std::optional<ChangedAnswer::Outcome>& outcome);

    void take_survey();
    void leave_out_neighbours(const std::vector<MappingTest::Row>& rows);
    void note_answer(const StunConversation::Answer& answer);
    void note_rewriting(const stun::Message& answer);
    void note_rows(const MappingSocket& socket);
    void ask_ports();
    void test_filtering();
    void take_filtering();
    void test_mapping();
    void take_mapping();
    void ask_over_tcp();
    void test_tcp_mapping(const std::vector<Endpoint>& destinations);
    void part_done();
    void test_syn();
    void end_part();
    void note_outlier(const Endpoint& endpoint);
    void judge_fresh_ports(const std::vector<std::uint16_t>& destinations);

    Loop loop_;
    Setup setup_;
    std::vector<Target> targets_;
    FamilyReport& report_;
    std::vector<ServerReport>& servers_;
    Hooks hooks_;

    std::set<Endpoint> left_out_; // servers that are on this side of the NAT
    std::vector<Target> answered_;
    std::vector<Target> candidates_; // those that name a credible other address; the first is asked
    std::optional<Target> first_candidate_;
    std::optional<Target> qualified_; // who settled the question
    int rounds_ = 0;
    AskedAgain asked_; // each on sockets of its own
    int filters_pending_ = 0;
    int parts_pending_ = 0; ///< Of the mapping tests.
    int ends_pending_ = 1;  ///< The mapping tests, and what goes on beside everything.
    std::vector<MappingTest::Row> tcp_rows_;
    std::list<MappingSocket> mappings_;
    std::list<FilterSocket> filters_;
    std::list<TcpQuestion> tcp_questions_;
    std::size_t tcp_pending_ = 0;
    std::optional<SynTest> syn_;
    MappingSocket* survey_ = nullptr;
    std::vector<MappingSocket*> fresh_; // one destination each
    std::vector<MappingSocket*> tests_; // many destinations each
};

} // namespace natterjack
