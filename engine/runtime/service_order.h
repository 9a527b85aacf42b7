#pragma once
// ServiceOrder: who of the waiting goes next. By priority; within one, the client that was served
// least (weighted fair queueing: every client has an account of tokens computed for it, and a
// request's place is what its client's account will stand at); within a client, the oldest.
//
// Nothing starves: a request that has waited long enough is overdue, and of every `overdueShare`
// requests that join one is the oldest overdue one. While that one waits for a slot, only
// interactive requests that take a slot by force pass it, each sequence giving way twice at most:
// with k older overdue ones before it, an overdue request joins within
// (k + 1) * (overdueShare + 2 * slots) joins. Engine thread only.

#include "engine/runtime/admission_settings.h"
#include "engine/runtime/request.h"
#include "engine/runtime/time_source.h"

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace engine {

/// Tokens computed for one client while it is active.
struct ClientAccount {
    double served = 0;
    std::uint32_t requests = 0; ///< waiting or running
};

/// A waiting request as the order sees it.
struct Waiter {
    Priority priority = Priority::P0;
    TimePoint since; ///< when it began to wait: submitted, or gave way
    const ClientAccount* account = nullptr;
    double cost = 0;      ///< tokens it will take, as far as known
    bool resumed = false; ///< it ran and gave way: before the others of its priority
    bool held = false;    ///< by a breaker: behind all others
    RequestId id = 0;     ///< who came first of those that came at the same time
};

/// A place in the order.
struct Place {
    std::uint32_t waiter = 0; ///< index of the waiter
    bool oldestOverdue = false;
};

class ServiceOrder {
  public:
    void setSettings(const QueueSettings& settings) { m_settings = settings; }

    /// A request of this client has come. The account of a client that had none begins at least
    /// where the least served active one stands: idling earns nothing.
    std::shared_ptr<ClientAccount> enter(const std::string& client);
    static void leave(ClientAccount& account) { --account.requests; }

    /// First to last.
    std::vector<Place> sort(std::span<const Waiter> waiters, TimePoint now) const;
    /// The request at this place has joined.
    void joined(bool oldestOverdue) { m_sinceOverdue = oldestOverdue ? 0 : m_sinceOverdue + 1; }
    bool overdue(const Waiter& waiter, TimePoint now) const;

  private:
    void forgetIdle();

    QueueSettings m_settings;
    std::map<std::string, std::shared_ptr<ClientAccount>> m_accounts;
    std::uint32_t m_sinceOverdue = 0; // joins since the oldest overdue one was chosen
};

} // namespace engine
