// Who goes next: priorities, fairness by client, and the turn of the overdue.
#include "engine/runtime/service_order.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>
#include <random>

using namespace engine;
using namespace std::chrono_literals;

namespace {

const TimePoint kStart{std::chrono::hours(1)};

std::vector<std::uint32_t> sorted(const ServiceOrder& order, const std::vector<Waiter>& waiters,
                                  TimePoint now) {
    std::vector<std::uint32_t> indices;
    for (const Place& place : order.sort(waiters, now))
        indices.push_back(place.waiter);
    return indices;
}

using Indices = std::vector<std::uint32_t>;

} // namespace

class TstServiceOrder : public QObject {
    Q_OBJECT

  private slots:
    void goesByPriorityThenAge() {
        ServiceOrder order;
        const auto client = order.enter("a");
        const std::vector<Waiter> waiters = {
            {Priority::P2, kStart, client.get()},
            {Priority::P0, kStart + 3s, client.get()},
            {Priority::P1, kStart + 1s, client.get()},
            {Priority::P0, kStart + 2s, client.get()},
        };
        QCOMPARE(sorted(order, waiters, kStart + 4s), (Indices{3, 1, 2, 0}));
    }

    void whoGaveWayGoesFirstAndWhoIsHeldLast() {
        ServiceOrder order;
        const auto client = order.enter("a");
        std::vector<Waiter> waiters(3, {Priority::P2, kStart, client.get()});
        waiters[0].held = true;
        waiters[2].resumed = true;
        waiters.push_back({Priority::P2, kStart + 1s, client.get()});
        QCOMPARE(sorted(order, waiters, kStart + 2s), (Indices{2, 1, 3, 0}));
    }

    /// One client with many requests and one with few: they take turns by what they cost.
    void clientsShareByTokens() {
        ServiceOrder order;
        const auto many = order.enter("many");
        const auto few = order.enter("few");
        std::vector<Waiter> waiters;
        for (int i = 0; i < 6; ++i)
            waiters.push_back({Priority::P1, kStart + i * 1ms, many.get(), 100});
        waiters.push_back({Priority::P1, kStart + 1s, few.get(), 100});
        waiters.push_back({Priority::P1, kStart + 2s, few.get(), 100});
        QCOMPARE(sorted(order, waiters, kStart + 3s), (Indices{0, 6, 1, 7, 2, 3, 4, 5}));
        many->served = 250; // has been served already: the other goes first
        QCOMPARE(sorted(order, waiters, kStart + 3s), (Indices{6, 7, 0, 1, 2, 3, 4, 5}));
    }

    void idlingEarnsNothing() {
        ServiceOrder order;
        const auto busy = order.enter("busy");
        busy->served = 5000;
        const auto late = order.enter("late");
        QCOMPARE(late->served, 5000.0);
        ServiceOrder::leave(*late);
        busy->served = 9000;
        QCOMPARE(order.enter("late")->served, 9000.0);
        busy->served = 9500;
        late->served = 20'000; // a debt stays
        ServiceOrder::leave(*late);
        QCOMPARE(order.enter("late")->served, 20'000.0);
    }

    /// However many interactive ones come, every fourth to join is the oldest overdue one; and
    /// however many overdue ones wait, they take no more than that from the others.
    void theOverdueGetTheirShare() {
        ServiceOrder order;
        const auto client = order.enter("desktop");
        std::vector<Waiter> waiters;
        for (int i = 0; i < 10; ++i)
            waiters.push_back({Priority::P2, kStart + i * 1s, client.get(), 1});
        const TimePoint now = kStart + 10min;
        for (int i = 0; i < 30; ++i)
            waiters.push_back({Priority::P0, now - 1s + i * 1ms, client.get(), 1});
        const auto places = order.sort(waiters, now);
        std::uint32_t next = 0;
        for (std::size_t i = 0; i < places.size(); ++i) {
            const bool turn = i % 4 == 3;
            QCOMPARE(places[i].oldestOverdue, turn);
            QCOMPARE(places[i].waiter < 10, turn);
            if (turn)
                QCOMPARE(places[i].waiter, next++);
        }
        // The count goes on from one sort to the next.
        for (int i = 0; i < 3; ++i)
            order.joined(false);
        QVERIFY(order.sort(waiters, now).front().oldestOverdue);
        order.joined(true);
        QVERIFY(!order.sort(waiters, now).front().oldestOverdue);
    }

    void theBoundDependsOnThePriority() {
        ServiceOrder order;
        QueueSettings settings;
        settings.agingPeriod = 1s;
        order.setSettings(settings);
        Waiter waiter{Priority::P2, kStart, nullptr};
        QVERIFY(!order.overdue(waiter, kStart + 3s));
        QVERIFY(order.overdue(waiter, kStart + 3001ms));
        waiter.priority = Priority::P0;
        QVERIFY(order.overdue(waiter, kStart + 1001ms));
        waiter.held = true;
        QVERIFY(!order.overdue(waiter, kStart + 1h));
    }

    void everyOneHasOnePlace() {
        std::mt19937 random(7);
        for (int round = 0; round < 300; ++round) {
            ServiceOrder order;
            std::vector<std::shared_ptr<ClientAccount>> clients;
            for (const char* name : {"a", "b", "c"})
                clients.push_back(order.enter(name));
            std::vector<Waiter> waiters(random() % 40);
            for (Waiter& waiter : waiters) {
                waiter.priority = Priority(random() % 3);
                waiter.since = kStart + std::chrono::seconds(random() % 200);
                waiter.account = clients[random() % 3].get();
                waiter.cost = random() % 500;
                waiter.resumed = random() % 4 == 0;
                waiter.held = random() % 4 == 0;
            }
            std::vector<bool> seen(waiters.size());
            for (const Place& place : order.sort(waiters, kStart + 200s)) {
                QVERIFY(!seen[place.waiter]);
                seen[place.waiter] = true;
            }
            QVERIFY(std::find(seen.begin(), seen.end(), false) == seen.end());
        }
    }
};

INGLENOOK_SUITE(service_order, TstServiceOrder)
#include "tst_service_order.moc"
