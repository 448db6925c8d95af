// SPDX-License-Identifier: MIT
/// \file
/// \brief Watches over all leases of one loop: when to renew, and what the network and the gateways
/// let know.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <natterjack/loop.hpp>

#include "net/loop.hpp"
#include "net/network.hpp"
#include "net/network_watch.hpp"
#include "net/resume_watch.hpp"
#include "proto/epoch_check.hpp"
#include "proto/lease_board.hpp"
#include "strategies/gateway_ear.hpp"
#include "strategies/mapper.hpp"
#include "traversal/journal.hpp"

namespace natterjack {

/// One a loop, shared by all openings. Groups the leases by gateway, each group with a LeaseBoard
/// that says what to do. Belongs to the loop's thread.
class LeaseKeeper : public std::enable_shared_from_this<LeaseKeeper> {
public:
    using Id = LeaseBoard::Id;

    /// Whose lease it is. renew() and look() are each followed by one of granted(), stands() and
    /// failed(), unless the lease is dismissed before. Calls may destroy the client.
    class Client {
    public:
        Client() = default;
        Client(const Client&) = delete;
        Client& operator=(const Client&) = delete;
        virtual ~Client() = default;
        virtual void renew() = 0;
        virtual void look() = 0;
        /// The lifetime is over.
        virtual void lapse() = 0;
        /// Addresses or routes have changed. True: the way that the lease was made on is gone and
        /// there is another; look() is to follow, and then finds it.
        [[nodiscard]] virtual bool has_lost_its_way(const net::Network& network) = 0;
        /// Something may have happened to the gateway, beside what look() finds out.
        virtual void suspect() = 0;
        /// A mapping that \a strategy made on the same gateway was dead although the gateway listed
        /// it, and works since it was deleted and made again.
        virtual void neighbour_revived(Strategy strategy) = 0;
    };

    /// What the keeper perceives; a test does without.
    enum class Senses : std::uint8_t { Awake, Numb };

    /// The loop's keeper.
    [[nodiscard]] static std::shared_ptr<LeaseKeeper> of(const Loop& loop);
    LeaseKeeper(Loop loop, Senses senses);
    ~LeaseKeeper();
    LeaseKeeper(const LeaseKeeper&) = delete;
    LeaseKeeper& operator=(const LeaseKeeper&) = delete;

    /// Takes a lease that was just granted. \a client is borrowed until dismiss(). \a
    /// check_interval: see OpenRequest.
    [[nodiscard]] Id enroll(Client& client, const Path& path, const Mapping& mapping,
                            Duration check_interval);
    void dismiss(Id id);
    /// As dismiss(), for a lease that has found another gateway.
    void depart(Id id);

    /// The lease is to be looked at, at once.
    void hurry(Id id);

    void granted(Id id, const Mapping& mapping);
    void stands(Id id, const Mapping& mapping);
    /// Silence, or a no.
    void failed(Id id, const Error& error);
    /// See Client::neighbour_revived().
    void revived(Id id, Strategy strategy);

    /// The network is as \a network now.
    void handle_network(const net::Network& network);
    void handle_announcement(const Path& path, const Announcement& heard);
    /// Everything may be different: the host has slept.
    void check_everything();

    /// What is remembered of the gateway of \a path, shared by all mappers of this loop.
    [[nodiscard]] std::shared_ptr<GatewayMemory> memory_of(const Path& path,
                                                           const Journal& journal);
    /// Writes the memory into the journal if it has changed.
    void remember(const Path& path, const Journal& journal);
    /// Notes a change of \a journal, which is written at once, or a little later when there are
    /// many.
    void write(const Journal& journal, JournalChange change);
    /// Some time from now, removes what runs of this program that were killed left on that gateway,
    /// by mappers that \a make makes. Once for each gateway.
    void sweep(const Path& path, const Journal& journal,
               std::function<std::unique_ptr<Mapper>(const Mapping&)> make);

    /// This one: what the journal calls the owner.
    [[nodiscard]] const net::Process& process() const { return process_; }

private:
    using Key = std::pair<IpAddress, unsigned>; // gateway and interface
    struct Group {
        explicit Group(const Loop& loop, Duration check_interval);
        LeaseBoard board;
        TimePoint since; ///< The first of its leases; the gateway's tables are older.
        net::Timer timer;
        std::unique_ptr<GatewayEar> ear;
        EpochCheck pcp{EpochCheck::Rule::Pcp};
        EpochCheck natpmp{EpochCheck::Rule::NatPmp};
        std::map<std::pair<IpAddress, Strategy>, EpochCheck> outer; ///< Of the gateways beyond.
        std::map<Strategy, IpAddress> external;                     ///< As last told.
    };
    struct Member {
        Client* client = nullptr;
        Key group;
    };
    struct Memory {
        std::shared_ptr<GatewayMemory> now = std::make_shared<GatewayMemory>();
        GatewayMemory written;
    };

    void pump(const Key& key);
    void wake(const Key& key, Group& group);
    void learn(const Key& key, Group& group, const Mapping& mapping);
    void suspect(const Key& key, Group& group, Duration spread);
    void tell_of_suspicion(const Key& key);
    void start_watching();
    void flush();
    void sweep_now(const Path& path, const Journal& journal,
                   const std::function<std::unique_ptr<Mapper>(const Mapping&)>& make);

    Loop loop_;
    Senses senses_;
    net::Process process_ = net::this_process();
    Id next_id_ = 1;
    std::map<Id, Member> members_;
    std::map<Key, std::unique_ptr<Group>> groups_;
    std::map<unsigned, std::string> interfaces_; // what each was like, by index
    std::unique_ptr<net::NetworkWatch> network_watch_;
    std::unique_ptr<net::ResumeWatch> resume_watch_;
    std::map<Key, Memory> memories_;
    std::map<Key, net::Timer> sweeps_;
    std::vector<std::pair<Journal, JournalChange>> unwritten_;
    TimePoint next_write_{}; // see kWriteBurst
    net::Timer write_timer_;
    std::function<void()> written_; // lets the loop drain
};

} // namespace natterjack
