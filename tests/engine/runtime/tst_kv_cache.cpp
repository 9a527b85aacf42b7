#include "engine/runtime/kv_cache.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>
#include <set>

using namespace engine;

class TstKvCache : public QObject {
    Q_OBJECT

  private slots:
    void neverGivesOutThePaddingPage() {
        KvCache cache(11);
        QCOMPARE(cache.totalPages(), 10U);
        std::vector<PageId> pages;
        QVERIFY(cache.grow(pages, 10 * kPageTokens));
        const std::set<PageId> distinct(pages.begin(), pages.end());
        QCOMPARE(distinct.size(), std::size_t(10));
        QVERIFY(!distinct.contains(kPaddingPage));
        QCOMPARE(cache.freePages(), 0U);
    }

    void growsAllOrNothing() {
        KvCache cache(4);
        std::vector<PageId> first;
        std::vector<PageId> second;
        QVERIFY(cache.grow(first, 33)); // two pages
        QVERIFY(!cache.grow(second, 2 * kPageTokens));
        QVERIFY(second.empty());
        QCOMPARE(cache.freePages(), 1U);
        QVERIFY(cache.grow(first, 64)); // fits into what it has
        QCOMPARE(cache.usedPages(), 2U);
        cache.release(first);
        QVERIFY(first.empty());
        QVERIFY(cache.grow(second, 3 * kPageTokens));
    }

    void roundsUp() {
        QCOMPARE(pagesFor(0), 0U);
        QCOMPARE(pagesFor(1), 1U);
        QCOMPARE(pagesFor(32), 1U);
        QCOMPARE(pagesFor(33), 2U);
    }
};

INGLENOOK_SUITE(kv_cache, TstKvCache)
#include "tst_kv_cache.moc"
