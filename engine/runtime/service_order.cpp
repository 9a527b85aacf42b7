#include "engine/runtime/service_order.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace engine {

namespace {

constexpr std::size_t kMostAccounts = 1024;

} // namespace

std::shared_ptr<ClientAccount> ServiceOrder::enter(const std::string& client) {
    if (m_accounts.size() > kMostAccounts)
        forgetIdle();
    std::shared_ptr<ClientAccount>& account = m_accounts[client];
    if (account == nullptr)
        account = std::make_shared<ClientAccount>();
    if (account->requests++ == 0) {
        double least = std::numeric_limits<double>::max();
        for (const auto& [name, other] : m_accounts)
            if (other->requests > 0 && other != account)
                least = std::min(least, other->served);
        if (least < std::numeric_limits<double>::max())
            account->served = std::max(account->served, least);
    }
    return account;
}

void ServiceOrder::forgetIdle() {
    std::erase_if(m_accounts, [](const auto& entry) { return entry.second->requests == 0; });
}

bool ServiceOrder::overdue(const Waiter& waiter, TimePoint now) const {
    const auto periods = static_cast<int>(waiter.priority) + 1;
    return !waiter.held && now - waiter.since > periods * m_settings.agingPeriod;
}

std::vector<Place> ServiceOrder::sort(std::span<const Waiter> waiters, TimePoint now) const {
    std::vector<std::uint32_t> byAge(waiters.size());
    std::iota(byAge.begin(), byAge.end(), 0U);
    std::stable_sort(byAge.begin(), byAge.end(), [&](std::uint32_t a, std::uint32_t b) {
        return std::pair(waiters[a].since, waiters[a].id) <
               std::pair(waiters[b].since, waiters[b].id);
    });

    // Where each one's client will stand when the older ones of its priority have been served.
    std::vector<double> stand(waiters.size());
    std::map<std::pair<const ClientAccount*, Priority>, double> ahead;
    for (const std::uint32_t i : byAge) {
        const Waiter& waiter = waiters[i];
        double& before = ahead[{waiter.account, waiter.priority}];
        stand[i] = (waiter.account != nullptr ? waiter.account->served : 0) + before;
        before += waiter.cost;
    }
    std::vector<std::uint32_t> regular = byAge;
    std::stable_sort(regular.begin(), regular.end(), [&](std::uint32_t a, std::uint32_t b) {
        const Waiter& x = waiters[a];
        const Waiter& y = waiters[b];
        if (x.held != y.held)
            return y.held;
        if (x.priority != y.priority)
            return x.priority < y.priority;
        if (x.resumed != y.resumed)
            return x.resumed;
        return stand[a] < stand[b];
    });

    // Both lines merged: every overdueShare-th place belongs to the oldest overdue one.
    std::vector<Place> places;
    places.reserve(waiters.size());
    std::vector<bool> placed(waiters.size());
    std::uint32_t sinceOverdue = m_sinceOverdue;
    auto old = byAge.begin();
    auto next = regular.begin();
    while (places.size() < waiters.size()) {
        while (old != byAge.end() && (placed[*old] || !overdue(waiters[*old], now)))
            ++old;
        while (placed[*next])
            ++next;
        const bool turn = old != byAge.end() && sinceOverdue + 1 >= m_settings.overdueShare;
        const std::uint32_t chosen = turn ? *old : *next;
        const bool oldest = old != byAge.end() && chosen == *old;
        placed[chosen] = true;
        places.push_back({chosen, oldest});
        sinceOverdue = oldest ? 0 : sinceOverdue + 1;
    }
    return places;
}

} // namespace engine
